"""Hardware-aware scaling: give the board, get the student that uses it best, with every byte accounted for.

recommend(board, ...) -> Answer is the search; cost_of(configuration, board) the cost of one; explain(...) draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyclap_edge.fit.budgets import Budgets
    from tinyclap_edge.fit.solver import Answer, recommend

__all__ = ["Answer", "Budgets", "recommend"]


def __getattr__(name: str) -> Any:
    """The library's names, imported when they are first asked for: the command line starts without NumPy."""
    homes = {"recommend": "solver", "Answer": "solver", "Budgets": "budgets"}
    if name not in homes:
        raise AttributeError(name)
    import importlib

    return getattr(importlib.import_module(f"tinyclap_edge.fit.{homes[name]}"), name)
