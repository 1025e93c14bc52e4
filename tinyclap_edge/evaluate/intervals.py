"""Confidence intervals: every accuracy is printed with its sample size and a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z95 = 1.959964


@dataclass(frozen=True)
class Share:
    """A proportion with its 95 % Wilson interval; all three in 0..1, n the number of trials."""

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int]:
        """For JSON, rounded to four places."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4), "n": self.n}


def wilson(successes: float, n: int) -> Share:
    """Wilson score interval (1927) of successes out of n; (0, 1) without trials."""
    if n <= 0:
        return Share(0.0, 0.0, 1.0, 0)
    p = successes / n
    spread = Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    centre = p + Z95**2 / (2 * n)
    scale = 1 + Z95**2 / n
    return Share(p, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale), n)


def share(correct: np.ndarray) -> Share:
    """Of a boolean array."""
    return wilson(float(np.count_nonzero(correct)), int(correct.size))


def balanced(correct: np.ndarray, group: np.ndarray) -> Share:
    """Mean of the groups' accuracies (balanced accuracy), with a normal interval from the groups' variances.

    correct: (n,) bool, group: (n,) int, the true class of each trial.
    """
    rates, variance = [], 0.0
    classes = np.unique(group)
    for c in classes:
        hits = correct[group == c]
        rates.append(hits.mean())
        smooth = (hits.sum() + 1) / (hits.size + 2)  # an interval of zero width would be a lie at 100 %
        variance += smooth * (1 - smooth) / hits.size
    if not rates:
        return wilson(0, 0)
    value = float(np.mean(rates))
    spread = Z95 * math.sqrt(variance) / len(rates)
    return Share(value, max(0.0, value - spread), min(1.0, value + spread), int(correct.size))
