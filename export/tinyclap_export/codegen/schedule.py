"""Schedules: in which order an encoder's layers run, over whole maps or row by row, and what each costs in memory.

layers   every operator over whole maps, one after the other
rows     rows stream through rings; whole maps only where an operator needs one
auto     the one with the smaller arena, then the fewer calls
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyclap_export.codegen import emit_layers, emit_row_layers, emit_rows, stream
from tinyclap_export.codegen.emit import Endless, Function, Push, Unit
from tinyclap_export.codegen.memory import MemoryPlan, plan_memory
from tinyclap_export.codegen.rings import plan_rings
from tinyclap_export.codegen.stages import make_program
from tinyclap_export.codegen.step import Step
from tinyclap_export.graph import Graph

SCHEDULES = ("layers", "rows", "auto", "continuous")


@dataclass(frozen=True)
class Layer:
    """One generated function.

    reads, writes: tensor names. arena_in, arena_out: (offset, bytes) of each tensor it reads and of the one it writes,
    in `rows` of the ring that holds it.
    """

    index: int
    name: str
    kind: str
    function: str
    macs: int
    in_shapes: tuple[tuple[int, ...], ...]
    out_shapes: tuple[tuple[int, ...], ...]
    weight_bytes: int  # constants of this layer: weights, biases, scales, tables
    arena_in: tuple[tuple[int, int], ...]
    arena_out: tuple[tuple[int, int], ...]
    reads: tuple[str, ...]
    writes: str


@dataclass(frozen=True)
class Scheduled:
    """A schedule of one graph. text: tce_NAME.c. kernels: engine files without .c."""

    unit: Unit
    text: str
    kernels: tuple[str, ...]
    layers: tuple[Layer, ...]
    memory: MemoryPlan
    why: str

    @property
    def ram_bytes(self) -> int:
        """What a caller needs who uses it at its best: rows pushed where they can be."""
        return self.unit.push.arena_bytes if self.unit.push else self.unit.arena_bytes


def make_schedule(graph: Graph, steps: list[Step], name: str, schedule: str) -> Scheduled:
    """The schedule of that name, or the better one."""
    if schedule == "layers":
        return by_layers(graph, steps, name, "asked for")
    if schedule == "continuous":
        return by_stream(graph, steps, name, "asked for")
    rows = by_rows(graph, steps, name, "asked for")
    if schedule == "rows":
        return rows
    layers = by_layers(graph, steps, name, "")
    if rows.ram_bytes < layers.ram_bytes:
        why = f"row by row it needs {rows.ram_bytes:,} bytes of RAM, layer by layer {layers.ram_bytes:,}"
        return replace(rows, why=why)
    why = f"layer by layer it needs {layers.ram_bytes:,} bytes of RAM, row by row {rows.ram_bytes:,}, and fewer calls"
    return replace(layers, why=why)


def by_layers(graph: Graph, steps: list[Step], name: str, why: str) -> Scheduled:
    """Every operator over whole maps."""
    sizes = {t.name: t.size for t in graph.activations()}
    plan = plan_memory([s.memory() for s in steps], sizes, graph.inputs, graph.outputs)
    functions = emit_layers.layer_functions(f"tce_{name}", steps)
    unit = Unit(name, graph, steps, functions, plan.arena_bytes, "layers")
    layers = []
    for function in functions:
        step = function.step
        reads = [tensor for _, tensor in step.operands]
        places = [(plan.offset(t), graph.tensors[t].size) for t in (*reads, step.output)]
        layers.append(_layer(graph, function, reads, step.output, places, True))
    kernels = {kernel for step in steps for kernel in step.kernels}
    return Scheduled(unit, emit_layers.source(unit, plan), tuple(sorted(kernels)), tuple(layers), plan, why)


def by_rows(graph: Graph, steps: list[Step], name: str, why: str) -> Scheduled:
    """Rows through rings."""
    program = make_program(graph, steps)
    plan = plan_rings(program)
    push = None
    if program.pushed is not None:
        view = program.views[program.pushed]
        push = Push(view.rows, view.row_bytes, plan.push_bytes)
    functions = emit_row_layers.row_functions(f"tce_{name}", program)
    unit = Unit(name, graph, steps, functions, plan.arena_bytes, "rows", push)
    rows = emit_row_layers.RowUnit(unit, program, plan)
    return Scheduled(unit, emit_rows.source(rows), _kernels(rows), _row_layers(rows), plan.memory, why)


def by_stream(graph: Graph, steps: list[Step], name: str, why: str) -> Scheduled:
    """Rows without end."""
    made = stream.plan_stream(graph, steps)
    shape = graph.tensors[graph.inputs[0]].shape
    push = Push(shape[1], shape[2] * shape[3], made.plan.arena_bytes)
    functions = emit_row_layers.row_functions(f"tce_{name}", made.program)
    endless = Endless(made.first, made.kept.rows)
    unit = Unit(name, graph, steps, functions, made.plan.arena_bytes, "continuous", push, endless)
    rows = emit_row_layers.RowUnit(unit, made.program, made.plan, made.kept)
    return Scheduled(unit, stream.source(rows, made), _kernels(rows), _row_layers(rows), made.plan.memory, why)


def _row_layers(rows: emit_row_layers.RowUnit) -> tuple[Layer, ...]:
    graph, layers = rows.unit.graph, []
    for task in sorted(rows.program.tasks, key=lambda t: t.number):
        reads = [read.tensor for read in task.reads if read.tensor in graph.tensors]
        rings = [rows.ring(t) for t in (*reads, task.writes)]
        output = task.writes if task.writes in graph.tensors else task.step.output
        layers.append(_layer(graph, rows.functions[task.number], reads, output, [(r.offset, r.bytes) for r in rings],
                             task.form != "add"))  # fmt: skip
    return tuple(layers)


def _kernels(rows: emit_row_layers.RowUnit) -> tuple[str, ...]:
    """Engine files that a program of rows calls."""
    found: set[str] = set()
    for task in rows.program.tasks:
        if task.form == "add":
            found.add(emit_row_layers.slide_kernel(rows.kept) if rows.kept else "tce_mean_add_s8")
        else:
            found.update(("tce_mean_finish_s8",) if task.form == "finish" else task.step.kernels)
    return tuple(sorted(found))


def _layer(
    graph: Graph, function: Function, reads: list[str], writes: str, places: list[tuple[int, int]], counts: bool
) -> Layer:
    """counts: the function to which the step's work and constants are attributed."""
    step, tensors = function.step, graph.tensors
    return Layer(
        function.index, step.op.name, step.op.kind, function.name, step.macs if counts else 0,
        tuple(tensors[n].shape for n in reads), (tensors[writes].shape,), step.const_bytes if counts else 0,
        tuple(places[:-1]), (places[-1],), tuple(reads), writes,
    )  # fmt: skip
