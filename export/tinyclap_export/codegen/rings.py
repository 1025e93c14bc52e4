"""Rings, maps and scratch of a program of rows, and their places in the arena.

A map is kept in a ring of as many rows as its readers still need when the next row is written, found by playing the
schedule; one that is needed as a whole is a ring of all its rows. Element-wise tasks take over the rows they read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tinyclap_export.codegen.firing import RowLives, Trace, play
from tinyclap_export.codegen.memory import MemoryPlan, PlannedTensor
from tinyclap_export.codegen.placement import Lives, Packer, Piece, Storage, peak_bytes
from tinyclap_export.codegen.stages import ENDLESS, Program, Task

PROGRESS = "rows made"  # storage of the stages' counters
MAX_PIECES = 128  # of a storage: a taller map is taken in blocks of rows
INPUT_MAP = "whole input"  # storage of the input for callers that have all rows at once


@dataclass(frozen=True)
class Ring:
    """A map in memory: row r lies in slot r % depth. depth = rows: the whole map."""

    rows: int
    row_bytes: int
    depth: int
    offset: int = 0

    @property
    def bytes(self) -> int:
        return self.depth * self.row_bytes


@dataclass(frozen=True)
class RingPlan:
    """Where everything of a program lies.

    rings: by root. scratch: offset by task number. arena_bytes: with the whole input; push_bytes: for callers that
    push rows (0 where the program takes none). input_offset: of the whole input.
    """

    rings: dict[str, Ring]
    scratch: dict[int, int]
    progress_offset: int
    input_offset: int
    arena_bytes: int
    push_bytes: int
    bound_bytes: int
    memory: MemoryPlan
    kept: dict[str, int] = field(default_factory=dict)  # offsets of what a stream keeps, by name


@dataclass
class _Store:
    """Roots that share one ring, while they are being merged."""

    rows: int
    row_bytes: int
    lives: RowLives
    whole: bool

    @property
    def depth(self) -> int:
        if self.whole:
            return self.rows
        first, last, rows = self.lives.first, self.lives.last, len(self.lives.first)
        for depth in range(1, rows):
            if all(last[r] < first[r + depth] for r in range(rows - depth)):
                return depth
        return rows

    @property
    def bytes(self) -> int:
        return self.depth * self.row_bytes


def plan_rings(program: Program, kept: Sequence[tuple[str, int]] = ()) -> RingPlan:
    """Depths by playing one window, then places. kept: names and bytes of what a stream keeps beside its rings."""
    trace = play(program)
    stores, root_of = _stores(program, trace)
    if program.pushed is not None and not program.endless:
        pushed = stores[root_of[program.pushed]]
        if pushed.depth == pushed.rows:  # then it is also where a caller puts the whole input, before the first row
            pushed.lives = RowLives(dict.fromkeys(pushed.lives.first, 0), pushed.lives.last)
    storages = [_storage(name, store, trace) for name, store in stores.items()]
    storages += [
        Storage(_scratch_name(t), t.scratch_bytes, (Piece(0, t.scratch_bytes, _points(trace.calls[t.number])),))
        for t in program.tasks
        if t.scratch_bytes
    ]  # fmt: skip
    storages += [always(name, size, trace.end) for name, size in ((PROGRESS, _counter_bytes(program)), *kept)]
    packer = Packer(storages)
    bound = peak_bytes(storages)
    placed, total = packer.best(bound)
    names = [s.name for s in storages]
    offsets = {names[i]: offset for i, offset in placed.items()}
    rings = {root: Ring(stores[name].rows, stores[name].row_bytes, stores[name].depth, offsets[name])
             for root, name in root_of.items()}  # fmt: skip
    input_offset, arena, push = _input_place(program, trace, storages, placed, rings, total)
    scratch = {t.number: offsets[_scratch_name(t)] for t in program.tasks if t.scratch_bytes}
    memory = MemoryPlan((), arena, bound, 0)
    places = {name: offsets[name] for name, _ in kept}
    plan = RingPlan(rings, scratch, offsets[PROGRESS], input_offset, arena, push, bound, memory, places)
    return replace(plan, memory=_memory(program, trace, plan, root_of, kept))


def _counter_bytes(program: Program) -> int:
    """The input's rows, and a counter a stage that waits for rows."""
    return 4 * (1 + len(program.looped()))


def _scratch_name(task: Task) -> str:
    return f"scratch of layer {task.number}"


def _points(times: list[int]) -> Lives:
    return tuple((t, t) for t in times)


