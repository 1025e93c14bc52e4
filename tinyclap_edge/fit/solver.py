"""The search: bounds for every configuration, exact plans for the few that remain; what is best, what else is worth having.

Best is the largest capacity (rank.py: a proxy, or a predictor) behind the reference front end that meets every budget; the front
end is relaxed only where nothing fits behind it. Whether a configuration fits is decided by its exact cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.configuration import REFERENCE_WINDOW_S
from tinyclap_edge.fit.cost import Cost, cost_of
from tinyclap_edge.fit.feasibility import Excess, feasible, nothing_fits
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.rank import PROXY, Capacity
from tinyclap_edge.fit.space import Axes, Found, corners, evaluate

TRIES, LATER_TRIES = 10, 4  # exact plans for the recommended one, and for it behind a relaxed front end
SHOWN = 8  # configurations of the Pareto set that are planned and shown
CELLS = 2  # of a factor of two, in each budget: the best of a cell stands for it


@dataclass(frozen=True)
class WindowCost:
    """A window of an accuracy curve, and the best that fits with it. cost: None where nothing does."""

    window_s: float
    accuracy: float
    cost: Cost | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        cost = self.cost.to_dict() if self.cost else None
        return {"window_s": self.window_s, "accuracy": self.accuracy, "cost": cost}


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
    capacity: str  # what the order is
    windows: tuple[WindowCost, ...] = ()  # where a curve was given

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return {
            "board": self.board, "budgets": self.budgets.to_dict(), "recommended": self.recommended.to_dict(),
            "reason": self.reason, "pareto": [cost.to_dict() for cost in self.pareto], "searched": self.searched,
            "feasible": self.feasible, "capacity": self.capacity,
            "windows": [window.to_dict() for window in self.windows] or None,
        }  # fmt: skip


def recommend(
    board: Board, budgets: Budgets | None = None, curve: AccuracyCurve | None = None,
    advance: Callable[[int], None] = lambda steps: None, axes: Axes | None = None, capacity: Capacity = PROXY,
) -> Answer:  # fmt: skip
    """The best configuration for a board within budgets, and the Pareto set around it. axes: of a smaller space; capacity:
    what orders those that fit.

    DoesNotFit (5) where nothing fits: the region, the bytes, the nearest configurations that do. UsageError (2) for budgets
    that contradict each other or a board without memory for an arena.
    """
    budgets = (budgets or Budgets()).checked(board)
    machine = machine_of(board)
    axes = budgets.axes(curve, axes)
    groups = [
        evaluate(corner, machine, budgets.use, capacity) for corner in corners(axes, board, budgets.use.hop_s or 0.0)
    ]
    groups = [group for group in groups if len(group)]
    if not groups:
        raise budgets.window_too_short(board)
    advance(1)
    masks = [feasible(group, board, budgets) for group in groups]
    chosen = _first_fit(groups, masks, board, budgets, curve, advance)
    if chosen is None:
        raise nothing_fits(groups, board, budgets)
    group, index, cost = chosen
    pareto = _pareto(groups, masks, board, budgets, (float(group.capacity[index]), cost), curve, advance)
    windows = _windows(groups, masks, board, budgets, curve, advance) if curve else ()
    return Answer(
        board.name, budgets, cost, _reason(cost, board, budgets, group, curve), pareto,
        sum(map(len, groups)), int(sum(mask.sum() for mask in masks)), _described(capacity, cost), windows,
    )  # fmt: skip


def _described(capacity: Capacity, best: Cost) -> str:
    return "; ".join(filter(None, (capacity.describe(), capacity.doubt(best.macs))))


def _order(groups: list[Found], curve: AccuracyCurve | None) -> list[list[int]]:
    """Groups to try together, the dearest wish first: with a curve the window of the highest accuracy; then the reference
    front end, relaxed in r, hop, mels, window, rate."""
    reference = groups[0]

    def departures(g: Found) -> tuple[float, ...]:
        a, b = g.frontend, reference.frontend
        return (
            0.0 if curve is None else -round(curve.accuracy(g.window_s), 6), a.sample_rate_hz != b.sample_rate_hz,
            curve is None and abs(g.window_s - _wanted(groups)) > 1e-9, a.mel_bins != b.mel_bins,
            g.frontend.hop_samples * b.sample_rate_hz != b.hop_samples * a.sample_rate_hz, g.r != reference.r,
        )  # fmt: skip

    keys = sorted({departures(g) for g in groups})
    return [[i for i, g in enumerate(groups) if departures(g) == key] for key in keys]


def _wanted(groups: list[Found]) -> float:
    """The window that is recommended where several are open: the shipped students', or the nearest."""
    return min({g.window_s for g in groups}, key=lambda w: abs(w - REFERENCE_WINDOW_S))


