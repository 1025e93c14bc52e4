"""From steps to a program of rows: tasks that make one row a call, stages that fire together, phases one after another.

A task is a step working row by row (or, where it needs whole maps, in one call). Tasks that always have their inputs
when an earlier task has made its row join that task's stage: a stage is one window and what follows it row by row.
A stage that needs every row of something starts a new phase: global means, dense layers, squeeze-and-excite gates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.step import Step, Window, map_rows
from tinyclap_export.graph import Graph

ENDLESS = (1 << 31) - 1  # rows of a map in a stream: INT32_MAX in C
_ROWS_COMPARED = 1024  # of an endless stage: windows are affine, so the first rows show what holds for all


@dataclass(frozen=True)
class View:
    """A tensor as rows of a stored map. flat: a reshape whose rows are not those of `root`, whole or nothing."""

    name: str
    root: str
    rows: int
    row_bytes: int
    flat: bool = False


@dataclass(frozen=True)
class Read:
    """One operand of a task. whole: all of it whatever the row; else row y, or through a window."""

    cname: str
    tensor: str
    whole: bool = False
    window: Window | None = None


@dataclass(frozen=True)
class Task:
    """One generated function, called `calls` times with y = 0, 1, ...

    form: "row" makes row y; "whole" makes all of its output at once; "add" adds row y to channel sums; "finish" turns
    the sums into the mean.
    """

    number: int
    step: Step
    form: str
    reads: tuple[Read, ...]
    writes: str
    calls: int

    @property
    def scratch_bytes(self) -> int:
        """Working memory of one call."""
        row = self.step.row if self.form == "row" else None
        return self.step.scratch_bytes if row is None else row.scratch_bytes


@dataclass(frozen=True)
class Stage:
    """Tasks that fire together, in order."""

    number: int
    tasks: tuple[Task, ...]
    phase: int

    @property
    def calls(self) -> int:
        return self.tasks[0].calls


@dataclass(frozen=True)
class Need:
    """What must have been made before a stage makes row y: more than `at(y)` rows of `source`.

    source: a stage, or None for the rows of the graph's input. window: rows through it; None: row y, or all.
    """

    source: int | None
    rows: int  # of the source
    window: Window | None = None
    every: bool = False

    def at(self, row: int) -> int:
        """The last row needed; -1 for none."""
        if self.every:
            return self.rows - 1
        return row if self.window is None else max(-1, min(self.window.last(row), self.rows - 1))


@dataclass(frozen=True)
class Program:
    """Everything that a schedule of rows knows before it runs. pushed: the input whose rows arrive one by one."""

    graph: Graph
    views: dict[str, View]
    stages: tuple[Stage, ...]
    pushed: str | None
    whole_roots: frozenset[str]  # maps that must lie in memory completely
    endless: bool = False  # a stream: rows arrive for ever

    @property
    def phases(self) -> int:
        return 1 + max((s.phase for s in self.stages), default=0)

    @property
    def tasks(self) -> list[Task]:
        return [task for stage in self.stages for task in stage.tasks]

    def stages_of(self, phase: int) -> list[Stage]:
        return [s for s in self.stages if s.phase == phase]

    def writer(self) -> dict[str, tuple[Stage, Task]]:
        """Stage and task that write each root."""
        return {self.views[t.writes].root: (s, t) for s in self.stages for t in s.tasks}

    def is_single(self, stage: Stage) -> bool:
        """A stage of one call that waits for nothing in its own phase: called once, before the loop of the phase."""
        if stage.calls > 1 or (stage.phase == 0 and self.pushed is not None):
            return False
        sources = [self.stages[need.source] for need in self.needs(stage) if need.source is not None]
        return all(source.phase < stage.phase or self.is_single(source) for source in sources)

    def looped(self) -> list[Stage]:
        """The others: those that wait for rows, and count them."""
        return [stage for stage in self.stages if not self.is_single(stage)]

    def needs(self, stage: Stage) -> list[Need]:
        """Conditions on other stages, the implied ones left out."""
        writer, found = self.writer(), []
        for task in stage.tasks:
            for read in task.reads:
                need = _need(self, writer, read)
                if need is not None and need.source != stage.number:
                    found.append(need)
        kept: list[Need] = []
        rows = range(min(stage.calls, _ROWS_COMPARED))
        for i, need in enumerate(found):
            rivals = found[:i] + found[i + 1 :]
            implied = any(
                other.source == need.source
                and all(other.at(y) >= need.at(y) for y in rows)
                and (any(other.at(y) > need.at(y) for y in rows) or found.index(other) < i)
                for other in rivals
            )
            if not implied and max(need.at(y) for y in rows) >= 0:
                kept.append(need)
        return kept


def _need(program: Program, writer: dict[str, tuple[Stage, Task]], read: Read) -> Need | None:
    view = program.views[read.tensor]
    every = read.whole or view.flat
    if view.root not in writer:  # a graph input
        if view.root != program.pushed:
            return None
        return Need(None, program.views[view.root].rows, read.window, every)
    stage, task = writer[view.root]
    if task.form != "row":
        return Need(stage.number, task.calls, None, True)
    return Need(stage.number, task.calls, read.window, every)


def make_program(graph: Graph, steps: list[Step], endless: bool = False) -> Program:
    """Stages and phases of a graph's steps. endless: of a stream (the graph has passed `split_stream`)."""
    views = {name: View(name, name, *map_rows(graph.tensors[name].shape)) for name in graph.inputs}
    if endless:
        views = {name: replace(view, rows=ENDLESS) for name, view in views.items()}
    pushed = graph.inputs[0] if len(graph.inputs) == 1 and views[graph.inputs[0]].rows > 1 else None
    stages: list[Stage] = []
    where: dict[str, Stage] = {}  # stage that writes a root
    whole: set[str] = set()
    number = 0
    for step in steps:
        if step.alias:
            views[step.output] = _alias(graph, step, views)
            if views[step.output].flat:
                whole.add(views[step.output].root)
            continue
        for task in _tasks(graph, step, number):
            number += 1
            rows, row_bytes = map_rows(graph.tensors[step.output].shape)
            if any(views[r.tensor].rows == ENDLESS for r in task.reads):
                task = _endless(task)
                rows = ENDLESS
            assert step.sums is not None or task.form != "add"
            view = View(task.writes, task.writes, rows, row_bytes)
            if task.form == "add" and step.sums is not None:
                view = View(task.writes, task.writes, 1, 4 * step.sums.channels)
            views[task.writes] = view
            program = Program(graph, views, tuple(stages), pushed, frozenset(), endless)
            stage = _join(program, stages, task)
            where[task.writes] = stage
            whole |= {views[r.tensor].root for r in task.reads if r.whole}
            if task.form == "whole":
                whole.add(task.writes)
    whole |= {views[name].root for name in graph.outputs}
    whole |= {name for name in graph.inputs if name != pushed}
    return Program(graph, views, tuple(stages), pushed, frozenset(whole), endless)


