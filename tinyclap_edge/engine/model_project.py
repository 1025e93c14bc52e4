"""A bare image that holds one generated library and nothing else: it reads rows of input and writes rows of output.

The library, the runner (firmware/model) and the semihosting port are compiled by the compiler itself, into one object
whose sizes are read before it is linked. No PlatformIO: a model is built in two commands.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tinyclap_export.codegen import CLibrary
from tinyclap_export.host import header_macros

from tinyclap_edge.boards import Board
from tinyclap_edge.device.build import BuildFailed
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.toolchain import Toolchain, find_toolchain
from tinyclap_edge.engine.objects import ObjectSection, RelocatableObject, read_object
from tinyclap_edge.engine.sizes import Placement, Sizes, aligned, does_not_fit, linked_sizes, place, planned_sizes
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.resources import firmware_dir

NAME = "model"  # of the library inside the image: tce_model_run
ROOTS = ("tce_reset", "tce_vector_table")
OPTIMISE = "-O3"
BUILD_TIMEOUT_S = 900
_OVERFLOW = re.compile(r"region [`'](\w+)'(?::)? overflowed by (\d+) bytes")


@dataclass(frozen=True)
class Form:
    """How a caller that saves RAM uses a library: pushed row by row where it can be, else over its whole input.

    row_at: where the runner keeps a row, behind the arena. static_bytes: arena and row together.
    """

    pushed: bool
    row_at: int
    static_bytes: int
    roots: tuple[str, ...]  # the functions that are called, outputs left out


def form_of(library: CLibrary) -> Form:
    """The form of a library of name NAME or any other."""
    prefix = f"tce_{library.name}"
    if not library.push_arena_bytes:
        roots = (f"{prefix}_run", *(f"{prefix}_{stem}" for stem in _stems(library, "INPUT")))
        return Form(False, 0, library.arena_bytes, roots)
    macros = header_macros((library.include_dir / f"{prefix}.h").read_text(encoding="ascii"))
    row_at = aligned(library.push_arena_bytes)
    row_bytes = int(macros[f"{prefix.upper()}_INPUT_ROW_BYTES"])
    return Form(True, row_at, row_at + row_bytes, (f"{prefix}_start", f"{prefix}_push"))


def _stems(library: CLibrary, word: str) -> list[str]:
    """input, input_1 ... as the header has them."""
    text = (library.include_dir / f"tce_{library.name}.h").read_text(encoding="ascii")
    count = len(re.findall(rf"^#define TCE_{library.name.upper()}_{word}(?:_\d+)?_BYTES ", text, re.MULTILINE))
    return [word.lower() if i == 0 else f"{word.lower()}_{i}" for i in range(count)]


@dataclass(frozen=True)
class ModelImage:
    """A linked image. planned: before linking; linked: read from it. stack_planned_bytes: the deepest chain of calls
    below the model's run function by the compiler's own figures, None with a compiler that gives none."""

    elf: Path
    board: Board
    library: CLibrary
    placement: Placement
    planned: Sizes
    linked: Sizes
    stack_planned_bytes: int | None
    toolchain: str


def compile_object(board: Board, library: CLibrary, model_id: str, work: Path, toolchain: Toolchain) -> Path:
    """Library, runner and port as one relocatable object in `work`. BuildFailed with the compiler's words."""
    firmware = firmware_dir()
    ports = firmware / "ports"
    (work / "tce_model_io.h").write_text(io_header(library, board, model_id), encoding="ascii")
    sources = [
        *library.sources,
        firmware / "model" / "model_main.c",
        firmware / "app" / "tce_text.c",
        *sorted((ports / "semihost").glob("*.c")),
        *sorted((ports / "freestanding").glob("*.c")),
    ]
    folders = (work, library.include_dir, firmware / "app", ports, ports / "semihost", ports / "freestanding")
    stack_sizes = ("-fstack-size-section",) if toolchain.name == "zig" else ()
    out = work / "model.o"
    _run([*toolchain.cc, *toolchain.compile_flags, OPTIMISE, *stack_sizes, *(f"-I{folder}" for folder in folders),
          "-nostdlib", "-r", *map(str, sources), "-o", str(out), *toolchain.libraries], board)  # fmt: skip
    return out


def build_image(
    board: Board,
    library: CLibrary,
    model_id: str,
    work: Path,
    toolchain: str | None = None,
    schedule: str = "",
) -> ModelImage:
    """Compile and link a library of name NAME for `board` into `work`.

    DoesNotFit (5) names region and bytes, as far as they are known before compiling; ToolMissing (3) without a
    compiler; BuildFailed (1) with its words.
    """
    form = form_of(library)
    placement = place(board, form.static_bytes, library.const_bytes, schedule)
    tool = find_toolchain(board, toolchain)
    work.mkdir(parents=True, exist_ok=True)
    objects = read_object(compile_object(board, library, model_id, work, tool))
    planned = planned_sizes(placement, form.static_bytes, objects.kept(ROOTS), model_sections(objects, library))
    _check_flash(board, placement, planned, form)
    script = work / "model.ld"
    script.write_text(linker_script(placement), encoding="ascii")
    elf = work / "model.elf"
    _run([*tool.cc, *tool.link_flags, f"-Wl,-T,{script}", str(work / "model.o"), "-o", str(elf), *tool.libraries],
         board)  # fmt: skip
    image = read_elf(elf)
    return ModelImage(
        elf, board, library, placement, planned, linked_sizes(image, board, planned),
        model_stack(objects, form), tool.name,
    )  # fmt: skip


def model_sections(objects: RelocatableObject, library: CLibrary) -> list[ObjectSection]:
    """The sections that belong to the library: what its public functions reach."""
    outputs = (f"tce_{library.name}_{stem}" for stem in _stems(library, "OUTPUT"))
    return objects.kept((*form_of(library).roots, *outputs))


