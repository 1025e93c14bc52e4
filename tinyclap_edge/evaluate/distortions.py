"""What happens to a clip before a model hears it: noise at a stated ratio, a shift in time, another gain.

On the sound itself, at the model's own rate. The noise of a clip depends on its id and on the distortion alone, so that
every model hears the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.evaluate.shifts import add_noise


@dataclass(frozen=True)
class Distortion:
    """kind: 'clean', 'white', 'pink' (amount: SNR in dB), 'shift' (seconds, the end comes round to the front), 'gain' (dB)."""

    name: str
    kind: str
    amount: float = 0.0


DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("clean", "clean"),
    *(Distortion(f"white noise {snr} dB", "white", snr) for snr in (20, 15, 10, 5, 0)),
    *(Distortion(f"pink noise {snr} dB", "pink", snr) for snr in (10, 0)),
    *(Distortion(f"shifted by {s:g} s", "shift", s) for s in (0.1, 0.5, 1.0)),
    *(Distortion(f"gain {g:+d} dB", "gain", g) for g in (-30, -20, -10, 10)),
)


def distort(audio: np.ndarray, distortion: Distortion, rate_hz: int, clip_id: str) -> np.ndarray:
    """(n,) float32 in [-1, 1] of mono audio (n,) float32; louder than full scale is clipped, as a converter would."""
    if distortion.kind == "clean":
        return audio
    if distortion.kind == "shift":
        return np.roll(audio, round(distortion.amount * rate_hz))
    if distortion.kind == "gain":
        return np.clip(audio * np.float32(10 ** (distortion.amount / 20)), -1, 1)
    digest = hashlib.sha256(f"{distortion.name} {clip_id}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest[:16], "<u4").tolist())
    noisy = add_noise(audio.astype(np.float64), distortion.kind, distortion.amount, rng)
    return np.clip(noisy, -1, 1).astype(np.float32)
