"""What stands behind the addresses of a virtual board: models of memory-mapped peripherals.

A model is a `Peripheral`: registers at a base address, read and written by the core, and a life of its own in the board's
time. It reaches the rest of the board through `Surroundings` alone: memory (as its DMA would), an interrupt line, the
clock, reset. chips.py says which models a chip is made of; the machine that runs them is virtual_board.py.

    class Counter(Peripheral):
        def on_read(self, offset):          # a 32-bit register; narrower accesses are cut out of it
            return int(self.board.now_s * 1e6) if offset == 0x24 else super().on_read(offset)

Time is the board's own: it passes as instructions are executed, and jumps to the next `due_s` of a peripheral while the
core sleeps. A model that would keep the core polling for a flag may let that time pass at once with `board.spend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar, Protocol

_WORD = 0xFFFFFFFF


class ResetCause(Enum):
    """Why a core starts."""

    POWER = "power"
    PIN = "pin"
    SOFTWARE = "software"
    WATCHDOG = "watchdog"


class Surroundings(Protocol):
    """What a peripheral reaches of its board."""

    now_s: float  # seconds since power-up, in the board's own time

    def read_memory(self, address: int, count: int) -> bytes:
        """`count` bytes as a bus master sees them."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Bytes into memory, flash included: rules of flash are its controller's model's business."""

    def set_line(self, line: int, asserted: bool) -> None:
        """An interrupt line of the core's controller: held while `asserted`, as long as its cause stands."""

    def spend(self, seconds: float) -> None:
        """Let time pass at once: the core waits, on the bus or in a loop that looks at a flag."""

    def pause(self, until_s: float) -> None:
        """Let time pass until `until_s`, or until something else is due before that: a load of a busy flag comes again."""

    def reset(self, cause: ResetCause) -> None:
        """Reset the chip; the core stops behind the access that is under way."""

    def cut_power(self) -> None:
        """Nothing happens any more until somebody powers the board up again."""


class Peripheral:
    """A block of `size` bytes of registers from `base` on, which keeps what is written to it.

    RESETS: what a register holds after a reset, by offset; 0 elsewhere. HOLDS: offsets that only power-up resets.
    """

    RESETS: ClassVar[Mapping[int, int]] = {}
    HOLDS: ClassVar[frozenset[int]] = frozenset()
    IN_SILENCE: ClassVar[bool] = (
        False  # whether its time passes while the microphone has nothing to hear: a UART's does
    )

    def __init__(self, base: int, size: int = 0x400) -> None:
        self.base, self.size = base, size
        self.registers: dict[int, int] = {}
        self.board: Surroundings  # set by the machine before the first reset

    def reset(self, cause: ResetCause) -> None:
        """As the chip's reset leaves it."""
        kept = {} if cause is ResetCause.POWER else {o: v for o, v in self.registers.items() if o in self.HOLDS}
        self.registers = dict(self.RESETS) | kept

    def read(self, offset: int, size: int) -> int:
        """A load of 1, 2 or 4 bytes."""
        word = self.on_read(offset & ~3)
        return word >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """A store of 1, 2 or 4 bytes. A narrow one leaves the register's other bytes as they are stored."""
        at = offset & ~3
        if size < 4:
            shift, mask = 8 * (offset & 3), ((1 << 8 * size) - 1) << 8 * (offset & 3)
            value = self.registers.get(at, 0) & ~mask | value << shift & mask
        self.on_write(at, value & _WORD)

    def on_read(self, offset: int) -> int:
        """The 32-bit register at `offset`, a multiple of 4."""
        return self.registers.get(offset, 0)

    def on_write(self, offset: int, value: int) -> None:
        """A new value for the register at `offset`."""
        self.registers[offset] = value

    def due_s(self) -> float | None:
        """When the peripheral does something by itself next, in the board's time; None: it waits for somebody."""
        return None

    def advance(self) -> None:
        """Time has passed: do all that was due until board.now_s. Called after every slice of instructions, too."""


class ReadyBits(Peripheral):
    """A block whose status bits follow its enable bits at once: clocks, regulators, voltage scales.

    follows: (offset of the status, bit) -> (offset of the control, bit): set in what is read whenever the other is set.
    always: bits that are always read as set, by offset.
    """

    def __init__(
        self,
        base: int,
        size: int = 0x400,
        follows: dict[tuple[int, int], tuple[int, int]] | None = None,
        always: dict[int, int] | None = None,
    ) -> None:
        super().__init__(base, size)
        self.follows, self.always = follows or {}, always or {}

    def on_read(self, offset: int) -> int:
        word = super().on_read(offset) | self.always.get(offset, 0)
        for (status, bit), (control, cause) in self.follows.items():
            if status == offset:
                on = self.registers.get(control, 0) >> cause & 1
                word = word & ~(1 << bit) | on << bit
        return word
