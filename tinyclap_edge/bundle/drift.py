"""How far each stage moves an embedding from the stage before: teacher, float, reduced, int8, C.

Cosines are taken window by window on the calibration windows, in the space that both sides of a step share.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Step:
    """One step of the chain: cosines between two stages over n windows."""

    source: str
    target: str
    mean: float
    worst: float
    n: int
    identical_bytes: bool | None = None  # for steps between integer implementations

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row-wise cosine of (n, d) arrays; a zero row gives 0."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.divide((a * b).sum(1), norms, out=np.zeros(len(a)), where=norms > 0)


def step(source: str, target: str, a: np.ndarray, b: np.ndarray, identical: bool | None = None) -> Step:
    """The step from `a` to `b`, both (n, d)."""
    values = cosines(a, b)
    return Step(source, target, round(float(values.mean()), 5), round(float(values.min()), 5), len(values), identical)
