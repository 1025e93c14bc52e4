"""Where two label slots go in a board's flash, by what its chip erases and programs at once.

The slots stand at the very end of a region that may hold labels, in sectors of their own: code and labels never share one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_edge.boards import Board

SLOT_BYTES = 64 << 10  # 256 labels of 128 entries fit
HEADER_UNITS = 2  # header and commit word, in units of their own


@dataclass(frozen=True)
class FlashGeometry:
    """sector_bytes: what one erase clears; program_bytes: what is programmed at once. source: the reference manual."""

    sector_bytes: int
    program_bytes: int
    source: str


# By board. A chip with sectors of several sizes: those at the end of its flash.
GEOMETRIES = {
    "stm32h7": FlashGeometry(128 << 10, 32, "RM0433: sectors of 128 KB, flash words of 256 bits with ECC"),
    "stm32f4": FlashGeometry(128 << 10, 4, "RM0090: sectors 5 to 11 of 128 KB, words of 32 bits"),
    "stm32l4": FlashGeometry(4 << 10, 8, "RM0432: pages of 4 KB in dual bank, double words of 64 bits with ECC"),
    "stm32u5": FlashGeometry(8 << 10, 16, "RM0456: pages of 8 KB, quad words of 128 bits with ECC"),
    "nrf52840": FlashGeometry(4 << 10, 4, "nRF52840 PS: pages of 4 KB, words of 32 bits"),
}
SPI_NOR = FlashGeometry(4 << 10, 256, "SPI NOR flash: sectors of 4 KB, pages of 256 bytes")


@dataclass(frozen=True)
class LabelFlash:
    """Two slots side by side from `address` on."""

    region: str
    address: int
    slot_bytes: int
    sector_bytes: int
    program_bytes: int

    @property
    def size_bytes(self) -> int:
        """Both slots."""
        return 2 * self.slot_bytes

    @property
    def capacity_bytes(self) -> int:
        """The largest pack: header (48 bytes) and commit word (8) take whole units before it. As tce_label_slots.c has it."""
        unit = self.program_bytes
        return self.slot_bytes - -(-48 // unit) * unit - -(-8 // unit) * unit


def label_flash(board: Board, used_bytes: int) -> LabelFlash | None:
    """Room for the slots of `board`, or None where `used_bytes` of code and constants leave none in a region.

    used_bytes counts against the region that holds code.
    """
    geometry = GEOMETRIES.get(board.name, SPI_NOR)
    slot = -(-SLOT_BYTES // geometry.sector_bytes) * geometry.sector_bytes
    for region in board.regions_for("labels"):
        taken = used_bytes if region.name == board.flash.name else 0
        if region.size_bytes - taken >= 2 * slot:
            end = region.end // geometry.sector_bytes * geometry.sector_bytes
            return LabelFlash(region.name, end - 2 * slot, slot, geometry.sector_bytes, geometry.program_bytes)
    return None
