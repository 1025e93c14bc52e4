"""Pruning of the shared space by magnitude, as tinyCLAP describes it: keep the entries that are largest on average.

One index set for audio and text; the published code was never released, so the ranking here is the mean absolute
value over unit embeddings of a training set.
"""

from __future__ import annotations

import numpy as np


def magnitude_order(audio: np.ndarray, text: np.ndarray | None = None) -> np.ndarray:
    """Entries by falling mean magnitude: (dim,) int32, a permutation; ties keep their order.

    audio: (n, dim), text: (m, dim) or None; both are made unit, and each side has equal weight.
    """
    mean = _magnitude(audio)
    if text is not None:
        mean = mean + _magnitude(text)
    return np.argsort(-mean, kind="stable").astype(np.int32)


def random_order(dim: int, seed: int) -> np.ndarray:
    """A random permutation of the entries: the baseline that magnitude pruning has to beat."""
    return np.random.default_rng(seed).permutation(dim).astype(np.int32)


def selection(order: np.ndarray, r: int) -> np.ndarray:
    """The (r, dim) float32 matrix that keeps the first r entries of `order`, in their natural order."""
    return np.eye(len(order), dtype=np.float32)[np.sort(order[:r])]


def _magnitude(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return np.abs(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)).mean(0)
