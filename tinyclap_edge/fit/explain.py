"""`fit --explain`: where a configuration's bytes lie, which of them are in use when, and which operator is at the peak."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_export.codegen.firing import play
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.memory import PlannedTensor
from tinyclap_export.codegen.stages import make_program

from tinyclap_edge.boards import Board
from tinyclap_edge.fit.configuration import Configuration, parse_configuration
from tinyclap_edge.fit.cost import Cost, Use, cost_of
from tinyclap_edge.fit.instruction_model import machine_of, predict
from tinyclap_edge.fit.plan import ROWS, Plan, plan_graph
from tinyclap_edge.fit.plan_stream import CONTINUOUS, plan_continuous
from tinyclap_edge.fit.sample import sample_graph

WIDTH = 64  # characters of the drawing
LINES = 24  # storages drawn: the largest
DEAREST = 8


@dataclass(frozen=True)
class Explained:
    """A configuration's memory in words and lines. drawing: a line a storage of the arena, left is its first byte."""

    cost: Cost
    flash_parts: dict[str, int]
    drawing: tuple[str, ...]
    peak_operator: str
    peak_bytes: int
    tensors: tuple[PlannedTensor, ...]
    dearest: tuple[tuple[str, int], ...]
    instructions_total: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            **self.cost.to_dict(), "peak_operator": self.peak_operator, "peak_bytes": self.peak_bytes,
            "arena": [asdict(t) for t in self.tensors],
            "dearest": [{"name": name, "instructions": count} for name, count in self.dearest],
        }  # fmt: skip


def explain(text: str, board: Board, use: Use | None = None) -> Explained:
    """Of a configuration as text, or a student's name. UsageError (2) for a text that says none."""
    configuration, use = parse_configuration(text), use or Use()
    machine = machine_of(board)
    plan = (
        plan_continuous(configuration, machine.isa, use.hop_rows(configuration))
        if use.continuous
        else plan_graph(sample_graph(configuration), machine.isa)
    )
    cost = cost_of(configuration, board, use, plan)
    operator, peak = peak_of(plan, configuration, machine.isa)
    by_layer = sorted(predict(plan, machine).items(), key=lambda item: -item[1])
    flash = {
        "weights": cost.flash.weights, "log-mel tables": cost.flash.tables, "label pack": cost.flash.label_pack,
        "code": cost.flash.code,
    }  # fmt: skip
    return Explained(
        cost, flash, draw(plan), operator, peak, plan.memory.tensors,
        tuple((name, round(count)) for name, count in by_layer[:DEAREST]), round(sum(predict(plan, machine).values())),
    )  # fmt: skip


def draw(plan: Plan) -> tuple[str, ...]:
    """The arena as lines: a storage each, as far from the left as its offset, as long as its size."""
    storages: dict[str, PlannedTensor] = {}
    for tensor in plan.memory.tensors:
        held = storages.get(tensor.storage)
        if held is None or tensor.size > held.size:
            storages[tensor.storage] = tensor
    largest = sorted(storages.values(), key=lambda t: -t.size)
    scratch = [t for t in largest if t.role == "scratch"][:1]
    shown = [t for t in largest if t.role != "scratch"][:LINES] + scratch
    lines = [f"arena of {plan.arena_bytes:,} bytes; each line is a place in it, left is its first byte"]
    scale = WIDTH / max(1, plan.arena_bytes)
    for tensor in sorted(shown, key=lambda t: (t.offset, -t.size)):
        start = min(WIDTH - 1, int(tensor.offset * scale))
        length = max(1, min(WIDTH - start, round(tensor.size * scale)))
        bar = " " * start + ("▒" if tensor.role == "scratch" else "█") * length
        lines.append(f"{bar:<{WIDTH}} {tensor.size:>8,} at {tensor.offset:>8,}  {tensor.name}")
    return tuple(lines)


def peak_of(plan: Plan, configuration: Configuration, isa: str) -> tuple[str, int]:
    """(operator that runs when most bytes of the arena are in use, those bytes)."""
    if plan.schedule == CONTINUOUS:  # rings are never free: the peak is where the most scratch joins them
        work = max(plan.work, key=lambda w: w.step.row.scratch_bytes if w.step.row is not None else 0)
        scratch = {t.storage: t.size for t in plan.memory.tensors if t.name.startswith("scratch of layer")}
        kept = {t.storage: t.size for t in plan.memory.tensors if t.storage not in scratch}
        used = sum(kept.values()) + max(scratch.values(), default=0)
        return work.name, min(used, plan.arena_bytes)
    if plan.schedule != ROWS:
        busiest = max(range(max(1, plan.memory.steps)), key=plan.memory.live_bytes)
        return plan.work[min(busiest, len(plan.work) - 1)].name, plan.memory.live_bytes(busiest)
    program = make_program(plan.graph, lower(plan.graph, isa))
    trace = play(program)
    change = [0] * (trace.end + 2)
    for tensor in plan.memory.tensors:
        lives = trace.lives.get(program.views[tensor.name].root) if tensor.name in program.views else None
        if lives is not None and program.views[tensor.name].root == tensor.name:
            row = program.views[tensor.name].row_bytes
            for r, first in lives.first.items():
                change[first] += row
                change[lives.last[r] + 1] -= row
    for task in program.tasks:
        for time in trace.calls[task.number]:
            change[time] += task.scratch_bytes
            change[time + 1] -= task.scratch_bytes
    used, best, when = 0, 0, 0
    for time, delta in enumerate(change):
        used += delta
        if used > best:
            best, when = used, time
    ran = {time: task for task in program.tasks for time in trace.calls[task.number]}
    task = ran.get(when) or ran[max(time for time in ran if time <= max(when, min(ran)))]
    return task.step.op.name, best