def _stores(program: Program, trace: Trace) -> tuple[dict[str, _Store], dict[str, str]]:
    """Stores by name, and the store of each root. Element-wise tasks share a store with what they overwrite."""
    views = program.views
    roots = [v.name for v in views.values() if v.root == v.name and trace.lives[v.name].first]
    stores = {r: _Store(views[r].rows, views[r].row_bytes, trace.lives[r], r in program.whole_roots) for r in roots}
    root_of = {r: r for r in roots}
    for task in program.tasks:
        for name in task.step.in_place:
            view, out = views[name], views[task.writes]
            if task.form not in ("row", "whole") or view.flat or name not in {r.tensor for r in task.reads}:
                continue
            a, b = root_of[view.root], root_of[out.root]
            if a != b and (view.rows, view.row_bytes) == (out.rows, out.row_bytes) and _dies(stores[a], stores[b]):
                merged = _merged(stores[a], stores[b])
                if merged.bytes <= stores[a].bytes + stores[b].bytes:
                    stores[a] = merged
                    del stores[b]
                    root_of = {root: a if store == b else store for root, store in root_of.items()}
                    break
    return stores, root_of


def _dies(a: _Store, b: _Store) -> bool:
    """Is every row of a used last when b's row is written?"""
    return all(a.lives.last[r] <= time for r, time in b.lives.first.items())


def _merged(a: _Store, b: _Store) -> _Store:
    last = {**a.lives.last, **b.lives.last}  # of a stream's latest rows, some have not reached b
    return _Store(a.rows, a.row_bytes, RowLives(dict(a.lives.first), last), a.whole or b.whole)


def _storage(name: str, store: _Store, trace: Trace) -> Storage:
    """A piece a slot, or a few of a tall map. In a stream what outlasts the arrival of a row is kept for ever."""
    depth, lives = store.depth, store.lives
    if store.rows == ENDLESS and (depth > 1 or _outlasts(lives, trace.pushes)):
        return always(name, depth * store.row_bytes, trace.end)
    if store.rows == ENDLESS:
        spans = _joined((lives.first[r], lives.last[r]) for r in lives.first)
        return Storage(name, store.row_bytes, (Piece(0, store.row_bytes, spans),))
    pieces, step = [], -(-depth // MAX_PIECES)
    for slot in range(0, depth, step):
        rows = [r for r in range(store.rows) if slot <= r % depth < slot + step]
        size = min(step, depth - slot) * store.row_bytes
        pieces.append(Piece(slot * store.row_bytes, size, _joined((lives.first[r], lives.last[r]) for r in rows)))
    return Storage(name, depth * store.row_bytes, tuple(pieces))


def _joined(spans: Iterable[tuple[int, int]]) -> Lives:
    """Intervals in order, those that meet as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def always(name: str, size: int, end: int) -> Storage:
    """Bytes that are never free."""
    return Storage(name, size, (Piece(0, size, ((0, end),)),))


def _outlasts(lives: RowLives, pushes: list[int]) -> bool:
    """Is a row still used after a later input row has arrived?"""
    return any(bisect_right(pushes, lives.first[r]) != bisect_right(pushes, lives.last[r]) for r in lives.first)


def _input_place(
    program: Program, trace: Trace, storages: list[Storage], placed: dict[int, int], rings: dict[str, Ring], total: int
) -> tuple[int, int, int]:
    """(offset of the whole input, arena with it, arena without it): it takes what room the others leave."""
    if program.endless:
        return 0, total, total
    if program.pushed is None:
        return rings[program.graph.inputs[0]].offset, total, 0
    ring, pushes = rings[program.pushed], trace.lives[program.pushed].first
    if ring.depth == ring.rows:
        return ring.offset, total, total
    rows = tuple(Piece(r * ring.row_bytes, ring.row_bytes, ((0, pushes[r]),)) for r in range(ring.rows))
    packer = Packer([*storages, Storage(INPUT_MAP, ring.rows * ring.row_bytes, rows)])
    offsets, arena = packer.place([len(storages)], placed)
    return offsets[len(storages)], arena, total


def _memory(
    program: Program, trace: Trace, plan: RingPlan, root_of: dict[str, str], kept: Sequence[tuple[str, int]]
) -> MemoryPlan:
    """The plan as every schedule reports it; steps are phases."""
    graph, found = program.graph, []

    def phase_at(time: int) -> int:
        return next((i for i, (_, last) in enumerate(trace.phases) if time <= last), program.phases)

    for view in program.views.values():
        if view.root not in plan.rings:
            continue
        ring, lives = plan.rings[view.root], trace.lives[view.root]
        role = "input" if view.name in graph.inputs else "output" if view.name in graph.outputs else "activation"
        found.append(PlannedTensor(view.name, ring.bytes, ring.offset, phase_at(min(lives.first.values())),
                                   phase_at(max(lives.last.values())), root_of[view.root], role))  # fmt: skip
    for task in program.tasks:
        if task.number in plan.scratch:
            at, name = phase_at(trace.calls[task.number][0]), _scratch_name(task)
            found.append(PlannedTensor(name, task.scratch_bytes, plan.scratch[task.number], at, at, name, "scratch"))
    found.append(
        PlannedTensor(PROGRESS, _counter_bytes(program), plan.progress_offset, 0, program.phases, PROGRESS, "scratch")
    )
    found += [PlannedTensor(name, size, plan.kept[name], 0, program.phases, name, "scratch") for name, size in kept]
    return MemoryPlan(tuple(found), plan.arena_bytes, plan.bound_bytes, program.phases)
