"""A virtual board in this thread, in its own time: a link whose every byte takes ten bits of the board's line.

    board = BoardInTime(bundle.board, elf)
    link = board.link()
    begun = board.now_s
    push(link, pack)
    board.now_s - begun                 # seconds of the board, this PC's speed left out

The host answers at once: what passes is the line, the core (boards.yaml's cycles an instruction) and the chip's flash.
"""

from __future__ import annotations

from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import find_chip
from tinyclap_edge.device.emulator.machine import Machine
from tinyclap_edge.device.link import Link
from tinyclap_edge.device.link_port import BAUD
from tinyclap_edge.errors import UsageError


class _Line:
    """The board's end of a line whose other end is in this thread."""

    def __init__(self) -> None:
        self.coming, self.said = bytearray(), bytearray()

    def wait(self, seconds: float | None) -> bool:
        return bool(self.coming)

    def receive(self, count: int) -> bytes:
        data = bytes(self.coming[:count])
        del self.coming[:count]
        return data

    def send(self, data: bytes) -> None:
        self.said += data

    def wake(self) -> None:
        pass


class BoardInTime:
    """A chip's own image on its models. It is a Stream: `read` lets the board run until it waits for something."""

    def __init__(self, board: Board, elf: Path, baud: int = BAUD) -> None:
        make_chip = find_chip(board)
        if make_chip is None:
            raise UsageError(f"there are no models of the chip of {board.name}", "emulator/chips.py lists the others")
        self.sound, self._line = FedSound(), _Line()
        wire, microphone = SerialWire(self._line, baud), Microphone(self.sound)
        chip = make_chip(board, wire, microphone)
        self.machine = Machine(board, read_elf(elf), chip, wire, microphone)
        self.machine.power_up()

    @property
    def now_s(self) -> float:
        """Seconds since power-up."""
        return self.machine.now_s

    def link(self) -> Link:
        """The host's side, with the board's clock."""
        return Link(self, clock=lambda: self.now_s)

    def write(self, data: bytes) -> None:
        """Bytes for the board."""
        self._line.coming += data

    def read(self) -> bytes:
        """What the board says until it waits for sound or bytes."""
        self.machine.run(until_quiet=True)
        data = bytes(self._line.said)
        self._line.said.clear()
        return data
