"""Which configurations may fit, by bounds; where none does, which region lacks how many bytes, and what comes nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.memory_plan import DEFAULT_STACK_BYTES
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.cost import CODE, Cost, cost_of
from tinyclap_edge.fit.pace import pace_of
from tinyclap_edge.fit.space import Found

NEARLY = 0.999  # so that a try at the very edge is not passed over
NEAREST, TRIED = 3, 8  # configurations that are told, and planned for it


@dataclass(frozen=True)
class Excess:
    """How far exact costs lie above their bounds, as factors of 1 or more."""

    arena: float = 1.0
    flash: float = 1.0
    instructions: float = 1.0

    @staticmethod
    def of(group: Found, index: int, cost: Cost) -> Excess:
        """What one plan says."""
        instructions = cost.instructions["encoder"] + cost.instructions["frontend"] + cost.instructions["labels"]
        flash = next(r.used for r in cost.regions if r.kind == "flash" and CODE in r.holds)  # slots of labels as well
        return Excess(
            max(1.0, NEARLY * cost.arena_bytes / group.arena_bytes[index]),
            max(1.0, NEARLY * max(flash, cost.flash_bytes) / group.flash_bytes[index]),
            max(1.0, NEARLY * instructions / group.hop_instructions[index]),
        )


def feasible(group: Found, board: Board, budgets: Budgets, excess: Excess | None = None) -> np.ndarray:
    """Which configurations of a group meet every budget, by bounds: none that fits is left out. excess: if all exact costs
    were so far above them."""
    slack = 1.02 if excess is None else 1.0  # the bounds of instructions are near, not below
    excess = excess or Excess()
    arena, data = group.arena_bytes * excess.arena, DEFAULT_STACK_BYTES + group.static_bytes
    placed = np.zeros(len(group), bool)
    for home in board.regions_for("arena"):
        for other in board.regions_for("data"):
            shared = arena if other.name == home.name else 0.0
            placed |= (arena <= home.size_bytes) & (data + shared <= other.size_bytes)
    good = placed & (
        group.flash_bytes * excess.flash <= min(board.flash.size_bytes, budgets.flash_bytes or board.flash.size_bytes)
    )
    if budgets.ram_bytes:
        good &= arena + data <= budgets.ram_bytes
    per = pace_of(board).seconds * excess.instructions
    if budgets.latency_s:
        good &= group.latency_instructions * per <= budgets.latency_s * slack
    return np.asarray(good & (group.hop_instructions * per <= group.hop_s * slack))


def nothing_fits(groups: list[Found], board: Board, budgets: Budgets) -> DoesNotFit:
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
        per = pace_of(board).seconds
        for limit, value in (
            (budgets.ram_bytes, group.arena_bytes[picks] + group.static_bytes + DEFAULT_STACK_BYTES),
            (budgets.flash_bytes, group.flash_bytes[picks]),
            (budgets.latency_s, group.latency_instructions[picks] * per),
        ):
            if limit:
                excess += np.maximum(0, value / limit - 1)
        for k in np.lexsort((-group.capacity[picks], excess))[:NEAREST]:
            best.append((float(excess[k]), group, int(picks[k])))
    found: list[str] = []
    for _, group, index in sorted(best, key=lambda item: item[0])[:TRIED]:
        cost = cost_of(group.configuration(index), board, free.use)
        if not free.broken(cost):
            found.append(
                f"{cost.configuration.text()} (RAM {cost.ram_bytes:,}, flash {cost.flash_bytes:,} bytes, "
                f"{cost.latency.typical_s * 1e3:.0f} ms {cost.latency.kind})"
            )
        if len(found) == NEAREST:
            break
    return found
