"""The C of the schedule `rows`: the layers' functions, stages that fire them, a driver a phase."""

from __future__ import annotations

import textwrap

from tinyclap_export.codegen.ctext import block_comment
from tinyclap_export.codegen.emit import generated
from tinyclap_export.codegen.emit_layers import ends
from tinyclap_export.codegen.emit_row_layers import RowUnit, layer, slot
from tinyclap_export.codegen.stages import ENDLESS, Need, Stage


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
        lines += layer(rows, task)
    for stage in program.looped():
        lines += _stage(rows, stage)
    for phase in range(program.phases):
        lines += _phase(rows, phase)
    return lines


def _progress(rows: RowUnit) -> list[str]:
    """The struct of counters, in the arena."""
    prefix, fields = rows.prefix, [f"stage_{s.number:02d}" for s in rows.program.looped()]
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
