"""The C of the schedule `rows`: one function a layer that makes one row, stages that fire them, a driver a phase."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cached_property

from tinyclap_export.codegen.ctext import block_comment, initialiser
from tinyclap_export.codegen.emit import Function, Unit, facts_text, generated, layer_name, operand_arrays, quant_text
from tinyclap_export.codegen.emit_layers import ends, first_row, title
from tinyclap_export.codegen.rings import Ring, RingPlan
from tinyclap_export.codegen.stages import ENDLESS, Need, Program, Read, Stage, Task
from tinyclap_export.codegen.step import Step


def row_functions(prefix: str, program: Program) -> list[Function]:
    """A function a task; those called for many rows take the row's number."""
    found = []
    for task in sorted(program.tasks, key=lambda t: t.number):
        suffix = f"{task.step.suffix}_add" if task.form == "add" else task.step.suffix
        parameters = "uint8_t *arena, int32_t y" if task.calls > 1 else "uint8_t *arena"
        found.append(Function(task.number, layer_name(prefix, task.number, suffix), task.step, parameters))
    return found


@dataclass(frozen=True)
class Kept:
    """Sums of the last `rows` feature rows, which a stream keeps: [rows][channels] of ctype at an offset."""

    rows: int
    channels: int
    ctype: str
    offset: int

    @property
    def bytes(self) -> int:
        return self.rows * self.channels * (2 if self.ctype == "int16_t" else 4)


@dataclass(frozen=True)
class RowUnit:
    """A unit with its program and places. kept: of a stream."""

    unit: Unit
    program: Program
    plan: RingPlan
    kept: Kept | None = None

    @property
    def prefix(self) -> str:
        return self.unit.prefix

    @cached_property
    def functions(self) -> dict[int, Function]:
        return {f.index: f for f in self.unit.functions}

    def ring(self, tensor: str) -> Ring:
        return self.plan.rings[self.program.views[tensor].root]


def source(rows: RowUnit) -> str:
    """tce_NAME.c of a window."""
    return "\n".join([*layers_and_stages(rows), *_drivers(rows)])


def layers_and_stages(rows: RowUnit) -> list[str]:
    """Everything but the public functions."""
    unit, program = rows.unit, rows.program
    lines = block_comment([
        *generated(unit, "The layers, row by row"),
        "",
        "A layer's function makes row y of its output. Maps are kept in rings in the arena, of as many rows as are still",
        "needed; offsets and depths are fixed at generation time. A stage is a few layers that make a row together, as",
        "soon as the rows that they need have come. A phase ends where a stage needs every row of another.",
    ])  # fmt: skip
    lines += [f'#include "{unit.prefix}.h"', "", '#include "engine/tce_engine.h"',
              f'#include "{unit.prefix}_weights.h"', "", "#include <string.h>", ""]  # fmt: skip
    lines += _progress(rows)
    for task in sorted(program.tasks, key=lambda t: t.number):
        lines += _layer(rows, task)
    for stage in program.stages:
        if not rows.program.is_single(stage):
            lines += _stage(rows, stage)
    for phase in range(program.phases):
        lines += _phase(rows, phase)
    return lines


def _looped(rows: RowUnit) -> list[Stage]:
    return [s for s in rows.program.stages if not rows.program.is_single(s)]


def _progress(rows: RowUnit) -> list[str]:
    """The struct of counters, in the arena."""
    prefix, fields = rows.prefix, [f"stage_{s.number:02d}" for s in _looped(rows)]
    if rows.program.pushed is not None:
        fields = ["input", *fields]
    if not fields:
        return []
    body = [f"    int32_t {field};" for field in fields]
    return [
        "/* Rows made so far. In the arena, so that nothing is static. */",
        "typedef struct {", *body, f"}} {prefix}_progress;", "",
        f"static {prefix}_progress *{prefix}_made(uint8_t *arena) {{",
        f"    return ({prefix}_progress *)(void *)(arena + {rows.plan.progress_offset});", "}", "",
    ]  # fmt: skip


# -- layers --------------------------------------------------------------------------------------------------------


