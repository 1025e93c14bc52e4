"""Where the firmware's parts go: code and constants, stack and data, the encoder's arena; and the linker script that says so.

Memory is planned by region, since a chip's total says nothing: an STM32H743 has 1 MB of RAM and no block above 512 KB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyclap_edge.boards import Board, Region, load_boards
from tinyclap_edge.device.label_flash import LabelFlash, label_flash
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.students.presets import presets

DEFAULT_STACK_BYTES = 8 * 1024
# Code beside the constants that are known before linking: no image is smaller than the first, label slots leave the second.
LEAST_CODE_BYTES = 32 * 1024
CODE_ESTIMATE_BYTES = 96 * 1024
_ALIGN = 16
_ARENA, _DATA, _DMA = "the encoder's arena", "stack and data", "buffers of DMA"


@dataclass(frozen=True)
class StaticRam:
    """RAM of an application beside arena and stack, which `fit` knows of a front end on a board (cost.static_ram).

    data_bytes: sound, log-mel, rows, scores, the link. The defaults hold for the reference front end on every board.
    """

    data_bytes: int = 24 * 1024
    dma_bytes: int = 6 * 1024


@dataclass(frozen=True)
class Homes:
    """Regions of the parts in RAM. full: the one that lacks most, None where all fit; holds, need: its parts and bytes."""

    arena: Region
    data: Region
    dma: Region
    full: Region | None = None
    holds: tuple[str, ...] = ()
    need: int = 0


@dataclass(frozen=True)
class MemoryPlan:
    """Regions chosen for one image."""

    code: Region
    data: Region  # stack first (lowest), then .data and .bss
    arena: Region
    arena_bytes: int
    stack_bytes: int
    dma: Region  # buffers that DMA fills
    labels: LabelFlash | None = None  # the slots; `code` ends before them, or begins behind them
    vectors: Region | None = None  # where a reset begins, when the slots stand between that and `code`
    ram_code: Region | None = None  # where code runs while the flash is erased; its copy stands in `code`
    constants: Region | None = None  # a view of `code` through which constants are read, where code's own bus cannot


def plan_memory(
    board: Board,
    arena_bytes: int,
    stack_bytes: int = DEFAULT_STACK_BYTES,
    static: StaticRam | None = None,
    code_bytes: int = 0,
) -> MemoryPlan:
    """Places the parts; DoesNotFit names the region and the missing bytes.

    `code_bytes` is what is known before linking (weights, tables, labels).
    """
    code = board.flash
    if code_bytes + LEAST_CODE_BYTES > code.size_bytes:
        raise _too_large(board, ("code and constants",), code_bytes + LEAST_CODE_BYTES, code)
    homes = place(board, arena_bytes, stack_bytes, static)
    if homes.full:
        raise _too_large(board, homes.holds, homes.need, homes.full)
    plan = MemoryPlan(code, homes.data, homes.arena, arena_bytes, stack_bytes, homes.dma)
    return _with_labels(board, plan, code_bytes)


def place(board: Board, arena_bytes: int, stack_bytes: int, static: StaticRam | None = None) -> Homes:
    """Regions for the parts in RAM: the largest first, arena before data; where none will do, those that lack least."""
    static = static or StaticRam()
    sizes = (_aligned(arena_bytes), stack_bytes + static.data_bytes, static.dma_bytes)
    best: tuple[int, Homes] | None = None
    for arena in board.regions_for("arena"):
        for data in board.regions_for("data"):
            homes = (arena, data, _dma_region(board, data))
            parts = list(zip(homes, (_ARENA, _DATA, _DMA), sizes, strict=True))
            needs = {home: sum(size for other, _, size in parts if other == home) for home in homes}
            full = max(homes, key=lambda home: needs[home] - home.size_bytes)
            over = needs[full] - full.size_bytes
            if over <= 0:
                return Homes(*homes)
            if best is None or over < best[0]:
                holds = tuple(what for home, what, _ in parts if home == full)
                best = over, Homes(*homes, full, holds, needs[full])
    assert best is not None  # boards.py refuses a board without these uses
    return best[1]


def for_bare_port(plan: MemoryPlan, board: Board) -> MemoryPlan:
    """The plan of an image that erases flash itself and reads it as the chip wants: code in RAM, constants in a view."""
    ram_code = next(iter(board.regions_for("ram_code")), None)
    constants = next((region for region in board.regions if region.kind == "view"), None)
    return replace(plan, ram_code=ram_code, constants=constants)


def _dma_region(board: Board, data: Region) -> Region:
    """The region of stack and data where DMA reaches it or the board's entry does not say, else the smallest it does reach."""
    reached = board.regions_for("dma")
    return data if data in reached or not reached else reached[-1]


def _with_labels(board: Board, plan: MemoryPlan, code_bytes: int) -> MemoryPlan:
    """The plan with label slots, where there is room for them: at the end of a region, or between vectors and code."""
    labels, whole = label_flash(board, code_bytes + CODE_ESTIMATE_BYTES), plan.code
    if labels is None or labels.region != whole.name:
        return replace(plan, labels=labels)
    before = replace(whole, size_bytes=labels.address - whole.address)
    if labels.end == whole.end:
        return replace(plan, code=before, labels=labels)
    code = replace(whole, address=labels.end, size_bytes=whole.end - labels.end)
    return replace(plan, code=code, vectors=replace(before, name="vectors"), labels=labels)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _too_large(board: Board, holds: tuple[str, ...], need: int, region: Region) -> DoesNotFit:
    have = region.size_bytes
    if region.kind != "ram":
        hint = "fewer labels, a smaller student, or more flash"
    elif _ARENA in holds:
        hint = _what_fits(board, need, have)
    else:
        hint = "a student that hears less at once: a shorter window, fewer mel bins, a lower sample rate"
    return DoesNotFit(
        f"{', '.join(holds)}: {need:,} bytes, region {region.name} of {board.name} has {have:,}: "
        f"{need - have:,} bytes too many",
        hint,
    )