def model_stack(objects: RelocatableObject, form: Form) -> int | None:
    """The deepest chain of calls below what a caller calls; None where the compiler wrote no stack sizes."""
    depths = [objects.stack_bytes(root) for root in form.roots]
    return None if None in depths else max(depth for depth in depths if depth is not None)


def _check_flash(board: Board, placement: Placement, planned: Sizes, form: Form) -> None:
    for region in {placement.code, placement.constants}:
        need = planned.flash.get(region.name, 0)
        if need > region.size_bytes:
            what = "the model's code and constants need"
            raise does_not_fit(board, what, need, region, aligned(form.static_bytes), need)


def _run(command: list[str], board: Board) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=BUILD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailed(f"the compiler for {board.name} did not finish: {error}") from error
    if done.returncode == 0:
        return
    over = {region: int(count) for region, count in _OVERFLOW.findall(done.stderr)}
    if over:
        parts = [f"region {region} is over-full by {count:,} bytes" for region, count in over.items()]
        raise DoesNotFit(f"the model does not fit {board.name}: {', '.join(parts)}", "take a board with more memory")
    errors = [line.strip() for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
    said = " | ".join(errors[:3]) or done.stderr.strip()[-300:] or f"exit code {done.returncode}"
    raise BuildFailed(f"the C of the model does not compile for {board.name}: {said}")


def io_header(library: CLibrary, board: Board, model_id: str) -> str:
    """tce_model_io.h: the library's inputs and outputs by number, for the runner."""
    form = form_of(library)
    lines = ["/* Generated by tinyclap-edge: inputs and outputs of the model by number. */",
             "#ifndef TCE_MODEL_IO_H", "#define TCE_MODEL_IO_H", "", f'#include "tce_{NAME}.h"', "",
             f'#define TCE_RUNNER_BOARD "{board.name}"', f'#define TCE_RUNNER_ID "{model_id}"',
             f"#define TCE_RUNNER_PUSHED {int(form.pushed)} /* the input goes in row by row */",
             f"#define TCE_RUNNER_ROW_AT {form.row_at}", f"#define TCE_RUNNER_STATIC_BYTES {form.static_bytes}"]  # fmt: skip
    ends = [("OUTPUT", "const int8_t *", "const uint8_t *")]
    for word, pointer, arena in ends if form.pushed else [("INPUT", "int8_t *", "uint8_t *"), *ends]:
        stems = _stems(library, word)
        sizes = ", ".join(f"TCE_{NAME.upper()}_{stem.upper()}_BYTES" for stem in stems)
        lines += [f"#define TCE_RUNNER_{word}S {len(stems)}", "",
                  f"static const uint32_t tce_runner_{word.lower()}_bytes[TCE_RUNNER_{word}S] = {{{sizes}}};", "",
                  f"static inline {pointer}tce_runner_{word.lower()}({arena}arena, int32_t index) {{",
                  "    switch (index) {"]  # fmt: skip
        for i, stem in reversed(list(enumerate(stems))):
            lines += [f"    case {i}:" if i else "    default:", f"        return tce_{NAME}_{stem}(arena);"]
        lines += ["    }", "}", ""]
    return "\n".join([*lines, "#endif", ""])


def linker_script(placement: Placement) -> str:
    """A script that GNU ld and lld both read: as a firmware's, but constants may have a region of their own."""
    code, constants, data, arena = placement.code, placement.constants, placement.data, placement.arena
    memory = "\n".join(
        f"    {r.name} ({'rx' if r.kind == 'flash' else 'rw'}) : ORIGIN = 0x{r.address:08X}, LENGTH = {r.size_bytes}"
        for r in dict.fromkeys((code, constants, data, arena))
    )
    return f"""/* Generated by tinyclap-edge from the board's memory regions. */
ENTRY(tce_reset)

MEMORY
{{
{memory}
}}

SECTIONS
{{
    .text : ALIGN(16)
    {{
        KEEP(*(.tce_vectors))
        *(.text .text.*)
    }} > {code.name}

    .rodata : ALIGN(16)
    {{
        *(.rodata .rodata.* .srodata .srodata.*)
        . = ALIGN(16);
    }} > {constants.name}

    /* The lowest thing in its region: an overflow leaves the region and faults, it does not corrupt data. */
    .stack (NOLOAD) : ALIGN(16)
    {{
        tce_ld_stack_limit = .;
        . = . + {placement.stack_bytes};
        . = ALIGN(16);
        tce_ld_stack_top = .;
    }} > {data.name}

    .data : ALIGN(16)
    {{
        tce_ld_data_start = .;
        *(.data .data.*)
        __global_pointer$ = . + 0x800;
        *(.sdata .sdata.*)
        . = ALIGN(16);
        tce_ld_data_end = .;
    }} > {data.name} AT > {code.name}
    tce_ld_data_load = LOADADDR(.data);

    /* Written before it is read: not cleared at start. Stands before .bss, whose pattern would take it. */
    .tce_arena (NOLOAD) : ALIGN(16)
    {{
        *(.bss.tce_arena)
        . = ALIGN(16);
    }} > {arena.name}

    .bss (NOLOAD) : ALIGN(16)
    {{
        tce_ld_bss_start = .;
        *(.sbss .sbss.* .bss .bss.* COMMON)
        . = ALIGN(4);
        tce_ld_bss_end = .;
    }} > {data.name}

    /DISCARD/ :
    {{
        *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.*)
        *(.eh_frame .eh_frame_hdr .comment .note .note.* .stack_sizes .llvm_stackmaps)
    }}
}}
"""
