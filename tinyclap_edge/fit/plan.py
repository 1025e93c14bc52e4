"""A configuration in the engine's own planner: which schedule, how many bytes of arena and constants, which calls.

Nothing is emitted. The steps are the code generator's (`lower`), the places are those of its rings and of its
layer-by-layer plan, and the choice between the two is the one that `schedule="auto"` makes for a firmware.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.memory import MemoryPlan, plan_memory
from tinyclap_export.codegen.rings import RingPlan, plan_rings
from tinyclap_export.codegen.stages import Program, Task, make_program
from tinyclap_export.codegen.step import Step, map_rows
from tinyclap_export.graph import Graph

from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.sample import sample_graph

ROWS, LAYERS = "rows", "layers"


@dataclass(frozen=True)
class Work:
    """One generated function: `calls` calls of a step, each on a row, or one on whole maps.

    missing: calls whose window reaches rows outside the map. endless: a row whenever one comes, `calls` of them in a hop on
    average.
    """

    name: str
    step: Step
    form: str  # "row", "whole", "add", "finish"
    calls: float
    missing: int
    endless: bool = False

    @property
    def repeats(self) -> bool:
        """Whether a call makes one row of several."""
        return self.endless or self.calls > 1


@dataclass(frozen=True)
class Plan:
    """What the planner says. arena_bytes: of the firmware, which pushes rows where it can.

    stages, polls: functions that decide which row comes next, and how often they are asked in one window.
    """

    graph: Graph
    schedule: str
    why: str
    arena_bytes: int
    const_bytes: int
    macs: int
    work: tuple[Work, ...]
    memory: MemoryPlan
    stages: int
    polls: int
    phases: int
    kernels: tuple[str, ...]


def plan_configuration(configuration: Configuration, isa: str) -> Plan:
    """The plan of a configuration for a core's kernels."""
    return plan_graph(sample_graph(configuration), isa)


def plan_graph(graph: Graph, isa: str) -> Plan:
    """The plan of an int8 graph, as `generate(..., schedule="auto")` makes it."""
    steps = lower(graph, isa)
    program = make_program(graph, steps)
    rings = plan_rings(program)
    pushed = rings.push_bytes or rings.arena_bytes
    sizes = {tensor.name: tensor.size for tensor in graph.activations()}
    whole = plan_memory([step.memory() for step in steps], sizes, graph.inputs, graph.outputs)
    const_bytes, macs = sum(s.const_bytes for s in steps), sum(s.macs for s in steps)
    if pushed < whole.arena_bytes:
        why = f"row by row it needs {pushed:,} bytes of RAM, layer by layer {whole.arena_bytes:,}"
        return _by_rows(graph, program, rings, pushed, why, const_bytes, macs)
    why = f"layer by layer it needs {whole.arena_bytes:,} bytes of RAM, row by row {pushed:,}, and fewer calls"
    work = tuple(_whole_work(graph, step) for step in steps if not step.alias)
    kernels = tuple(sorted({kernel for step in steps for kernel in step.kernels}))
    return Plan(graph, LAYERS, why, whole.arena_bytes, const_bytes, macs, work, whole, 0, 0, 1, kernels)


def _by_rows(
    graph: Graph, program: Program, rings: RingPlan, arena: int, why: str, const_bytes: int, macs: int
) -> Plan:
    work = tuple(_row_work(program, task) for task in sorted(program.tasks, key=lambda t: t.number))
    kernels: set[str] = set()
    for task in program.tasks:
        own = {"add": ("tce_mean_add_s8",), "finish": ("tce_mean_finish_s8",)}
        kernels.update(own.get(task.form, task.step.kernels))
    return Plan(
        graph, ROWS, why, arena, const_bytes, macs, work, rings.memory, len(program.looped()), _polls(program),
        program.phases, tuple(sorted(kernels)),
    )  # fmt: skip


def _polls(program: Program) -> int:
    """How often stages are asked in a window: the latest first, again from the latest after each row that is made, and
    once in vain after each row that arrives."""
    polls = 0
    for phase in range(program.phases):
        looped = [s for s in program.stages_of(phase) if not program.is_single(s)]
        polls += sum((len(looped) - i) * stage.calls for i, stage in enumerate(looped))
        arrivals = program.views[program.pushed].rows if phase == 0 and program.pushed is not None else 1
        polls += len(looped) * arrivals
    return polls


def _row_work(program: Program, task: Task) -> Work:
    read = next((r for r in task.reads if r.window is not None), None)
    missing = 0
    if read is not None and read.window is not None:
        rows, w = program.views[read.tensor].rows, read.window
        missing = sum(w.first(y) < 0 or w.last(y) >= rows for y in range(task.calls))
    name = task.step.op.name if task.form != "add" else f"{task.step.op.name} (sums)"
    return Work(name, task.step, task.form, task.calls, missing)


def _whole_work(graph: Graph, step: Step) -> Work:
    window = step.row.window if step.row is not None and not step.code else None
    if window is None:
        return Work(step.op.name, step, "whole", 1, 0)
    rows, calls = (map_rows(graph.tensors[n].shape)[0] for n in (step.operands[0][1], step.output))
    missing = sum(window.first(y) < 0 or window.last(y) >= rows for y in range(calls))
    return Work(step.op.name, step, "row", calls, missing)
