"""Noise as a front end shows it: log-mels of white and pink noise, from which training draws what a room adds."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.evaluate.shifts import pink_noise
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec

NOISE_LEVEL_DB = -26.0


def noise_shapes(spec: FrontendSpec, each: int, seed: int) -> np.ndarray:
    """(2 * each, frames, mels) float32 dB: log-mels of white, then of pink noise at NOISE_LEVEL_DB."""
    rng = np.random.default_rng(seed)
    gain = 10 ** (NOISE_LEVEL_DB / 20)
    samples = spec.window_total_samples
    rows = []
    for colour in ("white", "pink"):
        for _ in range(each):
            sound = rng.standard_normal(samples) if colour == "white" else pink_noise(rng, samples)
            pcm = np.clip(np.round(sound * gain * 32768), -32768, 32767).astype(np.int16)
            rows.append(logmel_q8(pcm, spec).astype(np.float32) / 256)
    return np.stack(rows)
