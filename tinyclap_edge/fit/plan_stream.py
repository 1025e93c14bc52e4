"""The plan of a configuration whose rows arrive for ever: the schedule `continuous`, and what one hop computes of it."""

from __future__ import annotations

from tinyclap_export.codegen.emit_row_layers import slide_kernel
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.stages import ENDLESS
from tinyclap_export.codegen.stream import plan_stream
from tinyclap_export.graph import Graph

from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.plan import Plan, Work
from tinyclap_edge.fit.sample import sample_graph

CONTINUOUS = "continuous"


def plan_continuous(configuration: Configuration, isa: str, hop_rows: int) -> Plan:
    """The plan of a stream; its work is that of one hop of `hop_rows` rows and one embedding.

    ExportError (5) names the operator that cannot stream: squeeze-and-excite needs whole maps.
    """
    return plan_stream_of(sample_graph(configuration), isa, hop_rows)


def plan_stream_of(graph: Graph, isa: str, hop_rows: int) -> Plan:
    """The same of an int8 graph."""
    steps = lower(graph, isa)
    made = plan_stream(graph, steps)
    rates = made.stream.rates
    work: list[Work] = []
    kernels: set[str] = set()
    fired = 0.0
    for task in sorted(made.program.tasks, key=lambda t: t.number):
        adds = task.form == "add"
        kernels.update((slide_kernel(made.kept),) if adds else ("tce_mean_finish_s8",) if task.form == "finish"
                       else task.step.kernels)  # fmt: skip
        rate = rates[task.step.operands[0][1] if adds else task.step.output] if task.calls == ENDLESS else 0
        calls = hop_rows / rate if rate else 1.0
        work.append(Work(task.step.op.name, task.step, task.form, calls, 0, endless=bool(rate)))
        fired += calls
    stages = made.program.stages_of(0)
    polls = round(len(stages) * (hop_rows + fired) / 2)
    arena = made.plan.arena_bytes
    why = f"every row is computed once: {arena:,} bytes of RAM, {hop_rows} rows a hop"
    return Plan(
        graph, CONTINUOUS, why, arena, sum(s.const_bytes for s in steps), sum(s.macs for s in steps), tuple(work),
        made.plan.memory, len(stages), polls, 2, tuple(sorted(kernels)),
    )  # fmt: skip