def _layer(rows: RowUnit, task: Task) -> list[str]:
    unit, step, function = rows.unit, task.step, rows.functions[task.number]
    pointer = {array.key: unit.array(step, array) for array in step.arrays}
    struct = step.row.struct if task.form == "row" and step.row and step.row.struct is not None else step.struct
    lines = block_comment(_describe(rows, task))
    lines += [f"TCE_NOINLINE void {function.name}({function.parameters}) {{"]
    body: list[str] = []
    if task.form == "add":
        body += _sums_body(rows, task)
    elif task.form == "finish":
        assert step.sums is not None
        sums = rows.ring(task.reads[0].tensor)
        lines += _struct(step, struct, pointer)
        body += [
            f"    const int32_t *sums = (const int32_t *)(const void *)(arena + {sums.offset});",
            f"    int8_t *out = (int8_t *)arena + {rows.ring(task.writes).offset};",
            "",
            f"    tce_mean_finish_s8(sums, out, {step.sums.channels}, &layer);",
        ]
    else:
        lines += _struct(step, struct, pointer)
        body += _row_body(rows, task, pointer)
    if task.calls > 1 and not any(_mentions_y(line) for line in body):
        body = ["    (void)y;", *body]
    return [*lines, *body, "}", ""]


def _sums_body(rows: RowUnit, task: Task) -> list[str]:
    """Adds a row to the channel sums; a stream takes the row of N rows ago away."""
    sums, kept, offset = task.step.sums, rows.kept, rows.ring(task.writes).offset
    assert sums is not None
    lines = [_pointer(rows, task, task.reads[0]),
             f"    int32_t *sums = (int32_t *)(void *)(arena + {offset}); /* [{sums.channels}] */"]  # fmt: skip
    if kept is not None:
        return [
            *lines,
            f"    {kept.ctype} *kept = ({kept.ctype} *)(void *)(arena + {kept.offset}) + (y % {kept.rows}) * "
            f"{kept.channels};", "",
            f"    {slide_kernel(kept)}(in, sums, kept, {sums.pixels}, {sums.channels});",
        ]  # fmt: skip
    clear = f"memset(sums, 0, {4 * sums.channels});"
    cleared = ["    if (y == 0) {", f"        {clear}", "    }"] if task.calls > 1 else [f"    {clear}"]
    return [*lines, "", *cleared, f"    tce_mean_add_s8(in, sums, {sums.pixels}, {sums.channels});"]


def slide_kernel(kept: Kept) -> str:
    """The kernel that replaces a row's sums: by how wide they are kept."""
    return "tce_mean_slide_s8" if kept.ctype == "int16_t" else "tce_mean_slide_wide_s8"


def _mentions_y(line: str) -> bool:
    code = line.split("/*")[0]
    return any(word == "y" for word in "".join(c if c.isalnum() or c == "_" else " " for c in code).split())


def _struct(step: Step, struct: dict, pointer: dict[str, str]) -> list[str]:
    if not struct:
        return []
    return [f"    static const {step.struct_type} layer = {{", *initialiser(struct, pointer, "        "), "    };"]


def _row_body(rows: RowUnit, task: Task, pointer: dict[str, str]) -> list[str]:
    step = task.step
    single = task.calls == 1
    lines = [_pointer(rows, task, read) for read in task.reads]
    lines += operand_arrays(pointer)
    out = rows.ring(task.writes)
    lines.append(f"    int8_t *out = (int8_t *)arena + {slot(out, task.form == 'whole' or single)};")
    if step.scratch_bytes:
        lines.append(f"    void *scratch = arena + {rows.plan.scratch[task.number]}; /* {step.scratch_bytes} bytes */")
    code: list[str] = []
    window = next((r.window for r in task.reads if r.window is not None), None)
    if window is not None:
        read = task.reads[0]
        view, ring = rows.program.views[read.tensor], rows.ring(read.tensor)
        depth = view.rows if view.flat else ring.depth
        lines.append(f"    const int8_t *rows[{window.kernel}];")
        first = first_row(window) if not single else str(-window.pad_top)
        height = "INT32_MAX" if view.rows == ENDLESS else view.rows
        code.append(f"tce_find_rows(rows, {window.kernel}, in, {first}, {window.dilation}, {height}, {depth}, "
                    f"{view.row_bytes});")  # fmt: skip
    assert step.row is not None or task.form == "whole"
    code += list(step.code if task.form == "whole" or step.row is None else step.row.code)
    if single:
        code = [line.replace(" + y * ", " + 0 * ") for line in code]
    return [*lines, "", *("    " + line for line in code)]


