"""What a pass is, and what it says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyclap_export.graph import Graph

Pass = Callable[[Graph], tuple[Graph, tuple[str, ...]]]
"""A pass returns a new graph and one sentence a change; it leaves the graph it was given as it was."""


@dataclass(frozen=True)
class PassNote:
    """What one pass did over all rounds.

    name: the pass. changes: one sentence a change, in order. macs_removed: multiply-accumulates of one inference that
    the pass took out.
    """

    name: str
    changes: tuple[str, ...]
    macs_removed: int

    def __str__(self) -> str:
        saved = f", {self.macs_removed:,} MACs fewer" if self.macs_removed else ""
        return f"{self.name}: {len(self.changes)} change{'s' * (len(self.changes) != 1)}{saved}"
