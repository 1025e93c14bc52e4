"""Serial boards without hardware: an exported firmware, on this PC or in the emulator, behind a pty.

    with EmulatorBoard(board, elf, sound, flash=Path("labels.flash")) as running:
        ...                             # open running.port as any serial port

The board listens to `sound` and answers the link (docs/protocol.md). Its flash is a file, so pushed labels are still there
when it is started again.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.board_files import FlashFile, LinkFile, SoundFile, WaitFile, WatchdogFile
from tinyclap_edge.device.board_sound import FedSound, Sound
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.semihosting import GuestDevice, SemihostingFiles
from tinyclap_edge.device.emulator.unicorn_target import virtual_board
from tinyclap_edge.device.run_result import command_line
from tinyclap_edge.device.running_board import RunningBoard
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.errors import DeviceError, TinyclapError

FOREVER_S = 1e8
_STOP_S = 30.0


class EmulatorBoard(RunningBoard):
    """A virtual board in unicorn, behind a pty. flash: the file that keeps its labels; baud: the line's speed, None: no
    slower than this PC. watchdog_ms: by this PC's clock, None: it has none; `resets` counts what it did."""

    def __init__(
        self,
        board: Board,
        elf: Path | str,
        sound: Sound,
        flash: Path,
        hop_frames: int | None = None,
        baud: int | None = None,
        watchdog_ms: int | None = None,
    ) -> None:
        self.line = SerialLine(baud)
        self.port = self.line.port
        image = read_elf(elf)
        start, end = (image.symbols.get(f"tce_ld_labels_{name}", 0) for name in ("start", "end"))
        self._waiting = WaitFile(self.line, sound)
        devices: dict[str, GuestDevice] = {
            "pcm.bin": SoundFile(sound),
            ":tce-link": LinkFile(self.line),
            ":tce-wait": self._waiting,
        }
        self._watchdog = WatchdogFile(self._interrupt)
        settings = command_line(hop_frames)
        if watchdog_ms is not None:
            devices[":tce-watchdog"] = self._watchdog
            settings += f" watchdog={watchdog_ms}"
        sector = image.symbols.get("tce_ld_labels_sector", 0)
        memory = FlashFile(flash, end - start, sector) if end > start else None
        if memory is not None:
            devices["labels.flash"] = memory
        files = SemihostingFiles(
            {},
            settings,
            devices=devices,
            on_console=self.line.send,
        )
        machine = virtual_board(board, image, files)
        self._machine: Any = machine
        if memory is not None:
            engine = machine.engine
            memory.show = lambda at, data: engine.mem_write(start + at, data)
            memory.show(0, bytes(memory.content))
        if isinstance(sound, FedSound):
            sound.on_feed = self.line.wake
        super().__init__()

    def __enter__(self) -> EmulatorBoard:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def work(self) -> None:
        """One run after another, each ended by the watchdog; the last one by itself or by `stop`."""
        while not self._runs_to_its_end():
            self._watchdog.reset()

    def _runs_to_its_end(self) -> bool:
        """One run from the reset on; False when the watchdog ended it. Memory stays as it was, as in a chip."""
        try:
            self._machine.run(FOREVER_S)
        except TinyclapError:
            if not self._watchdog.bitten:
                raise
            return False
        return True

    def _interrupt(self) -> None:
        """End the run, wherever it is."""
        if self._machine is not None:
            self._machine.engine.emu_stop()

    @property
    def resets(self) -> int:
        """Times that the watchdog has reset the board."""
        return self._watchdog.resets

    def stop(self) -> None:
        """End the firmware: it hears that neither sound nor bytes can come any more."""
        self._watchdog.close()
        self._waiting.stopped = True
        self.line.wake()
        try:
            self.await_end()
        except DeviceError:  # in an endless loop of its own
            self._machine.engine.emu_stop()
            raise
        self._machine = None  # unicorn is freed here: at the interpreter's own end it crashes
        self.line.close()


class HostBoard:
    """The host target's program behind a pty. `folder` holds its sound (pcm.bin) and its flash (labels.flash).

    pcm: (n,) int16, heard at once; the board then goes on answering. None: the caller writes to the FIFO pcm.bin.
    """

    def __init__(
        self, program: Path | str, folder: Path, pcm: np.ndarray | None, hop_frames: int | None = None
    ) -> None:
        sound = folder / "pcm.bin"
        if pcm is None:
            sound.unlink(missing_ok=True)
            os.mkfifo(sound)
        else:
            sound.write_bytes(np.ascontiguousarray(pcm, "<i2").tobytes())
        self.line = SerialLine()
        self.port = self.line.port
        command = [os.fspath(Path(program).resolve()), *command_line(hop_frames).split()[1:], "link=1"]
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._to_line, self._from_line)]
        self._stopped = False

    def __enter__(self) -> HostBoard:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _to_line(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 4096):
            self.line.send(data)

    def _from_line(self) -> None:
        assert self._process.stdin is not None
        while not self._stopped:
            if self.line.wait(None) and (data := self.line.receive(4096)):
                os.write(self._process.stdin.fileno(), data)

    def stop(self) -> None:
        """Close the link: the program ends when its sound has ended too, or is ended."""
        self._stopped = True
        self.line.wake()
        self._threads[1].join(_STOP_S)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._threads[0].join(_STOP_S)
        self._process.stdout.close()
        self.line.close()
