"""Virtual bare boards for the tests: an image of port_probe.c with a chip's own port, on the chip's models, in this thread."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from device.fake_firmware import ARENA, write_parts
from device.images import WARNINGS, compile_project, fake_config
from serial_boards import pack

from tinyclap_edge.boards import Board, find_board
from tinyclap_edge.device.bare_ports import port_files, with_microphone
from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import find_chip
from tinyclap_edge.device.emulator.machine import Machine
from tinyclap_edge.device.emulator.peripheral import Peripheral
from tinyclap_edge.device.memory_plan import for_bare_port, linker_script, plan_memory
from tinyclap_edge.device.platformio_project import FirmwareParts, write_project
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.resources import firmware_dir

PROBE = Path(__file__).with_name("port_probe.c")


def bare_image(
    root: Path, name: str, source: Path = PROBE, toolchain: str = "zig", microphone: str | None = None
) -> Path:
    """`source` with the bare port of a board, every warning an error. microphone: another kind than the board's file says."""
    board = find_board(name)
    board = with_microphone(board, microphone) if microphone else board
    root.mkdir(parents=True, exist_ok=True)
    script = root / "board.ld"
    script.write_text(linker_script(for_bare_port(plan_memory(board, 1024), board)))
    tool = find_toolchain(board, toolchain)
    ports, elf = firmware_dir() / "ports", root / f"{name}.elf"
    files = port_files(board)
    folders = [*sorted({file.parent for file in files}), ports / "freestanding", ports, firmware_dir() / "labels"]
    sources = [source, *(file for file in files if file.suffix == ".c"), ports / "freestanding" / "tce_memory.c"]
    command = [*tool.cc, *tool.compile_flags, *WARNINGS, *(f"-I{folder}" for folder in folders), *map(str, sources)]
    command += [*tool.link_flags, f"-Wl,-T,{script}", "-o", str(elf), *tool.libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return elf


class QuietLine:
    """A line whose other end is the test."""

    def __init__(self) -> None:
        self.said, self._coming = bytearray(), bytearray()
        self.on_said: Callable[[], None] = lambda: None

    def type(self, data: bytes) -> None:
        self._coming += data

    def wait(self, seconds: float | None) -> bool:
        return bool(self._coming)

    def receive(self, count: int) -> bytes:
        data = bytes(self._coming[:count])
        del self._coming[:count]
        return data

    def send(self, data: bytes) -> None:
        self.said += data
        self.on_said()

    def wake(self) -> None:
        pass


class _AlarmClock(Peripheral):
    """Stops the machine at a time of the board's."""

    def __init__(self) -> None:
        super().__init__(0xF0000000, 4)
        self.at_s = -1.0
        self.stop: Callable[[], None] = lambda: None

    def due_s(self) -> float | None:
        return self.at_s if self.at_s >= 0 else None

    def advance(self) -> None:
        self.at_s = -1.0
        self.stop()


class ProbedBoard:
    """A board that runs the probe. `ask` types a question and gives the line that answers it."""

    def __init__(self, image: Path, name: str) -> None:
        self.board: Board = find_board(name)
        self.line, self.sound = QuietLine(), FedSound()
        wire, self.microphone = SerialWire(self.line), Microphone(self.sound)
        self.microphone.broken = True  # time passes until there is something to hear
        make_chip = find_chip(self.board)
        assert make_chip is not None
        self.chip = make_chip(self.board, wire, self.microphone)
        self._clock = _AlarmClock()
        chip = replace(self.chip, peripherals=[*self.chip.peripherals, self._clock])
        self.machine = Machine(self.board, read_elf(image), chip, wire, self.microphone)
        self.line.on_said = self._clock.stop = self.machine.stop

    def power_up(self) -> str:
        """Starts it; the first line that it says."""
        self.machine.power_up()
        return self.await_line()

    def ask(self, question: str) -> str:
        self.line.type(question.encode())
        return self.await_line()

    def run_for(self, seconds: float, until_said: bool = False) -> None:
        """Runs on in the board's time, or only until something is said."""
        self._clock.at_s = self.machine.now_s + seconds
        end = self._clock.at_s
        while self.machine.now_s < end and not self.machine.dark:
            if until_said and self.line.said:
                break
            self.machine._stopping = False
            self.machine.run()

    def hear(self, pcm: np.ndarray) -> None:
        """Sound for the microphone, until all of it has been heard."""
        self.microphone.broken = False
        self.sound.feed(pcm)
        on_said, self.line.on_said = self.line.on_said, lambda: None
        self.machine._stopping = False
        self.machine.run(until_quiet=True)
        self.line.on_said, self.microphone.broken = on_said, True

    def await_line(self, seconds: float = 5.0) -> str:
        """The next line, within so much of the board's time."""
        limit = self.machine.now_s + seconds
        while b"\n" not in self.line.said:
            assert self.machine.now_s < limit, f"the board says nothing more than {bytes(self.line.said)!r}"
            self.machine._stopping = False
            self.machine.run()
        line, _, rest = bytes(self.line.said).partition(b"\n")
        self.line.said[:] = rest
        return line.decode("ascii")


class BoardStream:
    """The host's end of the line: the board runs while the host waits."""

    def __init__(self, board: ProbedBoard) -> None:
        self._board = board

    def write(self, data: bytes) -> None:
        self._board.line.type(data)

    def read(self) -> bytes:
        self._board.run_for(0.3, until_said=True)
        data = bytes(self._board.line.said)
        self._board.line.said.clear()
        return data


@cache
def application_image(name: str, microphone: str | None = None) -> Path:
    """The whole application with the small encoder and the real label code, with a board's own port; once a process."""
    root, board = Path(tempfile.mkdtemp(prefix="tce-bare-")), find_board(name)
    board = with_microphone(board, microphone) if microphone else board
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    folders = write_parts(root / "parts")
    parts = FirmwareParts(folders["encoder"], ARENA, 0, folders["frontend"], pack(3).to_bytes())
    write_project(root / "project", board, parts, fake_config())
    return compile_project(root / "project", board, port=True)
