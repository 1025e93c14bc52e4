"""Windows of PCM on which every implementation must give the same bytes, and the digest of what they give.

The windows are made from the example recordings by integer arithmetic alone (cuts, gains, mixtures, noise of a raw
bit generator, silence, full-scale square waves), so that they are the same on every machine and numpy version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tinyclap_edge.audio import read_audio
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.resources import data_file

PARITY_WINDOWS = 200
STORED_WINDOWS = 8
PARITY_MACS = 10_000_000_000  # of all windows of an export; the integer reference does about 250 million a second


@dataclass(frozen=True)
class Stages:
    """What one implementation gives for n windows, stage by stage; None where it does not show a stage.

    Of a stream, n embeddings are of rows that they share: logmel_q8 and inputs are then (rows, mels).
    """

    embeddings: np.ndarray  # (n, r) int8
    scores: np.ndarray  # (n, labels) int16, Q15 cosines
    logmel_q8: np.ndarray | None = None  # (n, frames, mels) int16
    inputs: np.ndarray | None = None  # (n, frames, mels) int8

    def digest(self) -> str:
        """SHA-256 over embeddings and scores, window by window."""
        sha = hashlib.sha256()
        for embedding, scores in zip(self.embeddings, self.scores, strict=True):
            sha.update(embedding.astype("<i1").tobytes() + scores.astype("<i2").tobytes())
        return sha.hexdigest()


def parity_count(macs: int) -> int:
    """Windows on which an encoder of so many MACs is run at its export: PARITY_WINDOWS, fewer of a very large one."""
    return max(STORED_WINDOWS, min(PARITY_WINDOWS, PARITY_MACS // max(1, macs)))


def parity_windows(count: int, spec: FrontendSpec) -> np.ndarray:
    """(count, window_total_samples) int16."""
    length = spec.window_total_samples
    recordings = _examples(spec.sample_rate_hz)
    raw = np.random.PCG64(20261121).random_raw  # the bit generator's stream is stable by numpy's promise
    windows = np.zeros((count, length), np.int16)
    for i in range(count):
        a, b = recordings[i % len(recordings)], recordings[int(raw()) % len(recordings)]
        kind = i % 8
        x = _cut(a, int(raw()), length)
        if kind in (1, 2, 5):
            x = x + (_cut(b, int(raw()), length) >> (kind % 3))
        if kind in (3, 5):
            noise = raw(length).astype(np.int64) >> 48 & 0xFFFF
            x = x + ((noise - 32768) >> (2 + int(raw()) % 6))
        if kind == 4:
            x = x * (1 + int(raw()) % 8)
        if kind == 6:
            x = x >> (int(raw()) % 10)
        if kind == 7:  # the corners: silence, a full-scale square wave, one click
            period = 2 + int(raw()) % 400
            square = np.where(np.arange(length) % period * 2 < period, 32767, -32768)
            click = np.where(np.arange(length) == length // 2, 32767, 0)
            x = (np.zeros(length, np.int64), square, click)[i // 8 % 3]
        windows[i] = np.clip(x, -32768, 32767)
    return windows


def _cut(pcm: np.ndarray, position: int, length: int) -> np.ndarray:
    start = position % pcm.size
    return np.resize(np.roll(pcm, -start), length).astype(np.int64)


@lru_cache(maxsize=2)
def _examples(rate_hz: int) -> tuple[np.ndarray, ...]:
    files = sorted(data_file("examples").glob("*.wav"))
    return tuple(read_audio(f, rate_hz).pcm for f in files)