def _endless(task: Task) -> Task:
    """The same task in a stream."""
    if task.form not in ("row", "add") or any(read.whole for read in task.reads):
        raise refuse(task.step.op, "it works on whole maps and cannot stream", "use the schedule rows or layers")
    return replace(task, calls=ENDLESS)


def _alias(graph: Graph, step: Step, views: dict[str, View]) -> View:
    source = views[step.operands[0][1]]
    rows, row_bytes = map_rows(graph.tensors[step.output].shape)
    if source.rows == ENDLESS and row_bytes == source.row_bytes:
        rows = ENDLESS
    same = (rows, row_bytes) == (source.rows, source.row_bytes)
    return View(step.output, source.root, rows, row_bytes, source.flat or not same)


def _tasks(graph: Graph, step: Step, number: int) -> list[Task]:
    rows = map_rows(graph.tensors[step.output].shape)[0]
    if step.sums is not None:
        source = step.operands[0][1]
        sums = f"{step.output} sums"
        return [
            Task(number, step, "add", (Read("in", source),), sums, map_rows(graph.tensors[source].shape)[0]),
            Task(number + 1, step, "finish", (Read("in", sums, whole=True),), step.output, 1),
        ]
    if step.row is None:
        return [Task(number, step, "whole", tuple(Read(c, t, whole=True) for c, t in step.operands), step.output, 1)]
    form = step.row
    reads = tuple(Read(c, t, c in form.whole, form.window if c == "in" else None) for c, t in step.operands)
    return [Task(number, step, "row", reads, step.output, rows)]


def _join(program: Program, stages: list[Stage], task: Task) -> Stage:
    """Add a task to the stage that it follows row by row, or to a new one."""
    writer = program.writer()
    needs = [need for read in task.reads if (need := _need(program, writer, read)) is not None]
    phase = 0
    for need in needs:
        earlier = stages[need.source].phase if need.source is not None else 0
        phase = max(phase, earlier + (need.every and need.rows > 1))
    sources = [need.source for need in needs if need.source is not None]
    if sources:
        host = stages[max(sources)]
        follows = all(
            need.at(y) == y for need in needs if need.source == host.number for y in range(min(task.calls, _ROWS_COMPARED))
        )  # fmt: skip
        if follows and host.calls == task.calls and host.phase == phase:
            joined = Stage(host.number, (*host.tasks, task), phase)
            stages[host.number] = joined
            return joined
    stages.append(Stage(len(stages), (task,), phase))
    return stages[-1]