def slot(ring: Ring, whole: bool, row_bytes: int | None = None) -> str:
    """Offset of row y in a ring, as C."""
    size = row_bytes or ring.row_bytes
    if whole or ring.depth == 1:
        return str(ring.offset)
    row = "y" if ring.depth == ring.rows else f"(y % {ring.depth})"
    return f"{ring.offset} + {row} * {size}"


def _pointer(rows: RowUnit, task: Task, read: Read) -> str:
    """Declaration of an operand: a row of its ring, or its beginning."""
    view, ring = rows.program.views[read.tensor], rows.ring(read.tensor)
    if view.flat:
        ring = Ring(view.rows, view.row_bytes, view.rows, ring.offset)
    whole = read.whole or read.window is not None or task.calls == 1
    return f"    const int8_t *{read.cname} = (const int8_t *)arena + {slot(ring, whole)};"


def _describe(rows: RowUnit, task: Task) -> list[str]:
    """Header comment of a layer's function."""
    tensors, step = rows.unit.graph.tensors, task.step
    many = f", {task.calls} rows" if 1 < task.calls < ENDLESS else ""
    text = [title(rows.functions[task.number]) + {"add": ", sums of a row", "finish": ", of the sums"}.get(task.form, "")
            + many]  # fmt: skip
    for cname, name in [*((r.cname, r.tensor) for r in task.reads), ("out", task.writes)]:
        view, ring = rows.program.views[name], rows.ring(name)
        kept = f"ring of {ring.depth} rows" if ring.depth < ring.rows else "whole"
        what = "int32 sums"
        if name in tensors:
            what = "int8 [" + "][".join(str(d) for d in tensors[name].shape[-3:]) + "]"
        quant = f"  {quant_text(tensors[name])}" if name in tensors else ""
        text.append(f"{cname + ':':<5}{what}, {kept}: arena {ring.offset} .. {ring.offset + ring.bytes}{quant}"
                    + (", as rows of its own" if view.flat else ""))  # fmt: skip
    return text + ([] if task.form == "add" else facts_text(step, []))


# -- stages and phases ---------------------------------------------------------------------------------------------


def _condition(rows: RowUnit, stage: Stage, need: Need) -> str:
    """C that is true while the rows of one need are missing."""
    counter = "made->input" if need.source is None else f"made->stage_{need.source:02d}"
    if need.every or stage.calls == 1:
        return f"{counter} < {need.at(0) + 1}"
    if need.window is None:
        return f"{counter} <= y"
    w, last = need.window, stage.calls - 1
    reach = (w.kernel - 1) * w.dilation - w.pad_top  # last row needed is stride * y + reach
    term = "y" if w.stride == 1 else f"{w.stride} * y"
    if reach:
        term += f" + {reach}" if reach > 0 else f" - {-reach}"
    if stage.calls == ENDLESS or w.last(last) < need.rows:
        return f"{counter} <= {term}"
    return f"{counter} <= tce_min({term}, {need.rows - 1})"


def _stage(rows: RowUnit, stage: Stage) -> list[str]:
    program, prefix = rows.program, rows.prefix
    names = ", ".join(f"{t.number:02d}" for t in stage.tasks)
    conditions = [
        _condition(rows, stage, need)
        for need in program.needs(stage)
        if not _settled(rows, stage, need)
    ]  # fmt: skip
    tests = " || ".join([*([] if stage.calls == ENDLESS else [f"y == {stage.calls}"]), *conditions])
    calls = [f"    {rows.functions[t.number].name}(arena{', y' if t.calls > 1 else ''});" for t in stage.tasks]
    return [
        f"/* Stage {stage.number}: layers {names}. One row, if the rows that it needs have come. */",
        f"static int tce_{rows.unit.name}_stage_{stage.number:02d}(uint8_t *arena) {{",
        f"    {prefix}_progress *made = {prefix}_made(arena);",
        f"    const int32_t y = made->stage_{stage.number:02d};",
        f"    if ({tests}) {{", "        return 0;", "    }",
        *calls,
        f"    made->stage_{stage.number:02d} = y + 1;", "    return 1;", "}", "",
    ]  # fmt: skip


