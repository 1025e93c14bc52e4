"""The search: bounds for every configuration, exact plans for the few that remain; what is best, what else is worth having.

Best is the largest capacity (see space.Found.capacity) behind the reference front end that meets every budget; the front
end is relaxed only where nothing fits behind it. Whether a configuration fits is decided by its exact cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.memory_plan import DEFAULT_STACK_BYTES
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.configuration import REFERENCE_WINDOW_S
from tinyclap_edge.fit.cost import Cost, cost_of
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.space import Axes, Found, corners, evaluate

TRIES = 12  # exact plans for the recommended one: the bound is rarely off by more than a few percent
SHOWN = 8  # configurations of the Pareto set that are planned and shown
CELLS = 2  # of a factor of two, in each budget: the best of a cell stands for it


@dataclass(frozen=True)
class Answer:
    """What `fit` says of a board. searched: configurations whose bounds were looked at."""

    board: str
    budgets: Budgets
    recommended: Cost
    reason: str
    pareto: tuple[Cost, ...]
    searched: int
    feasible: int
    accuracies: dict[float, float]  # by window, where a curve was given

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            "board": self.board, "budgets": self.budgets.to_dict(), "recommended": self.recommended.to_dict(),
            "reason": self.reason, "pareto": [cost.to_dict() for cost in self.pareto], "searched": self.searched,
            "feasible": self.feasible, "capacity": "sqrt(parameters x MACs): a proxy",
            "accuracy_by_window": {f"{w:g}": a for w, a in self.accuracies.items()} or None,
        }  # fmt: skip


def recommend(
    board: Board, budgets: Budgets | None = None, curve: AccuracyCurve | None = None,
    advance: Callable[[int], None] = lambda steps: None, axes: Axes | None = None,
) -> Answer:  # fmt: skip
    """The best configuration for a board within budgets, and the Pareto set around it. axes: of a smaller space.

    DoesNotFit (5) where nothing fits: the region, the bytes, the nearest configurations that do. UsageError (2) for budgets
    that contradict each other or a board without memory for an arena.
    """
    budgets = (budgets or Budgets()).checked(board)
    machine = machine_of(board)
    axes = budgets.axes(curve, axes)
    groups = [evaluate(corner, machine, budgets.use) for corner in corners(axes, board, budgets.use.hop_s)]
    groups = [group for group in groups if len(group)]
    if not groups:
        raise budgets.window_too_short(board)
    advance(1)
    masks = [feasible(group, board, budgets) for group in groups]
    chosen = _first_fit(groups, masks, board, budgets, curve, advance)
    if chosen is None:
        raise _nothing(groups, board, budgets)
    group, cost = chosen
    pareto = _pareto(groups, masks, board, budgets, cost, curve, advance)
    accuracies = curve.at({g.window_s for g in groups}) if curve else {}
    return Answer(
        board.name, budgets, cost, _reason(cost, board, budgets, group, curve), pareto,
        sum(map(len, groups)), int(sum(mask.sum() for mask in masks)), accuracies,
    )  # fmt: skip


def feasible(group: Found, board: Board, budgets: Budgets) -> np.ndarray:
    """Which configurations of a group meet every budget, by bounds: none that fits is left out."""
    arena, data = group.arena_bytes, DEFAULT_STACK_BYTES + group.static_bytes
    placed = np.zeros(len(group), bool)
    for home in board.regions_for("arena"):
        for other in board.regions_for("data"):
            shared = arena if other.name == home.name else 0.0
            placed |= (arena <= home.size_bytes) & (data + shared <= other.size_bytes)
    good = placed & (group.flash_bytes <= min(board.flash.size_bytes, budgets.flash_bytes or board.flash.size_bytes))
    if budgets.ram_bytes:
        good &= arena + data <= budgets.ram_bytes
    per = board.time.cycles_per_instruction / board.clock_hz
    if budgets.latency_s:
        good &= group.latency_instructions * per <= budgets.latency_s * 1.02
    return np.asarray(good & (group.hop_instructions * per <= group.hop_s * 1.02))


def _order(groups: list[Found], curve: AccuracyCurve | None) -> list[list[int]]:
    """Groups to try together, the dearest wish first: the reference front end, then relaxed in r, mels, hop, rate, window."""
    if curve is not None:
        ranked = sorted({round(curve.accuracy(g.window_s), 6) for g in groups}, reverse=True)
        return [[i for i, g in enumerate(groups) if round(curve.accuracy(g.window_s), 6) == a] for a in ranked]
    reference = groups[0]

    def departures(g: Found) -> tuple[int, ...]:
        a, b = g.frontend, reference.frontend
        return (
            a.sample_rate_hz != b.sample_rate_hz, abs(g.window_s - _wanted(groups)) > 1e-9, a.mel_bins != b.mel_bins,
            g.frontend.hop_samples * b.sample_rate_hz != b.hop_samples * a.sample_rate_hz, g.r != reference.r,
        )  # fmt: skip

    keys = sorted({departures(g) for g in groups})
    return [[i for i, g in enumerate(groups) if departures(g) == key] for key in keys]


def _wanted(groups: list[Found]) -> float:
    """The window that is recommended where several are open: the shipped students', or the nearest."""
    return min({g.window_s for g in groups}, key=lambda w: abs(w - REFERENCE_WINDOW_S))


