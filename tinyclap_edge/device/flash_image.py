"""An ELF image as flashing tools want it: as it is, flat bytes, or UF2.

Where label slots stand between vectors and code, flat bytes come in two parts: a file over both would erase pushed labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, Segment, read_elf
from tinyclap_edge.device.uf2 import uf2_blocks
from tinyclap_edge.errors import CorruptFile, DoesNotFit

ERASED = b"\xff"


@dataclass(frozen=True)
class FlashPart:
    """A file for a tool. address: of its first byte in the chip's memory; offset: from the begin of the flash."""

    path: Path
    address: int
    offset: int
    bytes_written: int


@dataclass(frozen=True)
class FlashImage:
    """What a tool writes, from the lowest address on."""

    parts: tuple[FlashPart, ...]

    @property
    def bytes_written(self) -> int:
        """Of all parts."""
        return sum(part.bytes_written for part in self.parts)


def flat_parts(image: ElfImage, board: Board) -> list[Segment]:
    """What flash holds, gaps filled with FF; what stands before the label slots and what stands behind them apart.

    DoesNotFit where a segment lies outside of flash, or in the slots.
    """
    flash = board.flash
    slots = image.symbols.get("tce_ld_labels_start", 0), image.symbols.get("tce_ld_labels_end", 0)
    parts: list[tuple[int, bytearray]] = []
    for segment in sorted(image.segments, key=lambda s: s.address):
        end = segment.address + len(segment.data)
        over = end - flash.end
        if segment.address < flash.address or over > 0:
            raise DoesNotFit(
                f"the image has {len(segment.data):,} bytes at {segment.address:#010x}, outside of {board.name}'s {flash.name} "
                f"({flash.address:#010x} to {flash.end:#010x})" + (f": {over:,} bytes too many" if over > 0 else ""),
                "export for the board that you have, or choose a smaller student",
            )
        if segment.address < slots[1] and end > slots[0]:
            raise DoesNotFit(
                f"the image has {len(segment.data):,} bytes at {segment.address:#010x}, where {board.name} keeps its labels",
                "export it again with this version",
            )
        if not parts or parts[-1][0] < slots[0] <= segment.address:
            parts.append((segment.address, bytearray()))
        start, flat = parts[-1]
        gap = segment.address - start - len(flat)
        if gap < 0:
            raise CorruptFile("two segments of the image overlap", "build it again")
        flat += ERASED * gap + segment.data
    if not parts:
        raise CorruptFile("the image holds nothing to flash", "build it again")
    return [Segment(start, bytes(flat)) for start, flat in parts]


def make_image(elf: Path, board: Board, kind: str, detail: str) -> FlashImage:
    """The files for a tool, beside the ELF. kind: "elf", "bin" or "uf2"; detail: for UF2, the family in hex."""
    parts = flat_parts(read_elf(elf), board)
    if kind == "elf":  # a tool erases what its segments touch: the slots are not among that
        size, start = sum(len(part.data) for part in parts), parts[0].address
        return FlashImage((FlashPart(elf, start, start - board.flash.address, size),))
    if kind == "uf2" and len(parts) > 1:
        raise DoesNotFit(
            f"{board.name} keeps its labels between vectors and code, and a UF2 file would fill them",
            "flash the ELF through a debug probe",
        )
    made = []
    for part in parts:
        # the first file has the name that it always had
        path = elf.with_suffix(f".{kind}") if part is parts[0] else elf.with_suffix(f".{part.address:08x}.{kind}")
        path.write_bytes(part.data if kind == "bin" else uf2_blocks(part.data, part.address, int(detail, 16)))
        made.append(FlashPart(path, part.address, part.address - board.flash.address, len(part.data)))
    return FlashImage(tuple(made))
