"""A clip as windows: cut without overlap, the last one filled up with silence, their embeddings averaged.

That is how the temporal support of an embedding is varied (arXiv 2312.14005: the seconds that one vector sees).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyclap_edge.evaluate.zeroshot import unit

SHORTEST_TAIL = 0.05  # of a window: what a resampler or a rounded length leaves over is no window of its own


def cut(audio: np.ndarray, samples: int) -> np.ndarray:
    """(k, samples) float32 of mono audio (n,), k >= 1; a tail below 5 % of a window is left out."""
    tail = len(audio) % samples
    if len(audio) > samples and tail < SHORTEST_TAIL * samples:
        audio = audio[: len(audio) - tail]
    count = max(1, -(-len(audio) // samples))
    out = np.zeros(count * samples, np.float32)
    out[: len(audio)] = audio
    return out.reshape(count, samples)


def mean_over_windows(
    clips: Sequence[np.ndarray], samples: int, embed: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """(n, dim): of each clip the mean of its windows' unit embeddings. embed: (k, samples) float32 -> (k, dim)."""
    parts = [cut(clip, samples) for clip in clips]
    vectors = unit(embed(np.concatenate(parts)))
    ends = np.cumsum([len(p) for p in parts])
    return np.stack([v.mean(0) for v in np.split(vectors, ends[:-1])])
