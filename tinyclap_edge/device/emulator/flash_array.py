"""The cells of a NOR flash as its controllers' models use them: an erase fills a sector with ones, programming clears bits.

A cut of power in the middle of an operation leaves the sector or the unit half done, as a chip might: some bytes old,
some new, some neither.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tinyclap_edge.device.emulator.peripheral import Surroundings


@dataclass
class FlashArray:
    """Cells from `start` on. sectors: their sizes in order; unit: bytes that are programmed at once.

    once: whether a unit may be programmed once only after an erase (it carries a checksum of its own, as on an STM32H7).
    erase_s, program_s: typical times, of an erase by sector size, and of one unit.
    """

    start: int
    sectors: Sequence[int]
    unit: int
    erase_s: Callable[[int], float]
    program_s: float
    once: bool = False
    cut_at: int | None = None  # number of the operation in whose middle the power goes
    operations: int = 0  # erases and programmed units
    broken_rules: list[str] = field(default_factory=list)  # what a driver did against the manual
    on_change: Callable[[int, bytes], None] = lambda address, data: None

    def __post_init__(self) -> None:
        self.size = sum(self.sectors)
        self._random = random.Random(0)
        self.board: Surroundings

    def sector_at(self, number: int) -> tuple[int, int]:
        """(address, size) of a sector by its number."""
        return self.start + sum(self.sectors[:number]), self.sectors[number]

    def sector_of(self, address: int) -> int:
        """The number of the sector that begins at `address`; ValueError where none does."""
        starts = [self.sector_at(n)[0] for n in range(len(self.sectors))]
        return starts.index(address)

    def erase(self, number: int) -> None:
        """One sector to ones."""
        address, size = self.sector_at(number)
        if self._counted():
            done = self._random.randrange(size)
            self._put(address, b"\xff" * done + self._random.randbytes(min(16, size - done)))
            return
        self._put(address, b"\xff" * size)
        self.board.spend(self.erase_s(size))

    def program(self, address: int, data: bytes) -> None:
        """One unit, at a multiple of its size."""
        if address % self.unit or len(data) != self.unit:
            self.broken_rules.append(f"{len(data)} bytes programmed at 0x{address:08X}, a unit is {self.unit}")
            return
        was = self.board.read_memory(address, self.unit)
        now = bytes(a & b for a, b in zip(was, data, strict=True))
        if was != b"\xff" * self.unit and (self.once or now != data):
            self.broken_rules.append(f"programmed again without an erase at 0x{address:08X}")
            now = now if not self.once else bytes(a & b ^ 1 for a, b in zip(was, data, strict=True))
        if self._counted():
            wanted = self._random.randrange(256)
            now = bytes(a & (b | ~wanted & 0xFF) for a, b in zip(was, data, strict=True))
            self._put(address, now)
            return
        self._put(address, now)
        self.board.spend(self.program_s)

    def _counted(self) -> bool:
        """Counts an operation; whether the power goes in its middle."""
        self.operations += 1
        if self.cut_at is None or self.operations < self.cut_at:
            return False
        self.board.cut_power()
        return True

    def _put(self, address: int, data: bytes) -> None:
        self.board.write_memory(address, data)
        self.on_change(address, data)
