"""A threshold for labels that nobody has calibrated: chosen on some sounds, examined on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.evaluate.zeroshot import unit

FALSE_ALARM_SHARE = 0.01


def choose_threshold(
    audio: np.ndarray, labels: np.ndarray, classes: np.ndarray, share: float = FALSE_ALARM_SHARE
) -> float:
    """The cosine above which a wrong label stands in `share` of all pairs of a sound and a label that is not its own.

    audio: (n, r); labels: (n,) rows of classes; classes: (k, r), k > 1. Rounded to two decimals, never below 0.
    """
    wrong = _cosines(audio, classes)[_others(labels, len(classes))]
    return max(0.0, round(float(np.quantile(wrong, 1 - share)), 2))


def examine_threshold(value: float, audio: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> dict[str, Any]:
    """What `value` does: share of sounds whose own label reaches it, share of wrong pairs that do, and n of each."""
    cosines, others = _cosines(audio, classes), _others(labels, len(classes))
    return {
        "value": value,
        "found": round(float((cosines[~others] >= value).mean()), 4),
        "false alarms": round(float((cosines[others] >= value).mean()), 4),
        "n": len(labels),
        "pairs": int(others.sum()),
    }


def _cosines(audio: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return unit(audio) @ unit(classes).T  # (n, k)


def _others(labels: np.ndarray, k: int) -> np.ndarray:
    return np.arange(k)[None] != np.asarray(labels)[:, None]  # (n, k) bool
