"""The students that ship, by the cost model: which of them a board should get, and what it would use of its budgets."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_edge.boards import Board, load_boards
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.cost import Cost, Use, cost_of
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.pace import ESTIMATED
from tinyclap_edge.fit.plan import Plan, plan_configuration
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.presets import find_student, presets


@dataclass(frozen=True)
class PresetUse:
    """A board's row: the shipped student that fits it best. shares: of each budget, in [0, 1]; empty student: none fits."""

    board: str
    student: str
    shares: dict[str, float]
    latency_s: float | None
    accuracy: str  # measured, with its interval
    why: str
    latency_kind: str = ESTIMATED  # or measured, on such a board

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        return asdict(self)


def best_shipped(board: Board, use: Use | None = None) -> StudentFile:
    """The shipped student of the largest capacity whose firmware fits the board and keeps up with its hop.

    DoesNotFit (5) with the region and bytes of the smallest where none does.
    """
    found = _fitting(board, use or Use())
    if isinstance(found, str):
        raise DoesNotFit(
            f"no shipped student fits {board.name}: {found}",
            f"`tinyclap-edge fit --board {board.name}` finds what does",
        )
    return find_student(found[0])


def preset_table() -> list[PresetUse]:
    """Every board of boards.yaml with the student that it should get."""
    texts = {preset.name: preset.accuracy_text for preset in presets()}
    rows = []
    for board in load_boards().values():
        found = _fitting(board, Use())
        if isinstance(found, str):
            rows.append(PresetUse(board.name, "", {}, None, "", found))
            continue
        name, cost = found
        shares = Budgets().shares(cost, board)
        time = cost.latency
        rows.append(
            PresetUse(board.name, name, shares, time.typical_s, texts[name], "the largest that fits", time.kind)
        )
    return rows


def _fitting(board: Board, use: Use) -> tuple[str, Cost] | str:
    """(name, cost) of the best, or why even the smallest does not fit."""
    why = ""
    costs = [(name, _cost(name, board, use)) for name in sorted(_configurations())]
    for name, cost in sorted(costs, key=lambda item: -item[1].params * item[1].macs):
        why = Budgets(use=use).broken(cost)
        if not why:
            return name, cost
    return why


def _cost(name: str, board: Board, use: Use) -> Cost:
    plan = None if use.continuous else _plan(name, machine_of(board).isa)
    return cost_of(_configurations()[name], board, use, plan)


@functools.lru_cache(maxsize=1)
def _configurations() -> dict[str, Configuration]:
    students = [find_student(preset.name) for preset in presets()]
    return {s.name: Configuration(s.config, s.frontend, s.default_r) for s in students}


@functools.lru_cache(maxsize=64)
def _plan(name: str, isa: str) -> Plan:
    """Channels that training left dead are still in it: a shipped student takes a little less."""
    return plan_configuration(_configurations()[name], isa)
