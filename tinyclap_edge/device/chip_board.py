"""A board as it is flashed, behind a pty: its own image, with the chip's drivers, on models of its peripherals.

    with ChipBoard(board, elf, sound, flash=Path("labels.flash")) as running:
        ...                             # open running.port as any serial port

The other serial board (serial_board.py) is quicker, since an emulator answers there for sound, text and flash; here they pass
through the chip's UART, DMA, flash controller and watchdog. The board's time is that of its core; it does not run ahead of
this PC's, unless a caller feeds it its sound.
"""

from __future__ import annotations

import threading
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.device.board_sound import FedSound, Sound
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import find_chip
from tinyclap_edge.device.emulator.machine import Machine
from tinyclap_edge.device.emulator.peripheral import ResetCause
from tinyclap_edge.device.running_board import RunningBoard
from tinyclap_edge.device.serial_line import SerialLine
from tinyclap_edge.errors import UsageError

BAUD = 115_200
_START_S = 20.0


class _Line(SerialLine):
    """A line that knows when the board has said something."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken = threading.Event()

    def send(self, data: bytes) -> None:
        super().send(data)
        self.spoken.set()


class ChipBoard(RunningBoard):
    """A virtual chip behind a pty, which has started when the context begins. flash: the file that keeps its labels. UsageError for a chip that has no models."""

    def __init__(self, board: Board, elf: Path | str, sound: Sound, flash: Path, baud: int | None = None) -> None:
        super().__init__()
        make_chip = find_chip(board)
        if make_chip is None:
            raise UsageError(f"there are no models of the chip of {board.name}", "emulate it without --chip")
        self.line = _Line()
        self.port = self.line.port
        wire, microphone = SerialWire(self.line, baud or BAUD), Microphone(sound)
        image, chip = read_elf(elf), make_chip(board, wire, microphone)
        self._labels_at = image.symbols.get("tce_ld_labels_start", 0)
        size = image.symbols.get("tce_ld_labels_end", 0) - self._labels_at
        known = flash.read_bytes()[:size] if flash.is_file() else b""
        self._labels, self._flash = bytearray(known.ljust(size, b"\xff")), flash
        chip.flash.cells.on_change = self._keep
        paced = not isinstance(sound, FedSound)
        self.machine = Machine(board, image, chip, wire, microphone, real_time=paced)
        if isinstance(sound, FedSound):
            sound.on_feed = self.line.wake

    def __enter__(self) -> ChipBoard:
        self.machine.power_up()
        self.machine.write_memory(self._labels_at, bytes(self._labels))
        self.start()
        self.line.spoken.wait(_START_S)  # a firmware that says nothing is met all the same
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _keep(self, address: int, data: bytes) -> None:
        """Labels as they lie in flash, in the file too."""
        at = address - self._labels_at
        if 0 <= at < len(self._labels):
            self._labels[at : at + len(data)] = data
            self._flash.write_bytes(self._labels)

    def work(self) -> None:
        """Until its power is taken away."""
        self.machine.run()

    @property
    def resets(self) -> int:
        """Times that its watchdog has reset it."""
        return self.machine.reset_causes.count(ResetCause.WATCHDOG)

    def stop(self) -> None:
        """Take the board's power away."""
        self.machine.stop()
        self.await_end()
        self.line.close()
