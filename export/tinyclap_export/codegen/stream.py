"""The schedule `continuous`: rows arrive for ever, each is computed once, an embedding is there at any time.

Rings hold what a window of rows would hold, for ever. The sums of the last N feature rows are kept, and their total, so
that a hop costs its own rows and one head. Counters are brought back before they overflow: after `period` input rows
every ring stands as it did, so the period is taken off all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyclap_export.codegen.emit_row_layers import Kept, RowUnit, slot
from tinyclap_export.codegen.emit_rows import layers_and_stages
from tinyclap_export.codegen.rings import RingPlan, plan_rings
from tinyclap_export.codegen.stages import ENDLESS, Program, make_program
from tinyclap_export.codegen.step import Step
from tinyclap_export.continuous import Stream, first_embedding, rows_made, split_stream
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph

KEPT = "sums of the last feature rows"
NARROW_PIXELS = 255  # a row of so many pixels has sums that fit int16
PERIOD_LIMIT = 1 << 29  # input rows


@dataclass(frozen=True)
class StreamPlan:
    """A stream's program and places. period: input rows after which every ring stands as before; settled: rows from
    which on that holds, at least `first`, those of the first embedding."""

    stream: Stream
    program: Program
    plan: RingPlan
    kept: Kept
    first: int
    period: int
    settled: int


def plan_stream(graph: Graph, steps: list[Step]) -> StreamPlan:
    """ExportError (exit code 5) names the operator that cannot stream."""
    stream = split_stream(graph)
    program = make_program(graph, steps, endless=True)
    sums = next(task.step.sums for task in program.tasks if task.form == "add")
    assert sums is not None
    ctype = "int16_t" if sums.pixels <= NARROW_PIXELS else "int32_t"
    kept = Kept(stream.feature_rows, sums.channels, ctype, 0)
    plan = plan_rings(program, [(KEPT, kept.bytes)])
    kept = Kept(kept.rows, kept.channels, kept.ctype, plan.kept[KEPT])
    slowest = max(stream.rates.values())
    first = first_embedding(stream)
    turns = [stream.rates[stream.mean.inputs[0]] * kept.rows]
    turns += [stream.rates[root] * ring.depth for root, ring in plan.rings.items() if ring.rows == ENDLESS]
    period = math.lcm(slowest, *turns)
    if period > PERIOD_LIMIT:
        raise ExportError(f"the rings of this stream come together only every {period:,} rows",
                          "use the schedule rows, window by window", exit_code=5)  # fmt: skip
    settled = -(-first // slowest) * slowest
    while not _below_the_top(program, rows_made(stream, settled)):
        settled += slowest
    return StreamPlan(stream, program, plan, kept, first, period, settled)


def _below_the_top(program: Program, made: dict[str, int]) -> bool:
    """Has every window left the rows above the stream's first? From then on a row's number matters only to its slot."""
    return all(
        read.window is None or read.window.first(made[task.writes]) >= 0
        for stage in program.stages_of(0)
        for task in stage.tasks
        for read in task.reads
    )


def source(rows: RowUnit, made: StreamPlan) -> str:
    """tce_NAME.c of a stream."""
    return "\n".join([*layers_and_stages(rows), *_public(rows, made)])


def _public(rows: RowUnit, made: StreamPlan) -> list[str]:
    """start, push, embedding."""
    prefix, program = rows.prefix, made.program
    ring = rows.ring(str(program.pushed))
    add = next(task for task in program.tasks if task.form == "add")
    output = rows.ring(program.graph.outputs[0])
    feature_stage = next(s.number for s in program.stages if add in s.tasks)
    rates = [made.stream.rates[_written(s.tasks[0].step, s.tasks[0].form)] for s in program.stages_of(0)]
    returns = [f"        made->stage_{s.number:02d} -= {made.period // rate};"
               for s, rate in zip(program.stages_of(0), rates, strict=True)]  # fmt: skip
    return [
        f"void {prefix}_start(uint8_t *arena) {{",
        f"    memset({prefix}_made(arena), 0, sizeof({prefix}_progress));",
        f"    memset(arena + {rows.ring(add.writes).offset}, 0, {4 * made.kept.channels}); /* the total */",
        f"    memset(arena + {made.kept.offset}, 0, {made.kept.bytes}); /* the sums of each row */", "}", "",
        f"void {prefix}_push(uint8_t *arena, const int8_t *row) {{",
        f"    {prefix}_progress *made = {prefix}_made(arena);",
        "    const int32_t y = made->input;",
        f"    memcpy(arena + {slot(ring, False)}, row, {ring.row_bytes});",
        "    made->input = y + 1;",
        f"    {prefix}_phase_0(arena);",
        f"    if (made->input == {made.settled + made.period}) {{ /* all rings stand as {made.period} rows ago */",
        f"        made->input -= {made.period};", *returns, "    }", "}", "",
        f"int {prefix}_embedding(uint8_t *arena, int8_t *out) {{",
        f"    if ({prefix}_made(arena)->stage_{feature_stage:02d} < {made.kept.rows}) {{", "        return 0;", "    }",
        f"    {prefix}_phase_1(arena);",
        f"    memcpy(out, arena + {output.offset}, {output.bytes});", "    return 1;", "}", "",
    ]  # fmt: skip


def _written(step: Step, form: str) -> str:
    """The tensor whose rate a stage has: of sums, the features'."""
    return step.operands[0][1] if form == "add" else step.output
