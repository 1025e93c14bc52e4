"""Static memory plan: which bytes of the arena hold which tensor, and from which step to which.

Steps run in order, 0 .. n-1. A tensor lives from the step that writes it (graph inputs: -1, before the run) to the
last step that reads it (graph outputs: n, after the run). Tensors whose lives overlap never share a byte, except where
a step works in place: then output and input are one storage. All activations are int8, so sizes are bytes.

The offsets come from first-fit placement in several orders, the best of which wins; `bound_bytes` is what no
placement can beat (the largest sum of sizes alive at one step).
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_export.codegen.placement import ALIGNMENT, Packer, Piece, Storage, aligned

__all__ = ["ALIGNMENT", "MemoryPlan", "PlannedTensor", "Span", "StepMemory", "lower_bound", "place", "plan_memory"]


@dataclass(frozen=True)
class StepMemory:
    """What one step reads and writes. Constants are not listed.

    in_place: inputs whose bytes the output may take over. alias: the step moves nothing (RESHAPE), output = input.
    """

    reads: tuple[str, ...]
    writes: str
    scratch_bytes: int = 0
    in_place: tuple[str, ...] = ()
    alias: bool = False


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor's place: bytes [offset, offset + size) of the arena during steps first .. last, inclusive.

    storage: name of the storage it shares with the tensors it overlaps in place; its own name when it is alone.
    """

    name: str
    size: int
    offset: int
    first: int
    last: int
    storage: str
    role: str  # "input" | "output" | "activation" | "scratch"


@dataclass(frozen=True)
class MemoryPlan:
    """arena_bytes: exact arena size. bound_bytes: lower bound for this graph with these in-place decisions."""

    tensors: tuple[PlannedTensor, ...]
    arena_bytes: int
    bound_bytes: int
    steps: int

    def offset(self, name: str) -> int:
        return self._by_name()[name].offset

    def __getitem__(self, name: str) -> PlannedTensor:
        return self._by_name()[name]

    def live_bytes(self, step: int) -> int:
        """Bytes of the storages alive at one step, each rounded up to the alignment."""
        alive = {t.storage: t.size for t in self.tensors if t.first <= step <= t.last}
        return sum(aligned(size) for size in alive.values())

    def _by_name(self) -> dict[str, PlannedTensor]:
        return {t.name: t for t in self.tensors}


@dataclass(frozen=True)
class Span:
    """A storage to place: `size` bytes during steps first .. last, inclusive."""

    name: str
    size: int
    first: int
    last: int

    def overlaps(self, other: Span) -> bool:
        return self.first <= other.last and other.first <= self.last


def plan_memory(steps: list[StepMemory], sizes: dict[str, int], inputs: list[str], outputs: list[str]) -> MemoryPlan:
    """Decide what works in place, then place every storage. sizes: bytes by tensor name."""
    first, last = _lifetimes(steps, inputs, outputs)
    storage = _share(steps, inputs, outputs, sizes, last)
    names = list(first)
    spans: dict[str, Span] = {}
    for name in names:
        root, span = storage[name], spans.get(storage[name])
        spans[root] = Span(
            root,
            max(sizes[name], span.size if span else 0),
            min(first[name], span.first if span else first[name]),
            max(last[name], span.last if span else last[name]),
        )
    scratch = {
        f"scratch of step {i}": Span(f"scratch of step {i}", step.scratch_bytes, i, i)
        for i, step in enumerate(steps)
        if step.scratch_bytes
    }
    all_spans = [*spans.values(), *scratch.values()]
    offsets, total = place(all_spans)
    tensors = [
        PlannedTensor(name, sizes[name], offsets[storage[name]], first[name], last[name], storage[name],
                      "input" if name in inputs else "output" if name in outputs else "activation")
        for name in names
    ]  # fmt: skip
    tensors += [PlannedTensor(s.name, s.size, offsets[s.name], s.first, s.last, s.name, "scratch")
                for s in scratch.values()]  # fmt: skip
    return MemoryPlan(tuple(tensors), total, lower_bound(all_spans), len(steps))


def _lifetimes(steps: list[StepMemory], inputs: list[str], outputs: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    first = dict.fromkeys(inputs, -1)
    last = dict.fromkeys(inputs, -1)
    for i, step in enumerate(steps):
        for name in step.reads:
            last[name] = i
        first[step.writes] = last[step.writes] = i
    for name in outputs:
        last[name] = len(steps)
    return first, last


def _share(
    steps: list[StepMemory], inputs: list[str], outputs: list[str], sizes: dict[str, int], last: dict[str, int]
) -> dict[str, str]:
    """Storage of each tensor: reshapes first, then every step that may and can work in place."""
    storage = {name: name for name in inputs}
    for step in steps:
        storage[step.writes] = storage[step.reads[0]] if step.alias else step.writes
    groups: dict[str, list[str]] = {}
    for name, root in storage.items():
        groups.setdefault(root, []).append(name)
    for i, step in enumerate(steps):
        if step.alias:
            continue
        for name in step.in_place:
            group = groups[storage[name]]
            dies_here = max(last[member] for member in group) == i
            if dies_here and sizes[name] == sizes[step.writes] and not any(m in outputs for m in group):
                moved = groups.pop(storage[step.writes])
                for member in moved:
                    storage[member] = storage[name]
                group.extend(moved)
                break
    return storage


def lower_bound(spans: list[Span]) -> int:
    """Largest sum of aligned sizes alive at one step, the last of them unrounded: no plan needs less."""
    best = 0
    for step in {s.first for s in spans}:
        alive = [s.size for s in spans if s.first <= step <= s.last]
        if alive:
            slack = max(aligned(size) - size for size in alive)
            best = max(best, sum(aligned(size) for size in alive) - slack)
    return best


def place(spans: list[Span]) -> tuple[dict[str, int], int]:
    """Offsets (multiples of ALIGNMENT) and their total: the best of several orders and of a short search."""
    start = min((s.first for s in spans), default=0)  # times count from 0
    packer = Packer([Storage(s.name, s.size, (Piece(0, s.size, ((s.first - start, s.last - start),)),)) for s in spans])
    offsets, total = packer.best(lower_bound(spans))
    return {packer.storages[i].name: offset for i, offset in offsets.items()}, total