def _best(groups: list[Found], masks: list[np.ndarray], among: list[int]) -> Iterator[tuple[Found, int]]:
    """Feasible configurations of some groups, largest capacity first."""
    picks = [(g, i) for g in among for i in np.flatnonzero(masks[g])]
    if not picks:
        return
    capacity = np.concatenate([groups[g].capacity[masks[g]] for g in among])
    for at in np.argsort(-capacity, kind="stable"):
        g, i = picks[at]
        yield groups[g], int(i)


def _first_fit(
    groups: list[Found], masks: list[np.ndarray], board: Board, budgets: Budgets, curve: AccuracyCurve | None,
    advance: Callable[[int], None],
) -> tuple[Found, Cost] | None:  # fmt: skip
    for among in _order(groups, curve):
        tried = 0
        smallest = np.inf
        for group, index in _best(groups, masks, among):
            need = group.arena_bytes[index]
            if need >= smallest:  # no smaller than one that did not fit by its exact plan
                continue
            cost = cost_of(group.configuration(index), board, budgets.use)
            advance(1)
            if not budgets.broken(cost):
                return group, cost
            smallest, tried = need, tried + 1
            if tried == TRIES:
                break
    return None


def _pareto(
    groups: list[Found], masks: list[np.ndarray], board: Board, budgets: Budgets, best: Cost,
    curve: AccuracyCurve | None, advance: Callable[[int], None],
) -> tuple[Cost, ...]:  # fmt: skip
    """Non-dominated configurations from large to small, planned exactly: more capacity for less RAM, flash or time."""
    rows, where = [], []
    for g, (group, mask) in enumerate(zip(groups, masks, strict=True)):
        picks = np.flatnonzero(mask)
        if len(picks) == 0 or (curve is None and group.frontend != best.configuration.frontend and g % 4):
            continue
        picks = picks[_best_of_cells(group, picks)]
        level = curve.accuracy(group.window_s) if curve else 0.0
        rows.append(np.stack([np.full(len(picks), level), group.capacity[picks], -group.arena_bytes[picks] - group.static_bytes,
                              -group.flash_bytes[picks], -group.hop_instructions[picks] / group.hop_s], axis=1))  # fmt: skip
        where += [(g, int(i)) for i in picks]
    matrix = np.concatenate(rows)
    kept = non_dominated(matrix)
    kept = kept[np.argsort(-matrix[kept, 1], kind="stable")]
    spread = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), SHOWN - 1)).round().astype(int))
    found = [best]
    for k in kept[spread]:
        g, i = where[k]
        configuration = groups[g].configuration(i)
        if all(configuration != cost.configuration for cost in found):
            cost = cost_of(configuration, board, budgets.use)
            if not budgets.broken(cost):
                found.append(cost)
        advance(1)
    return tuple(sorted(found, key=lambda c: -(c.params * c.macs)))