def _first_fit(
    groups: list[Found], masks: list[np.ndarray], board: Board, budgets: Budgets, curve: AccuracyCurve | None,
    advance: Callable[[int], None],
) -> tuple[Found, int, Cost] | None:  # fmt: skip
    """The first groups, and of them the configuration, that an exact plan does not rule out."""
    tries = TRIES
    for among in _order(groups, curve):
        found = _largest(groups, masks, among, board, budgets, advance, tries)
        if found is not None:
            return found
        tries = LATER_TRIES
    return None


def _largest(
    groups: list[Found], masks: list[np.ndarray], among: list[int], board: Board, budgets: Budgets,
    advance: Callable[[int], None], tries: int = TRIES,
) -> tuple[Found, int, Cost] | None:  # fmt: skip
    """Of some groups the largest capacity that keeps every budget by its exact plan; None where no try does.

    A plan that breaks a budget says how far its bounds were off; the next try is the largest that would fit if those of all
    were as far off. The last is the smallest of all.
    """
    left = {g: masks[g].copy() for g in among}
    excess: Excess | None = None
    for number in range(tries):
        last = number == tries - 1
        open_ = {g: left[g] if last else left[g] & feasible(groups[g], board, budgets, excess) for g in among}
        wanted = {g: -groups[g].arena_bytes if last else groups[g].capacity for g in among}
        best = [(float(wanted[g][mask].max()), g) for g, mask in open_.items() if mask.any()]
        if not best:
            # nothing is left by what was learnt: the next of all
            best = [(float(groups[g].capacity[mask].max()), g) for g, mask in left.items() if mask.any()]
            open_, wanted = left, {g: groups[g].capacity for g in among}
            if not best:
                return None
        value, g = max(best, key=lambda item: item[0])
        index = int(np.flatnonzero(open_[g] & (wanted[g] == value))[0])
        left[g][index] = False
        cost = cost_of(groups[g].configuration(index), board, budgets.use)
        advance(1)
        if not budgets.broken(cost):
            return groups[g], index, cost
        excess = Excess.of(groups[g], index, cost)
    return None


def _windows(
    groups: list[Found], masks: list[np.ndarray], board: Board, budgets: Budgets, curve: AccuracyCurve,
    advance: Callable[[int], None],
) -> tuple[WindowCost, ...]:  # fmt: skip
    """What each window of a curve costs: the best that fits with it, behind the reference front end and r."""
    reference, found = groups[0], []
    for window in sorted(curve.points):
        among = [
            i for i, g in enumerate(groups)
            if abs(g.window_s - window) < 1e-9 and g.r == reference.r and _alike(g, reference)
        ]  # fmt: skip
        best = _largest(groups, masks, among, board, budgets, advance)
        found.append(WindowCost(window, curve.points[window], best[2] if best else None))
    return tuple(found)


def _alike(a: Found, b: Found) -> bool:
    """Whether two groups hear through the same log-mel, the window's length apart."""
    return replace(a.frontend, frames=b.frontend.frames) == b.frontend


def _pareto(
    groups: list[Found], masks: list[np.ndarray], board: Board, budgets: Budgets, best: tuple[float, Cost],
    curve: AccuracyCurve | None, advance: Callable[[int], None],
) -> tuple[Cost, ...]:  # fmt: skip
    """best: its capacity and cost. Non-dominated configurations from large to small, planned exactly: more capacity for less RAM, flash or time."""
    rows, where = [], []
    for g, (group, mask) in enumerate(zip(groups, masks, strict=True)):
        picks = np.flatnonzero(mask)
        if len(picks) == 0 or (curve is None and group.frontend != best[1].configuration.frontend and g % 4):
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
        if all(configuration != cost.configuration for _, cost in found):
            cost = cost_of(configuration, board, budgets.use)
            if not budgets.broken(cost):
                found.append((float(matrix[k, 1]), cost))
        advance(1)
    return tuple(cost for _, cost in sorted(found, key=lambda item: -item[0]))


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