def _settled(rows: RowUnit, stage: Stage, need: Need) -> bool:
    """Is a need met before the stage's phase begins its loop?"""
    if need.source is None:
        return stage.phase > 0
    source = rows.program.stages[need.source]
    return source.phase < stage.phase or rows.program.is_single(source)


def _phase(rows: RowUnit, phase: int) -> list[str]:
    program, prefix = rows.program, rows.prefix
    stages = program.stages_of(phase)
    single, looped = (
        [s for s in stages if rows.program.is_single(s)],
        [s for s in stages if not rows.program.is_single(s)],
    )
    lines = [f"/* Phase {phase}: " + ("makes every row that has become possible, the latest stage first. */" if looped
                                      else "whole tensors. */"),
             f"static void {prefix}_phase_{phase}(uint8_t *arena) {{"]  # fmt: skip
    lines += [f"    {rows.functions[t.number].name}(arena);" for s in single for t in s.tasks]
    if looped:
        calls = " || ".join(f"{prefix}_stage_{s.number:02d}(arena)" for s in reversed(looped))
        condition = textwrap.wrap(f"while ({calls}) {{", 112, subsequent_indent=" " * 7, break_long_words=False)
        lines += [*("    " + line for line in condition), "    }"]
    if not stages:
        lines.append("    (void)arena;")
    return [*lines, "}", ""]


def _drivers(rows: RowUnit) -> list[str]:
    """input, output, run, and where rows may be pushed start and push."""
    unit, program, plan, prefix = rows.unit, rows.program, rows.plan, rows.prefix
    graph = program.graph
    inputs = [plan.input_offset if n == program.pushed else rows.ring(n).offset for n in graph.inputs]
    lines = ends(unit, inputs, [rows.ring(n).offset for n in graph.outputs])
    reset = [f"    memset({prefix}_made(arena), 0, sizeof({prefix}_progress));"] if _progress(rows) else []
    if program.pushed is None:
        lines += [f"void {prefix}_run(uint8_t *arena) {{", *reset]
        lines += [f"    {prefix}_phase_{p}(arena);" for p in range(program.phases)]
        return [*lines, "}", ""]
    ring = rows.ring(program.pushed)
    rest = [f"        {prefix}_phase_{p}(arena);" for p in range(1, program.phases)]
    lines += [
        f"void {prefix}_start(uint8_t *arena) {{", *reset, "}", "",
        "/* The input's next row has come. */",
        f"static void {prefix}_advance(uint8_t *arena) {{",
        f"    {prefix}_progress *made = {prefix}_made(arena);",
        "    made->input++;",
        f"    {prefix}_phase_0(arena);",
        *([f"    if (made->input == {ring.rows}) {{", *rest, "    }"] if rest else []),
        "}", "",
        f"void {prefix}_push(uint8_t *arena, const int8_t *row) {{",
        f"    const int32_t y = {prefix}_made(arena)->input;",
        f"    if (y < {ring.rows}) {{",
        f"        memcpy(arena + {slot(ring, False)}, row, {ring.row_bytes});",
        f"        {prefix}_advance(arena);", "    }", "}", "",
        f"void {prefix}_run(uint8_t *arena) {{",
    ]  # fmt: skip
    if ring.depth == ring.rows:  # the ring is the whole input
        step = f"        {prefix}_advance(arena);"
        lines += [f"    {prefix}_start(arena);", f"    for (int32_t y = 0; y < {ring.rows}; y++) {{", step, "    }"]
    else:
        lines += [f"    const int8_t *row = {prefix}_input(arena);", f"    {prefix}_start(arena);",
                  f"    for (int32_t y = 0; y < {ring.rows}; y++) {{", f"        {prefix}_push(arena, row);",
                  f"        row += {ring.row_bytes};", "    }"]  # fmt: skip
    return [*lines, "}", ""]
