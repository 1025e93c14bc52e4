"""Which models a board's chip is made of: a registry by board name. Each chip stands in a file of its own.

CHIPS["stm32f4"](board, wire, microphone)   ->   Chip
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.peripheral import Peripheral


class Core(Protocol):
    """How a kind of core starts, takes interrupts and sleeps; it drives the unicorn engine of the machine."""

    peripherals: Sequence[Peripheral]  # its own: interrupt controller, cycle counter
    lines: set[int]  # interrupt lines that are asserted

    def attach(self, engine: Any) -> None:
        """The engine whose registers it works on; before anything else."""

    def begin(self, vectors: int) -> None:
        """As a reset does: registers, stack pointer and program counter from `vectors`, the address where a reset begins."""

    def pending(self) -> bool:
        """Whether an interrupt waits that would wake the core, taken or not."""

    def held_back(self) -> bool:
        """Whether an interrupt waits only until the program, not a handler, turns interrupts on again."""

    def deliver(self) -> bool:
        """Enter the handler of a waiting interrupt if the core would now; whether it did."""

    def returned(self) -> bool:
        """Whether the engine stopped at the end of a handler; the interrupted program then goes on."""

    @property
    def program_counter(self) -> int:
        """Where the engine goes on; with the Thumb bit where there is one."""

    def asleep(self) -> bool:
        """Whether the engine stopped behind a WFI."""


class FlashModel(Protocol):
    """A flash controller's model, as the machine and the tests see it."""

    cells: FlashArray

    def store(self, address: int, size: int, value: int) -> bool:
        """The core has stored into flash; whether the controller knows what that means (if not, the bus faults)."""


@dataclass(frozen=True)
class Chip:
    """A chip, ready to be put on a board."""

    core: Core
    peripherals: Sequence[Peripheral]  # beside the core's own
    flash: FlashModel
    vectors: int  # address where a reset finds stack pointer and entry (Cortex-M), or the entry itself (RISC-V)


MakeChip = Callable[[Board, SerialWire, Microphone], Chip]

# board -> module of this package with `make_chip`; loaded when it is needed
CHIPS = {
    "stm32f4": "stm32f405",
    "stm32h7": "stm32h743",
    "nrf52840": "nrf52840",
    "rp2040": "rp2040",
    "esp32c3": "esp32c3",
}


def find_chip(board: Board) -> MakeChip | None:
    """The maker of the board's chip; None where no model is written."""
    name = CHIPS.get(board.name)
    return importlib.import_module(f"{__package__}.{name}").make_chip if name else None
