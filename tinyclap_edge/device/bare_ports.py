"""Boards whose firmware runs on the bare chip, with its own drivers: which sources of firmware/ports make such a port.

A board with a port has two images: the one that is flashed, with these drivers, and the one that counts instructions,
where an emulator answers for sound, text and flash (semihosting). Every other emulated board has the second one only.
"""

from __future__ import annotations

from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.resources import firmware_dir

_CORTEX_M = ("semihost/tce_start.[ch]", "arm/*.[ch]")
_STM32 = (*_CORTEX_M, "arm_stm32/*.[ch]")

# Patterns in firmware/ports, by board.
PORTS: dict[str, tuple[str, ...]] = {
    "stm32f4": (*_STM32, "stm32f405/*.[ch]"),
    "stm32h7": (*_STM32, "stm32h743/*.[ch]"),
    "nrf52840": (*_CORTEX_M, "nrf52840/*.[ch]"),
    "rp2040": ("rp2040/*.[ch]",),
    "esp32c3": ("esp32c3/*.[ch]",),
}
SEMIHOSTING = ("semihost/*.[ch]", "semihost_link/*.[ch]")


def port_files(patterns: tuple[str, ...]) -> list[Path]:
    """The source files of a port."""
    ports = firmware_dir() / "ports"
    return [path for pattern in patterns for path in sorted(ports.glob(pattern))]


def has_port(board: Board) -> bool:
    """Whether there is an image for the bare chip."""
    return board.name in PORTS
