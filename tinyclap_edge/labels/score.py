"""Scores: the cosine of an int8 audio embedding with each row of a pack, in Q15, by integers.

The exact twin of firmware/labels/tce_labels.c. With d = sum((e - zero_point) * row):

    t     = (|d| * g(sum(row^2)) + 2^14) >> 15
    score = (t * g(sum((e - zero_point)^2)) + 2^29) >> 30, at most 32767, with the sign of d

where g(s) is 2^30 / sqrt(s) by `reciprocal_norm`. Halves round away from zero; an embedding of zeros scores 0. The
result is within 2 units of the real cosine times 32768.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinyclap_edge.labels.pack import LabelPack

SCORE_MAX = 32767
SUM_LIMIT = 1 << 26  # of squares: 1024 entries of at most 255


def reciprocal_norm(sums: np.ndarray | int) -> np.ndarray:
    """2^30 / sqrt(sum) as the firmware computes it. sums: any shape, 1 <= sum < 2^26. Returns int64 of that shape.

    Scale by 4^h into [2^30, 2^32); root rounded to the nearest; 2^32 / root rounded to the nearest, a half up; shift
    left by h - 2.
    """
    values = np.atleast_1d(np.asarray(sums, np.int64))
    if values.size and not (values.min() >= 1 and values.max() < SUM_LIMIT):
        raise ValueError(f"sums of squares outside 1..{SUM_LIMIT - 1}")
    out = [_reciprocal(int(s)) for s in values.ravel()]
    return np.array(out, np.int64).reshape(np.shape(sums))


def _reciprocal(total: int) -> int:
    h = (32 - total.bit_length()) // 2
    scaled = total << 2 * h
    root = math.isqrt(scaled)
    root += scaled - root * root > root
    quotient, rest = divmod(1 << 32, root)
    return (quotient + (2 * rest >= root)) << (h - 2)


def score(pack: LabelPack, embeddings: np.ndarray, zero_point: int) -> np.ndarray:
    """(n, labels) int16, Q15 cosines. embeddings: (n, dim) int8; zero_point: of the encoder's output, within int8.

    ValueError for another shape or dtype, or a zero point outside int8.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.dtype != np.int8 or embeddings.ndim != 2 or embeddings.shape[1] != pack.dim:
        raise ValueError(f"embeddings are {embeddings.dtype} {embeddings.shape}, the pack needs int8 (n, {pack.dim})")
    if not -128 <= zero_point <= 127:
        raise ValueError(f"zero point {zero_point} is outside int8")
    values = embeddings.astype(np.int64) - zero_point  # (n, dim), |value| <= 255
    dots = values @ pack.rows.astype(np.int64).T  # (n, labels)
    squares = (values * values).sum(1)  # (n,)
    norms = np.zeros(len(values), np.int64)
    norms[squares > 0] = reciprocal_norm(squares[squares > 0])
    t = (np.abs(dots) * pack.scales.astype(np.int64) + (1 << 14)) >> 15  # |e| cos, Q15
    magnitude = np.minimum((t * norms[:, None] + (1 << 29)) >> 30, SCORE_MAX)
    return np.where(dots < 0, -magnitude, magnitude).astype(np.int16)


def to_q15(value: float) -> int:
    """A cosine in [-1, 1] as Q15, saturated."""
    return int(max(-32768, min(SCORE_MAX, math.floor(value * 32768 + 0.5))))
