"""Test signals for the front end: what is easy, what is loud, what is quiet, and what breaks fixed point."""

from __future__ import annotations

import numpy as np


def signals(rate_hz: int, samples: int) -> dict[str, np.ndarray]:
    """Named int16 signals of `samples` samples."""
    t, at, rng = np.arange(samples) / rate_hz, np.arange(samples), np.random.default_rng(0)

    def pcm(x: np.ndarray) -> np.ndarray:
        return np.clip(np.round(x), -32768, 32767).astype(np.int16)

    return {
        "full-scale tone on a bin": pcm(32767 * np.sin(2 * np.pi * 1000 * t)),
        "full-scale tone between bins": pcm(32767 * np.sin(2 * np.pi * 1234.5 * t)),
        "two tones 60 dB apart": pcm(32000 * np.sin(2 * np.pi * 500 * t) + 32 * np.sin(2 * np.pi * 3100 * t)),
        "chirp": pcm(20000 * np.sin(2 * np.pi * (20 * t + rate_hz / 8 * t * t))),
        "full-scale square wave": pcm(32767 * np.sign(np.sin(2 * np.pi * 200 * t + 0.1))),
        "noise": pcm(rng.normal(0, 3000, samples)),
        "full-scale noise": rng.integers(-32768, 32768, samples).astype(np.int16),
        "random signs at full scale": np.where(rng.integers(0, 2, samples), 32767, -32768).astype(np.int16),
        "tone at -60 dBFS": pcm(32 * np.sin(2 * np.pi * 440 * t)),
        "noise at -60 dBFS": pcm(rng.normal(0, 32, samples)),
        "noise of one bit": rng.integers(-1, 1, samples).astype(np.int16),
        "clicks": pcm(32767 * (at % 1237 == 0)),
        "doublet clicks": pcm(16000 * ((at % 997 == 0) - 2.0 * (at % 997 == 1) + (at % 997 == 2))),
        "clicks of one bit": pcm(at % 1237 == 0),
        "steps": np.where(at % 3000 < 1500, 0, -32768).astype(np.int16),
        "silence": np.zeros(samples, np.int16),
        "all -1": np.full(samples, -1, np.int16),
        "all -32768": np.full(samples, -32768, np.int16),
        "all 32767": np.full(samples, 32767, np.int16),
        "extremes at half the rate": np.where(at % 2, 32767, -32768).astype(np.int16),
        "extremes at a quarter of the rate": np.where(at // 2 % 2, 32767, -32768).astype(np.int16),
    }