def _what_fits(board: Board, need: int, have: int) -> str:
    """The nearest configurations that do fit: shipped students for this board, boards for this encoder."""
    students = [p.name for p in presets() if p.peak_elements <= have][-3:]
    larger = [
        b for b in load_boards().values() if b.regions_for("arena")[0].size_bytes >= need and b.name != board.name
    ]
    boards = [b.name for b in sorted(larger, key=lambda b: b.regions_for("arena")[0].size_bytes)[:3]]
    fits = [f"on {board.name}: student {', '.join(reversed(students))}"] if students else []
    fits += [f"with this encoder: board {', '.join(boards)}"] if boards else []
    return "what fits " + "; ".join(fits) if fits else "take a smaller student; no shipped one and no listed board fits"


def linker_script(plan: MemoryPlan) -> str:
    """A script that GNU ld and lld both read. Sections are named after what they hold; sizes are checked by the linker."""
    chosen = (plan.vectors, plan.code, plan.data, plan.arena, plan.dma, plan.ram_code, plan.constants)
    regions = {region.name: region for region in chosen if region is not None}
    memory = "\n".join(
        f"    {name} ({'rwx' if region.kind == 'ram' else 'rx'}) : ORIGIN = 0x{region.address:08X}, LENGTH = {region.size_bytes}"
        for name, region in regions.items()
    )
    at = plan.labels
    start, end = (at.address, at.end) if at else (0, 0)
    sector, unit = (at.sector_bytes, at.program_bytes) if at else (0, 0)
    return f"""/* Generated by tinyclap-edge from the board's memory regions. */
ENTRY(tce_reset)

MEMORY
{{
{memory}
}}

/* Two slots of flash for label packs, where nothing is flashed; sector and unit of programming are values. */
tce_ld_labels_start = 0x{start:08X};
tce_ld_labels_end = 0x{end:08X};
tce_ld_labels_sector = {sector};
tce_ld_labels_unit = {unit};

SECTIONS
{{{_vectors(plan)}
    .text : ALIGN(16)
    {{
        KEEP(*(.tce_boot))
        KEEP(*(.tce_vectors))
        *(.text .text.*)
        . = ALIGN(16);
    }} > {plan.code.name}
{_view_gap(plan)}
    .rodata : ALIGN(16)
    {{
        *(.rodata .rodata.* .srodata .srodata.*)
        . = ALIGN(16);
    }} > {_constants(plan)}
{_ram_code(plan)}
    /* The stack is the lowest thing in its region: an overflow leaves the region and faults, it does not corrupt data. */
    .stack (NOLOAD) : ALIGN(16)
    {{
        tce_ld_stack_limit = .;
        . = . + {plan.stack_bytes};
        . = ALIGN(16);
        tce_ld_stack_top = .;
    }} > {plan.data.name}

    /* What outlives a reset that leaves memory as it is. */
    .tce_keep (NOLOAD) : ALIGN(16)
    {{
        *(.bss.tce_keep)
        . = ALIGN(16);
    }} > {plan.data.name}

    .data : ALIGN(16)
    {{
        tce_ld_data_start = .;
        *(.data .data.*)
        __global_pointer$ = . + 0x800;
        *(.sdata .sdata.*)
        . = ALIGN(16);
        tce_ld_data_end = .;
    }} > {plan.data.name} AT > {plan.code.name}
    tce_ld_data_load = LOADADDR(.data);

    /* The encoder writes its arena before it reads it, and so does DMA with its buffers: neither is cleared at start. They
     * stand before .bss, whose pattern would take them. */
    .tce_arena (NOLOAD) : ALIGN(16)
    {{
        *(.bss.tce_arena)
        . = ALIGN(16);
    }} > {plan.arena.name}

    .tce_dma (NOLOAD) : ALIGN(32)
    {{
        *(.bss.tce_dma)
        . = ALIGN(32);
    }} > {plan.dma.name}

    .bss (NOLOAD) : ALIGN(16)
    {{
        tce_ld_bss_start = .;
        *(.sbss .sbss.* .bss .bss.* COMMON)
        . = ALIGN(16);
        tce_ld_bss_end = .;
    }} > {plan.data.name}

    /* Nothing here unwinds a stack. */
    /DISCARD/ :
    {{
        *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.*)
        *(.eh_frame .eh_frame_hdr .comment .note .note.*)
    }}
}}
"""


def _vectors(plan: MemoryPlan) -> str:
    if plan.vectors is None:
        return ""
    return f"""
    .tce_vectors :
    {{
        KEEP(*(.tce_vectors))
    }} > {plan.vectors.name}
"""


def _constants(plan: MemoryPlan) -> str:
    return f"{plan.constants.name} AT > {plan.code.name}" if plan.constants else plan.code.name


def _view_gap(plan: MemoryPlan) -> str:
    """Constants stand behind the code, and are seen as far from the view's start as they are loaded from the code's."""
    if plan.constants is None:
        return ""
    return f"""
    .tce_view_gap (NOLOAD) :
    {{
        . = . + SIZEOF(.text);
    }} > {plan.constants.name}
"""


def _ram_code(plan: MemoryPlan) -> str:
    if plan.ram_code is None:
        return ""
    return f"""
    .tce_ram : ALIGN(16)
    {{
        tce_ld_ram_start = .;
        *(.tce_ram .tce_ram.*)
        . = ALIGN(16);
        tce_ld_ram_end = .;
    }} > {plan.ram_code.name} AT > {plan.code.name}
    tce_ld_ram_load = LOADADDR(.tce_ram);
"""
