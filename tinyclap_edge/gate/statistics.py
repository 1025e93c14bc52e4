"""What the power gate knows of a window: 20 integers from its log-mel rows, the twin of firmware/gate/tce_gate.c.

Rows are int16 in 1/256 dB. Of each row stay five columns: the mean level above the floor in four bands of equally many
mel bins, and the crest, how far the loudest bin stands above the row's mean. Of each column over the window's rows: the
mean, the largest value, largest minus smallest, and the mean absolute difference between neighbouring rows. Divisions
round down; no value is negative.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

BANDS = 4
COLUMNS = ("low", "low_mid", "high_mid", "high", "crest")
STATISTICS = ("mean", "most", "range", "change")
FEATURES = tuple(f"{column}_{statistic}" for column in COLUMNS for statistic in STATISTICS)
ROW_BYTES = 2 * len(COLUMNS)  # that a board keeps of each row
LARGEST = (1 << 16) - 1  # of a feature


def columns(features_q8: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """(T, mel_bins) int16 log-mel -> (T, 5) uint16. UsageError for a front end with fewer mel bins than bands."""
    mels = spec.mel_bins
    if mels < BANDS:
        raise UsageError(f"a gate needs {BANDS} mel bins, this front end has {mels}")
    level = features_q8.astype(np.int64) - spec.floor_q8  # (T, mels)
    edges = [mels * band // BANDS for band in range(BANDS + 1)]
    means = [level[:, a:b].sum(1) // (b - a) for a, b in pairwise(edges)]
    crest = level.max(1) - level.sum(1) // mels
    return np.stack([*means, crest], axis=1).astype(np.uint16)


def statistics(rows: np.ndarray) -> np.ndarray:
    """(n, T, 5) uint16 columns of n windows, oldest row first -> (n, 20) int32 in the order of FEATURES."""
    values = rows.astype(np.int64)
    count = values.shape[1]
    change = np.abs(np.diff(values, axis=1)).sum(1) // max(1, count - 1)  # (n, 5)
    parts = [values.sum(1) // count, values.max(1), values.max(1) - values.min(1), change]
    return np.stack(parts, axis=2).reshape(len(values), len(FEATURES)).astype(np.int32)


def stream_features(features_q8: np.ndarray, spec: FrontendSpec, hop_frames: int) -> np.ndarray:
    """(windows, 20) int32 of a recording's log-mel rows (T, mel_bins), a window every `hop_frames` rows."""
    kept = columns(features_q8, spec)
    starts = range(0, len(kept) - spec.frames + 1, hop_frames)
    if not len(starts):
        return np.empty((0, len(FEATURES)), np.int32)
    return np.concatenate([statistics(kept[None, s : s + spec.frames]) for s in starts])
