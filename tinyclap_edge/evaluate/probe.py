"""A linear probe: one linear layer on frozen embeddings. The same fixed recipe for every model, so that figures compare.

Embeddings are standardised by the training clips; logistic regression with C = 1 to convergence (L-BFGS, at most 2,000
steps), multinomial for one label a clip, one against the rest for several. Nothing is chosen on the scored clips.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyclap_edge.errors import ToolMissing, UsageError

C = 1.0
MAX_STEPS = 2000

Scores = Callable[[np.ndarray], np.ndarray]  # (n, dim) -> (n, classes)


@dataclass(frozen=True)
class Standard:
    """Mean and deviation of the training embeddings, (dim,) each."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Standard:
        """Of (n, dim); an entry that never varies is left as it is."""
        deviation = x.std(0)
        return cls(x.mean(0), np.where(deviation > 1e-8, deviation, 1.0))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (x.astype(np.float64) - self.mean) / self.deviation


def fit_single(x: np.ndarray, labels: np.ndarray, classes: int) -> Scores:
    """One label a clip. x: (n, dim), labels: (n,) int; classes that are not among them are never answered."""
    standard = Standard.of(x)
    known = np.unique(labels)
    if len(known) < 2:
        raise UsageError("a linear probe needs clips of two classes at least", "give more clips")
    model = _fitted(standard(x), labels)

    def scores(query: np.ndarray) -> np.ndarray:
        out = np.full((len(query), classes), -np.inf)
        found = model.decision_function(standard(query))
        out[:, known] = np.stack([-found, found], 1) if len(known) == 2 else found
        return out

    return scores


def fit_multi(x: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> Scores:
    """Several labels a clip; each class learns from its masked-in clips. targets, mask: (n, classes) bool."""
    standard = Standard.of(x)
    z = standard(x)
    models = []
    for c in range(targets.shape[1]):
        rows = mask[:, c]
        truth = targets[rows, c]
        models.append(_fitted(z[rows], truth) if truth.any() and not truth.all() else None)

    def scores(query: np.ndarray) -> np.ndarray:
        z = standard(query)
        return np.stack([m.decision_function(z) if m is not None else np.zeros(len(z)) for m in models], 1)

    return scores


def _fitted(x: np.ndarray, labels: np.ndarray) -> Any:
    with (
        warnings.catch_warnings()
    ):  # of two clips a class it asks whether they are numbers: the corpus says what they are
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return _regression().fit(x, labels)


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ToolMissing("a linear probe needs scikit-learn", "pip install 'tinyclap-edge[train]'") from error
    return LogisticRegression(C=C, max_iter=MAX_STEPS, tol=1e-4)