def _best_of_cells(group: Found, picks: np.ndarray) -> np.ndarray:
    """Positions in picks: the largest capacity of every cell of RAM, flash and time, half a factor of two each."""
    sizes = (group.arena_bytes, group.flash_bytes, group.hop_instructions)
    cells = np.stack([(CELLS * np.log2(s[picks])).astype(int) for s in sizes], axis=1)
    order = np.lexsort((-group.capacity[picks], *cells.T))
    changed = np.any(np.diff(cells[order], axis=0) != 0, axis=1)
    return order[np.concatenate([[True], changed])]


def non_dominated(rows: np.ndarray) -> np.ndarray:
    """Indices of the rows that no other row equals or exceeds in every column. rows: (n, objectives), more is better."""
    order = np.lexsort(
        tuple(-rows.T[::-1])
    )  # by the first column, then the second ...: nothing later exceeds all of it
    kept: list[int] = []
    for index in order:
        front = rows[kept]
        if not len(kept) or not np.any(np.all(front >= rows[index], axis=1)):
            kept.append(int(index))
    return np.array(kept)


def _reason(cost: Cost, board: Board, budgets: Budgets, group: Found, curve: AccuracyCurve | None) -> str:
    """Why this one: what it uses of each budget, and which of them stops a larger one."""
    shares = budgets.shares(cost, board)
    binding = max(shares, key=lambda name: shares[name])
    text = "the largest capacity that fits"
    if curve is not None:
        text += f" at the window of the highest accuracy given ({curve.accuracy(group.window_s):.1%} at {group.window_s:g} s)"
    used = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return f"{text}: {used}; {binding} is what stops a larger one"


def _nothing(groups: list[Found], board: Board, budgets: Budgets) -> DoesNotFit:
    """Which region lacks how many bytes for the smallest configuration, and the three nearest that fit."""
    smallest = min(groups, key=lambda g: float((g.arena_bytes + g.static_bytes).min()))
    index = int(np.argmin(smallest.arena_bytes + smallest.flash_bytes / 64))
    cost = cost_of(smallest.configuration(index), board, budgets.use)
    fact = budgets.broken(cost) or f"nothing was found for {board.name} although the smallest configuration fits"
    near = nearest(groups, board, budgets)
    hint = "; ".join(near) if near else "no configuration fits this board at all: take a board with more memory"
    return DoesNotFit(
        f"nothing fits {board.name}: even {cost.configuration.text()}: {fact}", f"nearest that fit: {hint}"
    )


def nearest(groups: list[Found], board: Board, budgets: Budgets) -> list[str]:
    """Up to three configurations that fit the board itself, those that exceed the budgets least, in words."""
    free = budgets.without_limits()
    best: list[tuple[float, Found, int]] = []
    for group in groups:
        picks = np.flatnonzero(feasible(group, board, free))
        if len(picks) == 0:
            continue
        excess = np.zeros(len(picks))
        per = board.time.cycles_per_instruction / board.clock_hz
        for limit, value in (
            (budgets.ram_bytes, group.arena_bytes[picks] + group.static_bytes + DEFAULT_STACK_BYTES),
            (budgets.flash_bytes, group.flash_bytes[picks]),
            (budgets.latency_s, group.latency_instructions[picks] * per),
        ):
            if limit:
                excess += np.maximum(0, value / limit - 1)
        for k in np.lexsort((-group.capacity[picks], excess))[:3]:
            best.append((float(excess[k]), group, int(picks[k])))
    found: list[str] = []
    for _, group, index in sorted(best, key=lambda item: item[0])[:8]:
        cost = cost_of(group.configuration(index), board, free.use)
        if not free.broken(cost):
            found.append(
                f"{cost.configuration.text()} (RAM {cost.ram_bytes:,}, flash {cost.flash_bytes:,} bytes, "
                f"{cost.latency.typical_s * 1e3:.0f} ms estimated)"
            )
        if len(found) == 3:
            break
    return found
