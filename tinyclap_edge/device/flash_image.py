"""An ELF image as flashing tools want it: as it is, flat bytes, or UF2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.uf2 import uf2_blocks
from tinyclap_edge.errors import CorruptFile, DoesNotFit

ERASED = b"\xff"


@dataclass(frozen=True)
class FlashImage:
    """A file for a tool. address: of its first byte in the chip's memory; offset: from the begin of the flash."""

    path: Path
    address: int
    offset: int
    bytes_written: int


def flat_image(image: ElfImage, board: Board) -> tuple[int, bytes]:
    """(address, bytes) of what flash holds, gaps filled with FF. DoesNotFit where a segment lies outside of it."""
    flash = board.flash
    for segment in image.segments:
        over = segment.address + len(segment.data) - flash.end
        if segment.address < flash.address or over > 0:
            raise DoesNotFit(
                f"the image has {len(segment.data):,} bytes at {segment.address:#010x}, outside of {board.name}'s {flash.name} "
                f"({flash.address:#010x} to {flash.end:#010x})" + (f": {over:,} bytes too many" if over > 0 else ""),
                "export for the board that you have, or choose a smaller student",
            )
    if not image.segments:
        raise CorruptFile("the image holds nothing to flash", "build it again")
    start = min(s.address for s in image.segments)
    flat = bytearray()
    for segment in sorted(image.segments, key=lambda s: s.address):
        gap = segment.address - start - len(flat)
        if gap < 0:
            raise CorruptFile("two segments of the image overlap", "build it again")
        flat += ERASED * gap + segment.data
    return start, bytes(flat)


def make_image(elf: Path, board: Board, kind: str, detail: str) -> FlashImage:
    """The file for a tool, beside the ELF. kind: "elf", "bin" or "uf2"; detail: for UF2, the family in hex."""
    start, flat = flat_image(read_elf(elf), board)
    path = elf
    if kind == "bin":
        path = elf.with_suffix(".bin")
        path.write_bytes(flat)
    elif kind == "uf2":
        path = elf.with_suffix(".uf2")
        path.write_bytes(uf2_blocks(flat, start, int(detail, 16)))
    return FlashImage(path, start, start - board.flash.address, len(flat))
