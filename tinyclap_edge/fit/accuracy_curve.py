"""Accuracy against the window, as `evaluate --window` writes it: what lets `fit` choose the window too."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.errors import CorruptFile, UsageError

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class AccuracyCurve:
    """points: accuracy in [0, 1] by window in seconds. Between two windows it is a straight line, beyond them constant."""

    points: dict[float, float]

    def accuracy(self, window_s: float) -> float:
        """At any window."""
        known = sorted(self.points)
        if window_s <= known[0]:
            return self.points[known[0]]
        for low, high in itertools.pairwise(known):
            if window_s <= high:
                share = (window_s - low) / (high - low)
                return self.points[low] + share * (self.points[high] - self.points[low])
        return self.points[known[-1]]

    def at(self, windows: Iterable[float]) -> dict[float, float]:
        """At several."""
        return {window: self.accuracy(window) for window in sorted(windows)}


def read_curve(path: Path | str) -> AccuracyCurve:
    """Reads {"windows": [{"window_s": 1.0, "accuracy": 0.8}, ...]}, alone or under "data" (as --json prints it).

    UsageError (2) where there is no file, CorruptFile (7) for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            f"there is no accuracy curve {path}", "`tinyclap-edge evaluate --window 0.5,1,2,5 --json` prints one"
        )
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path.name} is larger than {MAX_BYTES >> 20} MiB", "a curve has a few lines")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content.get("data", content)["windows"]
        points = {float(row["window_s"]): _value(row["accuracy"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFile(
            f"{path.name} is no accuracy curve ({error})", "`evaluate --window ... --json` writes one"
        ) from error
    if not points or not all(math.isfinite(w) and 0 < w <= 60 and 0 <= a <= 1 for w, a in points.items()):
        raise CorruptFile(f"{path.name} holds no windows with accuracies from 0 to 1", "windows are seconds, up to 60")
    return AccuracyCurve(points)


def _value(value: object) -> float:
    """A number, or {"value": number, ...} as measurements with an interval are written."""
    return float(value["value"] if isinstance(value, dict) else value)  # type: ignore[arg-type]
