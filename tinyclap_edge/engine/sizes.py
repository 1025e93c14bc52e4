"""What a model takes on a board: planned from the generated library and its objects, then read from the linked image.

Static RAM is planned exactly; flash is planned by laying out the sections that the linker will keep, in its order.
Counted is everything but the stack, which stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_edge.boards import Board, Region, load_boards
from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.device.memory_plan import DEFAULT_STACK_BYTES
from tinyclap_edge.engine.objects import ObjectSection
from tinyclap_edge.errors import DoesNotFit

ALIGN = 16  # of every section of the image
STACK_SECTION = ".stack"


@dataclass(frozen=True)
class Placement:
    """Regions chosen for one image."""

    code: Region
    constants: Region
    data: Region  # stack first (lowest), then .data and .bss
    arena: Region
    stack_bytes: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of one image. ram, flash: by region, stack left out. code and const: the model's share of flash, without
    start-up code and runner."""

    ram: dict[str, int]
    flash: dict[str, int]
    code_bytes: int
    const_bytes: int

    @property
    def ram_bytes(self) -> int:
        """All static RAM."""
        return sum(self.ram.values())

    @property
    def flash_bytes(self) -> int:
        """All that a flash tool writes."""
        return sum(self.flash.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {**asdict(self), "ram_bytes": self.ram_bytes, "flash_bytes": self.flash_bytes}


def place(board: Board, arena_bytes: int, const_bytes: int, schedule: str = "") -> Placement:
    """Regions for arena, data and constants; DoesNotFit names the region and the missing bytes.

    The arena takes the largest region that may hold one and leaves room for the stack. Constants stand beside the
    code where they fit, else in the largest region that may hold code (an MPS3's flash beside its ITCM).
    """
    arenas, need = board.regions_for("arena"), aligned(arena_bytes)
    if need > arenas[0].size_bytes:
        raise does_not_fit(board, "the model's arena needs", need, arenas[0], need, const_bytes, schedule)
    for arena in arenas:
        for data in board.regions_for("data"):
            free = data.size_bytes - (need if data.name == arena.name else 0)
            if need <= arena.size_bytes and free >= DEFAULT_STACK_BYTES:
                constants = _constants(board, const_bytes, need, schedule)
                return Placement(board.flash, constants, data, arena, DEFAULT_STACK_BYTES)
    total = need + DEFAULT_STACK_BYTES
    raise does_not_fit(board, "the model's arena with the stack needs", total, arenas[0], need, const_bytes, schedule)


def _constants(board: Board, const_bytes: int, arena_bytes: int, schedule: str) -> Region:
    room_for_code = board.flash.size_bytes // 16
    if const_bytes + room_for_code <= board.flash.size_bytes:
        return board.flash
    largest = max(board.regions_for("code"), key=lambda r: r.size_bytes)
    if const_bytes > largest.size_bytes:
        raise does_not_fit(
            board, "the model's constants need", const_bytes, largest, arena_bytes, const_bytes, schedule
        )
    return largest


def does_not_fit(
    board: Board, what: str, need: int, region: Region, arena_bytes: int, const_bytes: int, schedule: str = ""
) -> DoesNotFit:
    """The error, with the way out: another schedule, the boards that hold this model."""
    fits = [
        b
        for b in load_boards().values()
        if b.name != board.name
        and b.regions_for("arena")[0].size_bytes >= arena_bytes + DEFAULT_STACK_BYTES
        and max(r.size_bytes for r in b.regions_for("code")) >= const_bytes
    ]
    fits.sort(key=lambda b: (b.arch != board.arch, b.regions_for("arena")[0].size_bytes, b.flash.size_bytes))
    ways = [f"boards that hold it: {', '.join(b.name for b in fits[:3])}"] if fits else ["no listed board holds it"]
    if region.kind == "ram" and schedule == "layers":
        ways.insert(0, "try --schedule rows")
    return DoesNotFit(
        f"{what} {need:,} bytes, region {region.name} of {board.name} has "
        f"{region.size_bytes:,}: {need - region.size_bytes:,} bytes too many",
        "; ".join(ways),
    )


def planned_sizes(
    placement: Placement, arena_bytes: int, image: list[ObjectSection], model: list[ObjectSection]
) -> Sizes:
    """Sizes of an image before it is linked. image: every section that the linker keeps; model: those of the library."""
    flash: dict[str, int] = {}
    ram = {placement.arena.name: aligned(arena_bytes)}
    data = aligned(_laid_out(s for s in image if s.kind == "data"))
    bss = _laid_out(s for s in image if s.kind == "bss" and not s.name.startswith(".bss.tce_arena"))
    for region, size in (
        (placement.code, _laid_out(s for s in image if s.kind == "code" or _is_vectors(s))),
        (placement.constants, aligned(_laid_out(s for s in image if s.kind == "const" and not _is_vectors(s)))),
        (placement.code, data),
    ):
        flash[region.name] = flash.get(region.name, 0) + size
    if data + bss:
        ram[placement.data.name] = ram.get(placement.data.name, 0) + data + bss
    code = _laid_out(s for s in model if s.kind == "code")
    return Sizes(ram, flash, code, _laid_out(s for s in model if s.kind == "const"))


def linked_sizes(image: ElfImage, board: Board, planned: Sizes) -> Sizes:
    """The same of the linked image; `planned` tells the model's share of it. DoesNotFit for another board's image."""
    kept = tuple(section for section in image.sections if section.name != STACK_SECTION)
    without_stack = ElfImage(image.machine, image.entry, image.segments, kept, image.functions, image.symbols)
    used = without_stack.bytes_by_region(board.regions, board.name)
    kinds = {region.name: region.kind for region in board.regions}
    return Sizes(
        {name: size for name, size in used.items() if kinds[name] == "ram"},
        {name: size for name, size in used.items() if kinds[name] == "flash"},
        planned.code_bytes,
        planned.const_bytes,
    )


def aligned(size: int, align: int = ALIGN) -> int:
    """`size` rounded up to a multiple of `align`."""
    return -(-size // align) * align


def _laid_out(sections: Iterable[ObjectSection]) -> int:
    end = 0
    for section in sections:
        end = aligned(end, section.align) + section.size
    return end


def _is_vectors(section: ObjectSection) -> bool:
    return section.name.startswith(".tce_vectors")
