"""Boards whose firmware runs on the bare chip, with its own drivers: which sources of firmware/ports make such a port.

A board with a port has two images: the one that is flashed, with these drivers, and the one that counts instructions,
where an emulator answers for sound, text and flash (semihosting). Every other emulated board has the second one only.

Which microphone is wired is the board's audio.kind; a port has a driver for each kind that it lists, and an image has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import UsageError
from tinyclap_edge.resources import firmware_dir


@dataclass(frozen=True)
class BarePort:
    """Patterns in firmware/ports: of all images of a chip, and of a microphone's driver by its kind."""

    sources: tuple[str, ...]
    microphones: Mapping[str, tuple[str, ...]]


_CORTEX_M = ("semihost/tce_start.[ch]", "arm/*.[ch]")
_STM32 = (*_CORTEX_M, "arm_stm32/*.[ch]")
_BITS = "pdm/*.[ch]"  # the filter of a PDM microphone, where the chip has none

PORTS: dict[str, BarePort] = {
    "stm32f4": BarePort(
        (*_STM32, "stm32f405/*.[ch]"), {"i2s": ("stm32f405/i2s/*.c",), "pdm": (_BITS, "stm32f405/pdm/*.c")}
    ),
    "stm32h7": BarePort(
        (*_STM32, "stm32h743/*.[ch]"), {"i2s": ("stm32h743/i2s/*.c",), "pdm": (_BITS, "stm32h743/pdm/*.c")}
    ),
    "nrf52840": BarePort((*_CORTEX_M, "nrf52840/*.[ch]"), {"pdm": ("nrf52840/pdm/*.c",), "i2s": ("nrf52840/i2s/*.c",)}),
    "rp2040": BarePort(
        ("bare/*.[ch]", "rp2040/*.[ch]"), {"i2s": ("rp2040/i2s/*.c",), "pdm": (_BITS, "rp2040/pdm/*.c")}
    ),
    "esp32c3": BarePort(
        ("bare/*.[ch]", "esp32c3/*.[ch]"), {"i2s": ("esp32c3/i2s/*.c",), "pdm": (_BITS, "esp32c3/pdm/*.c")}
    ),
}
SEMIHOSTING = ("semihost/*.[ch]", "semihost_link/*.[ch]")


def has_port(board: Board) -> bool:
    """Whether there is an image for the bare chip."""
    return board.name in PORTS


def port_files(board: Board) -> list[Path]:
    """The sources of the board's port with the driver of its microphone (UsageError without one); none where it has no port."""
    if not has_port(board):
        return []
    port, kind = PORTS[board.name], with_microphone(board, board.audio.kind).audio.kind
    return files_of((*port.sources, *port.microphones[kind]))


def files_of(patterns: tuple[str, ...]) -> list[Path]:
    """Source files by patterns in firmware/ports."""
    ports = firmware_dir() / "ports"
    return [path for pattern in patterns for path in sorted(ports.glob(pattern))]


def with_microphone(board: Board, kind: str) -> Board:
    """The board with another kind of microphone wired to it: "i2s" or "pdm". UsageError where its port has no driver."""
    port = PORTS.get(board.name)
    if port is None:
        raise UsageError(
            f"{board.name} has no drivers of its own, so no microphone can be chosen for it",
            f"boards that have: {', '.join(PORTS)}",
        )
    if kind not in port.microphones:
        raise UsageError(
            f"{board.name} has no driver for a microphone of kind {kind!r}", f"one of {', '.join(port.microphones)}"
        )
    return replace(board, audio=replace(board.audio, kind=kind))
