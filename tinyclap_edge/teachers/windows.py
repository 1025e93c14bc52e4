"""Clips of any length to windows of one length, without chance: the same clip always gives the same windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyclap_edge.errors import UsageError


def check_clips(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each clip as (samples,) float32. UsageError (2) for one that is empty, not mono, or holds NaN."""
    checked = []
    for i, clip in enumerate(clips):
        clip = np.asarray(clip)
        if clip.ndim != 1 or clip.size == 0 or clip.dtype.kind != "f":
            raise UsageError(
                f"clip {i} of shape {clip.shape} and {clip.dtype} is not mono floating-point audio",
                "give (samples,) float32 in [-1, 1] at the teacher's sample rate",
            )
        if not np.isfinite(clip).all():
            raise UsageError(f"clip {i} holds NaN or infinity", "write the recording again as 16-bit PCM")
        checked.append(np.ascontiguousarray(clip, np.float32))
    return checked


def windows(clip: np.ndarray, samples: int, short: str) -> np.ndarray:
    """(count, samples) float32: the clip in as few windows as cover it, the last one ending where the clip ends.

    A clip shorter than one window is filled as `short` says: "tile" repeats and cuts (MS CLAP), "repeat" repeats whole
    times and adds zeros (LAION CLAP), "zeros" adds zeros.
    """
    count = -(-len(clip) // samples)
    if count <= 1:
        return fill(clip, samples, short)[None]
    starts = [i * samples for i in range(count - 1)] + [len(clip) - samples]
    return np.stack([clip[start : start + samples] for start in starts])


def fill(clip: np.ndarray, samples: int, short: str) -> np.ndarray:
    """(samples,) of a clip of at most as many."""
    if short == "tile":
        return np.tile(clip, -(-samples // len(clip)))[:samples]
    if short == "repeat":
        clip = np.tile(clip, samples // len(clip))
    return np.concatenate([clip, np.zeros(samples - len(clip), clip.dtype)])


def unit_rows(x: np.ndarray) -> np.ndarray:
    """(n, dim) float32, each row of unit length (a row of zeros stays)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-12))
