"""Ranges of every activation over a calibration set: minmax, percentile, or the least squared quantisation error.

Min-max widens with the length of a window and follows single outliers (measured on a PhiNet: cosine .9980 at 690
frames by min-max against .9995 with narrower ranges), so the two histogram methods clip instead.
"""

from __future__ import annotations

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.float_run import run_float_chunks
from tinyclap_export.graph import Graph

Ranges = dict[str, tuple[float, float]]

METHODS = ("minmax", "percentile", "mse")
BINS = 2048
MSE_STEPS = 64  # candidate clip points a side
ZOOMS = 4  # histograms are taken again at most so often, each within an eighth of the range before
CROWD = 99.99  # per cent of the values that a closer histogram must keep inside


def calibrate(graph: Graph, inputs: np.ndarray, method: str = "minmax", percentile: float = 99.99) -> Ranges:
    """(low, high) of each activation of a float graph, always including 0.

    inputs: (n, T, M, 1) float, the calibration set. method: "minmax"; "percentile" keeps the central `percentile` %
    of the values; "mse" picks the clip points that minimise the squared error of 8-bit quantisation.
    Deterministic. Raises ExportError (exit code 2) for an unknown method, (7) when a value is not finite.
    """
    if method not in METHODS:
        raise ExportError(f"calibration method {method!r} does not exist", f"one of {', '.join(METHODS)}", exit_code=2)
    if len(inputs) == 0:
        raise ExportError("the calibration set is empty", "give at least one window", exit_code=2)
    extremes = _extremes(graph, inputs)
    if method == "minmax":
        return extremes
    ranges, counts = dict(extremes), _histograms(graph, inputs, extremes)
    for _ in range(ZOOMS):  # a far outlier puts everything else into a few bins: look again, closer
        crowded = {n: r for n in ranges if (r := _crowded(counts[n], *ranges[n])) is not None}
        if not crowded:
            break
        ranges.update(crowded)
        counts.update(_histograms(graph, inputs, crowded))
    choose = _percentile_range if method == "percentile" else _mse_range
    return {name: choose(counts[name], *ranges[name], percentile) for name in ranges}


def _crowded(counts: np.ndarray, low: float, high: float) -> tuple[float, float] | None:
    """The part of (low, high) that holds nearly all values, when it is below an eighth of it; else None."""
    inner = _percentile_range(counts, low, high, CROWD)
    return inner if high > low and (inner[1] - inner[0]) * 8 < high - low and inner[1] > inner[0] else None


def _extremes(graph: Graph, inputs: np.ndarray) -> Ranges:
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for values in run_float_chunks(graph, inputs):
        for name, value in values.items():
            low[name] = min(low.get(name, 0.0), float(value.min()))
            high[name] = max(high.get(name, 0.0), float(value.max()))
            if not np.isfinite(low[name]) or not np.isfinite(high[name]):
                raise ExportError(f"activation {name} is not finite", "the weights or the input hold NaN or infinity",
                                  exit_code=7)  # fmt: skip
    return {name: (low[name], high[name]) for name in low}


def _histograms(graph: Graph, inputs: np.ndarray, ranges: Ranges) -> dict[str, np.ndarray]:
    counts = {name: np.zeros(BINS, np.int64) for name in ranges}
    for values in run_float_chunks(graph, inputs):
        for name, (low, high) in ranges.items():
            value = values[name]
            width = (high - low) or 1.0
            index = ((value.ravel() - np.float32(low)) * np.float32(BINS / width)).astype(np.int32)
            counts[name] += np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)
    return counts


def _percentile_range(counts: np.ndarray, low: float, high: float, percentile: float) -> tuple[float, float]:
    tail = (100.0 - percentile) / 200.0
    share = np.cumsum(counts) / max(counts.sum(), 1)
    edges = np.linspace(low, high, BINS + 1)
    first = int(np.searchsorted(share, tail, side="right"))
    last = int(np.searchsorted(share, 1.0 - tail, side="left"))
    return min(0.0, float(edges[first])), max(0.0, float(edges[min(last, BINS - 1) + 1]))


def _mse_range(counts: np.ndarray, low: float, high: float, percentile: float) -> tuple[float, float]:
    """Clip the longer side, then the other, each to the candidate of least error (coordinate descent, twice)."""
    centres = low + (np.arange(BINS) + 0.5) * ((high - low) / BINS)
    occupied = counts > 0
    x, weight = centres[occupied], counts[occupied].astype(np.float64)

    def error(a: float, b: float) -> float:
        step = (b - a) / 255.0
        if step <= 0:
            return np.inf
        clipped = np.clip(x, a, b)
        inside = clipped == x
        # inside, a rounding error is uniform: step**2 / 12; outside, the distance to the clip point
        return float((weight * np.where(inside, step * step / 12, (x - clipped) ** 2)).sum())

    fractions = np.linspace(1.0, 1.0 / MSE_STEPS, MSE_STEPS)
    best_low, best_high = low, high
    for _ in range(2):
        best_high = min((high * f for f in fractions), key=lambda b: error(best_low, b)) if high > 0 else 0.0
        best_low = min((low * f for f in fractions), key=lambda a: error(a, best_high)) if low < 0 else 0.0
    return best_low, best_high
