"""The order in which stages fire, played at generation time: which row is written when, and read last when.

The rule is the generated driver's: the most downstream stage that has what it needs makes one row; when none has, the
next input row arrives. Time counts task calls and arriving rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyclap_export.codegen.stages import ENDLESS, Program, Read, Stage, Task


@dataclass
class RowLives:
    """When each row of a stored map is written first and used last."""

    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def write(self, row: int, time: int) -> None:
        self.first.setdefault(row, time)
        self.last[row] = max(self.last.get(row, time), time)

    def read(self, row: int, time: int) -> None:
        self.last[row] = max(self.last[row], time)


@dataclass
class Trace:
    """What a play recorded. lives: by root; calls: times at which each task ran; end: the time after the last."""

    lives: dict[str, RowLives]
    calls: dict[int, list[int]]
    phases: list[tuple[int, int]]  # (first time, last time) of each phase
    pushes: list[int] = field(default_factory=list)  # times at which input rows arrived
    end: int = 0


def play(program: Program) -> Trace:
    """One window from its first row to its outputs; of a stream, enough rows to see all that recurs."""
    player = _Player(program)
    return player.stream() if program.endless else player.window()


class _Player:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.views = program.views
        self.needs = {s.number: program.needs(s) for s in program.stages}
        self.made = {s.number: 0 for s in program.stages}
        self.pushed = 0
        self.time = 0
        roots = {v.root for v in self.views.values()}
        self.trace = Trace({root: RowLives() for root in roots}, {t.number: [] for t in program.tasks}, [])

    def window(self) -> Trace:
        graph = self.program.graph
        for name in graph.inputs:
            if name != self.program.pushed:
                for row in range(self.views[name].rows):
                    self.trace.lives[name].write(row, 0)
        for phase in range(self.program.phases):
            start = self.time
            stages = self.program.stages_of(phase)
            for stage in stages:
                if self.program.is_single(stage):
                    self.run(stage)
            if phase == 0 and self.program.pushed is not None:
                for row in range(self.views[self.program.pushed].rows):
                    self.push(row)
                    self.fire(stages)
            else:
                self.fire(stages)
            self.trace.phases.append((start, self.time))
        assert all(self.made[s.number] == s.calls for s in self.program.stages)
        self.trace.end = self.time + 1
        for name in graph.outputs:
            view = self.views[name]
            lives = self.trace.lives[view.root]
            for row in range(self.views[view.root].rows):
                lives.read(row, self.trace.end)
        return self.trace

    def stream(self) -> Trace:
        """Rows until every stage has made some, then as many again four times over; then one embedding."""
        stages = self.program.stages_of(0)
        row, enough = 0, None
        while enough is None or row < enough:
            self.push(row)
            self.fire(stages)
            row += 1
            if enough is None and all(self.made[s.number] >= 3 for s in stages):
                enough = 5 * row
        self.trace.phases.append((0, self.time))
        for stage in self.program.stages_of(1):
            self.run(stage)
        self.trace.phases.append((self.trace.phases[0][1], self.time))
        self.trace.end = self.time + 1
        for task in self.program.tasks:
            if task.form == "add":  # the total is zeroed before the first row, and outlives every embedding
                self.trace.lives[task.writes] = RowLives({0: 0}, {0: self.trace.end})
        return self.trace

    def push(self, row: int) -> None:
        self.time += 1
        self.trace.pushes.append(self.time)
        self.trace.lives[str(self.program.pushed)].write(row, self.time)
        self.pushed = row + 1

    def fire(self, stages: list[Stage]) -> None:
        while True:
            for stage in reversed(stages):
                if self.ready(stage):
                    self.run(stage)
                    break
            else:
                return

    def ready(self, stage: Stage) -> bool:
        row = self.made[stage.number]
        if row >= stage.calls:
            return False
        return all(
            (self.pushed if need.source is None else self.made[need.source]) > need.at(row)
            for need in self.needs[stage.number]
        )

    def run(self, stage: Stage) -> None:
        row = self.made[stage.number]
        for task in stage.tasks:
            self.time += 1
            self.trace.calls[task.number].append(self.time)
            for read in task.reads:
                self.note(read, row)
            self.written(task, row)
        self.made[stage.number] = row + 1

    def note(self, read: Read, row: int) -> None:
        view = self.views[read.tensor]
        lives, rows = self.trace.lives[view.root], self.views[view.root].rows
        if read.whole or view.flat:
            touched: list[int] = list(range(rows if rows < ENDLESS else 1))
        elif read.window is None:
            touched = [row]
        else:
            w = read.window
            touched = [r for r in range(w.first(row), w.last(row) + 1, w.dilation) if 0 <= r < rows]
        for r in touched:
            lives.read(r, self.time)

    def written(self, task: Task, row: int) -> None:
        lives = self.trace.lives[task.writes]
        if task.form == "whole":
            for r in range(self.views[task.writes].rows):
                lives.write(r, self.time)
        else:
            lives.write(0 if task.form in ("add", "finish") else row, self.time)
