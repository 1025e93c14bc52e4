"""Rotation of the shared space: PCA over audio and text embeddings, folded into both sides at export.

Free down to 32 of 384 dimensions on the reference models, where magnitude pruning loses several points.
"""

from __future__ import annotations

import numpy as np


def rotation(audio: np.ndarray, text: np.ndarray | None = None) -> np.ndarray:
    """Principal directions of the shared space by falling variance: (dim, dim) float32, orthonormal rows.

    audio: (n, dim) embeddings of training clips; text: (m, dim) of training captions, each side with equal weight.
    Vectors are made unit first and are *not* centred: a rotation then keeps every cosine exactly at r = dim.
    The sign of each direction is fixed (its largest entry is positive), so that the same data give the same bytes.
    """
    moment = _moment(audio)
    if text is not None:
        moment = moment + _moment(text)
    values, vectors = np.linalg.eigh(moment)
    rows = vectors[:, np.argsort(-values, kind="stable")].T  # (dim, dim)
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])
    return np.ascontiguousarray(rows * signs[:, None], np.float32)


def kept_energy(audio: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Share of the embeddings' energy in the first 1..dim directions: (dim,) rising to 1."""
    unit = _unit(audio) @ basis.T.astype(np.float64)
    energy = (unit**2).sum(0)
    return np.cumsum(energy) / energy.sum()


def _unit(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _moment(x: np.ndarray) -> np.ndarray:
    unit = _unit(x)
    return unit.T @ unit / len(unit)
