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
# Static data of the application beside the stack: audio, log-mel scratch and tables in RAM, rows, scores, and about 1 KB
# of the link (the frame that comes in, the answer that goes out, what the label slots remember). The linker has the last
# word; this estimate only decides whether arena and data may share a region.
DATA_ESTIMATE_BYTES = 24 * 1024
# Code beside the constants that are known before linking: label slots must leave it room.
CODE_ESTIMATE_BYTES = 96 * 1024
_ALIGN = 16


@dataclass(frozen=True)
class MemoryPlan:
    """Regions chosen for one image."""

    code: Region
    data: Region  # stack first (lowest), then .data and .bss
    arena: Region
    arena_bytes: int
    stack_bytes: int
    labels: LabelFlash | None = None  # the slots, at the end of a region; `code` then ends before them


def plan_memory(
    board: Board,
    arena_bytes: int,
    stack_bytes: int = DEFAULT_STACK_BYTES,
    data_bytes: int = DATA_ESTIMATE_BYTES,
    code_bytes: int = 0,
) -> MemoryPlan:
    """Places the parts; DoesNotFit names the region and the missing bytes.

    The arena takes the largest region that may hold one. Data takes the largest region that may hold data and still has
    room beside the arena. `code_bytes` is a lower bound known before linking (weights and tables).
    """
    code = board.flash
    if code_bytes > code.size_bytes:
        raise _too_large(board, "code and constants", code_bytes, code, code.size_bytes)
    arenas = board.regions_for("arena")
    arena_need = -(-arena_bytes // _ALIGN) * _ALIGN
    data_need = stack_bytes + data_bytes
    if arena_need > arenas[0].size_bytes:
        raise _too_large(board, "the encoder's arena", arena_need, arenas[0], arenas[0].size_bytes)
    for arena in arenas:
        if arena_need > arena.size_bytes:
            break
        for data in board.regions_for("data"):
            free = data.size_bytes - (arena_need if data.name == arena.name else 0)
            if data_need <= free:
                return _with_labels(board, MemoryPlan(code, data, arena, arena_bytes, stack_bytes), code_bytes)
    # The arena alone fits, but nothing is left for the data: the largest region that both may use tells how much is missing.
    arena = arenas[0]
    raise _too_large(board, "the encoder's arena with stack and data", arena_need + data_need, arena, arena.size_bytes)


def _with_labels(board: Board, plan: MemoryPlan, code_bytes: int) -> MemoryPlan:
    """The plan with label slots at the end of a region, where there is room for them."""
    labels = label_flash(board, code_bytes + CODE_ESTIMATE_BYTES)
    if labels is None or labels.region != plan.code.name:
        return replace(plan, labels=labels)
    return replace(plan, code=replace(plan.code, size_bytes=labels.address - plan.code.address), labels=labels)


def _too_large(board: Board, what: str, need: int, region: Region, have: int) -> DoesNotFit:
    return DoesNotFit(
        f"{what} needs {need:,} bytes, region {region.name} of {board.name} has {have:,}: {need - have:,} bytes too many",
        _what_fits(board, need, have) if region.kind == "ram" else "fewer labels, a smaller student, or more flash",
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
    regions = {region.name: region for region in (plan.code, plan.data, plan.arena)}
    memory = "\n".join(
        f"    {name} ({'rx' if region == plan.code else 'rwx'}) : ORIGIN = 0x{region.address:08X}, LENGTH = {region.size_bytes}"
        for name, region in regions.items()
    )
    at = plan.labels
    start, end = (at.address, at.address + at.size_bytes) if at else (0, 0)
    sector, unit = (at.sector_bytes, at.program_bytes) if at else (0, 0)
    return f"""/* Generated by tinyclap-edge from the board's memory regions. */
ENTRY(tce_reset)

MEMORY
{{
{memory}
}}

/* Two slots of flash for label packs, behind everything that is flashed; sector and unit of programming are values. */
tce_ld_labels_start = 0x{start:08X};
tce_ld_labels_end = 0x{end:08X};
tce_ld_labels_sector = {sector};
tce_ld_labels_unit = {unit};

SECTIONS
{{
    .text : ALIGN(16)
    {{
        KEEP(*(.tce_vectors))
        *(.text .text.*)
    }} > {plan.code.name}

    .rodata : ALIGN(16)
    {{
        *(.rodata .rodata.* .srodata .srodata.*)
        . = ALIGN(16);
    }} > {plan.code.name}

    /* The stack is the lowest thing in its region: an overflow leaves the region and faults, it does not corrupt data. */
    .stack (NOLOAD) : ALIGN(16)
    {{
        tce_ld_stack_limit = .;
        . = . + {plan.stack_bytes};
        . = ALIGN(16);
        tce_ld_stack_top = .;
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

    /* The encoder writes its arena before it reads it: not cleared at start. Stands before .bss, whose pattern would take it. */
    .tce_arena (NOLOAD) : ALIGN(16)
    {{
        *(.bss.tce_arena)
        . = ALIGN(16);
    }} > {plan.arena.name}

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
