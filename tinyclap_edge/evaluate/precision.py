"""Mean average precision over classes, with label masks, and its interval by resampling the clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLED = 100
SEED = 20_261_121


@dataclass(frozen=True)
class MeanPrecision:
    """value: macro mAP in 0..1 with the 2.5 and 97.5 percentiles of resampled clips; classes: how many could be scored."""

    value: float
    low: float
    high: float
    n: int
    classes: int

    def to_dict(self) -> dict[str, float | int]:
        """For JSON, rounded to four places."""
        return {
            "value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4),
            "n": self.n, "classes": self.classes,
        }  # fmt: skip


def average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Of one class: mean over the positives of the precision at their rank; ties keep their order. NaN without positives.

    scores: (n,) float, targets: (n,) bool. The sum that scikit-learn's average_precision_score takes, without ties.
    """
    hits = targets[np.argsort(-scores, kind="stable")]
    ranks = np.flatnonzero(hits) + 1
    if not len(ranks):
        return float("nan")
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def mean_average_precision(
    scores: np.ndarray, targets: np.ndarray, mask: np.ndarray, resampled: int = RESAMPLED
) -> MeanPrecision:
    """scores, targets, mask: (n, classes). A class counts where the masked-in clips hold both answers."""

    def macro(rows: np.ndarray) -> tuple[float, int]:
        values = []
        for c in range(scores.shape[1]):
            known = rows[mask[rows, c]]
            truth = targets[known, c]
            if truth.any() and not truth.all():
                values.append(average_precision(scores[known, c], truth))
        return (float(np.mean(values)) if values else 0.0), len(values)

    value, classes = macro(np.arange(len(scores)))
    rng = np.random.default_rng(SEED)
    drawn = [macro(np.sort(rng.integers(0, len(scores), len(scores))))[0] for _ in range(resampled)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (value, value)
    return MeanPrecision(value, min(float(low), value), max(float(high), value), len(scores), classes)
