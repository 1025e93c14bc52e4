"""Capacity, by which `fit` orders what fits: a stated proxy, or with --rank students really trained for a short time.

A predictor is a ridge regression of the log-odds of a student's accuracy on features of its shape. It is data: rank.json,
which `python -m benchmarks.rank` writes with the rank correlation on shapes that its fit has not seen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError

SHIPPED = Path(__file__).with_name("rank.json")
SCHEMA_VERSION = 1
MAX_BYTES = 1 << 20
LEAST_STUDENTS = 24
FOLDS, REPEATS = 4, 25
RIDGE = 1.0  # of standardised features, whose mean squares are 1: a student's worth of doubt about each
ODDS_EDGE = 0.005  # accuracies are kept this far from 0 and 1

Columns = Mapping[str, Any]  # params, macs, N, frames, se, hswish, each a number or an array of them


class Capacity(Protocol):
    """An order of students by their shape: more is better."""

    def score(self, columns: Columns) -> np.ndarray:
        """(n,) float64."""
        ...

    def describe(self) -> str:
        """What it is, in a sentence."""
        ...

    def doubt(self, macs: int) -> str:
        """Why not to trust it for a network of so many multiply-accumulates; empty where it knows such networks."""
        ...


@dataclass(frozen=True)
class Proxy:
    """The geometric mean of parameters and multiply-accumulates of a window."""

    def score(self, columns: Columns) -> np.ndarray:
        """See Capacity."""
        return np.sqrt(np.asarray(columns["params"], float) * np.asarray(columns["macs"], float))

    def describe(self) -> str:
        """See Capacity."""
        return "capacity is a proxy: sqrt(parameters x MACs); `--rank` orders by students that were trained"

    def doubt(self, macs: int) -> str:
        """See Capacity."""
        return ""


PROXY = Proxy()
FEATURES = {
    "log2 of MACs": lambda c: np.log2(c["macs"]),
    "log2 of parameters": lambda c: np.log2(c["params"]),
    "blocks": lambda c: np.asarray(c["N"], float),
    "log2 of rows of a window": lambda c: np.log2(c["frames"]),
    "squeeze-and-excite": lambda c: np.asarray(c["se"], float),
    "hard-swish": lambda c: np.asarray(c["hswish"], float),
}


@dataclass(frozen=True)
class Correlation:
    """Agreement of two orders, 1 for the same: Spearman's rho and Kendall's tau-b, means over held-out parts."""

    spearman: float
    kendall: float


@dataclass(frozen=True)
class Predictor:
    """What is fitted. mean, scale, weight: of each feature, in the order of FEATURES; least, most: of MACs, seen."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    offset: float
    students: int
    steps: int
    least_macs: int
    most_macs: int
    held_out: Correlation  # the predictor, on shapes that its fit has not seen
    proxy: Correlation  # sqrt(parameters x MACs), on the same parts
    task: str
    features: tuple[str, ...] = tuple(FEATURES)

    def score(self, columns: Columns) -> np.ndarray:
        """(n,) predicted log-odds of the accuracy after the short training: an order, not an accuracy to quote."""
        x = matrix(columns)
        return (x - np.array(self.mean)) / np.array(self.scale) @ np.array(self.weight) + self.offset

    def describe(self) -> str:
        """One line for whoever reads an answer that was ordered by it."""
        return (
            f"capacity is predicted from {self.students} students trained for {self.steps} steps ({self.task}); on shapes held "
            f"out of the fit it orders them with Spearman {self.held_out.spearman:.2f}, Kendall {self.held_out.kendall:.2f} "
            f"(the proxy: {self.proxy.spearman:.2f}, {self.proxy.kendall:.2f})"
        )

    def doubt(self, macs: int) -> str:
        """See Capacity."""
        if self.least_macs <= macs <= self.most_macs:
            return ""
        return (
            f"its students have {self.least_macs / 1e6:.1f} to {self.most_macs / 1e6:.1f} M MACs: for one of "
            f"{macs / 1e6:.1f} M the order is extrapolated"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as rank.json holds it."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


def matrix(columns: Columns) -> np.ndarray:
    """(n, features) of the columns."""
    parts = [np.atleast_1d(make(columns)) for make in FEATURES.values()]
    return np.stack(np.broadcast_arrays(*parts), axis=1).astype(float)


def log_odds(accuracy: np.ndarray) -> np.ndarray:
    """Of shares in [0, 1]."""
    p = np.clip(accuracy, ODDS_EDGE, 1 - ODDS_EDGE)
    return np.log(p / (1 - p))


def fit_predictor(columns: Columns, accuracy: Sequence[float], steps: int, task: str) -> Predictor:
    """From trained students, with its correlation on held-out ones: FOLDS parts, REPEATS drawings of them.

    columns: arrays (n,) by name; accuracy: (n,) in [0, 1]. UsageError (2) for fewer than 24 students in any fit.
    """
    x, y = matrix(columns), log_odds(np.asarray(accuracy, float))
    if len(y) * (FOLDS - 1) // FOLDS < LEAST_STUDENTS:
        raise UsageError(
            f"{len(y)} trained students leave fewer than {LEAST_STUDENTS} for a fit beside those held out",
            f"train {math.ceil(LEAST_STUDENTS * FOLDS / (FOLDS - 1))} or more: `python -m benchmarks.rank`",
        )
    proxy = PROXY.score(columns)
    ours, its = [], []
    rng = np.random.default_rng(0)
    for _ in range(REPEATS):
        for part in np.array_split(rng.permutation(len(y)), FOLDS):
            rest = np.setdiff1d(np.arange(len(y)), part)
            mean, scale, weight, offset = _ridge(x[rest], y[rest])
            ours.append(rank_correlation((x[part] - mean) / scale @ weight + offset, y[part]))
            its.append(rank_correlation(proxy[part], y[part]))
    mean, scale, weight, offset = _ridge(x, y)
    macs = np.asarray(columns["macs"])
    return Predictor(
        _rounded(mean), _rounded(scale), _rounded(weight), round(offset, 6), len(y), steps, int(macs.min()),
        int(macs.max()), _mean(ours), _mean(its), task,
    )  # fmt: skip


def rank_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(Spearman's rho, Kendall's tau-b) of two lists of one length."""
    first, second = _ranks(a), _ranks(b)
    rho = float(np.corrcoef(first, second)[0, 1]) if np.ptp(first) and np.ptp(second) else 0.0
    upper = np.triu_indices(len(a), 1)
    da, db = (np.sign(v[:, None] - v[None])[upper] for v in (first, second))
    ties = math.sqrt(float((da != 0).sum()) * float((db != 0).sum()))
    return rho, float((da * db).sum()) / ties if ties else 0.0


def read_predictor(path: Path | str | None = None) -> Predictor:
    """A predictor's file, the shipped one by default. UsageError (2) where there is none, CorruptFile (7) for anything
    that is not one."""
    path = Path(path) if path is not None else SHIPPED
    if not path.is_file():
        raise UsageError(f"there is no predictor {path}", "`python -m benchmarks.rank` writes one")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("schema_version") != SCHEMA_VERSION or tuple(data["features"]) != tuple(FEATURES):
            raise ValueError("it is of another version")
        for name in ("mean", "scale", "weight"):
            data[name] = tuple(float(v) for v in data[name])
        data["features"] = tuple(FEATURES)
        data["held_out"], data["proxy"] = Correlation(**data["held_out"]), Correlation(**data["proxy"])
        found = Predictor(**data)
        numbers = (*found.mean, *found.scale, *found.weight, found.offset)
        if any(len(v) != len(FEATURES) for v in (found.mean, found.scale, found.weight)):
            raise ValueError("it has other features")
        if not all(math.isfinite(v) for v in numbers) or min(found.scale) <= 0:
            raise ValueError("its numbers are none")
        found.describe()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFile(
            f"{path.name} holds no predictor ({error})", "`python -m benchmarks.rank` writes one"
        ) from error
    return found


def _ridge(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(mean, scale, weight, offset) of standardised features."""
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-9)
    z = (x - mean) / scale
    weight = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return mean, scale, weight, float(y.mean())


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(v), 6) for v in values)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, ties share their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def _mean(pairs: list[tuple[float, float]]) -> Correlation:
    rho, tau = np.mean(pairs, axis=0)
    return Correlation(round(float(rho), 3), round(float(tau), 3))
