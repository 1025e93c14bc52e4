"""The shift table: what noise, equalisation, clipping, level and speed do to the audio before the front end.

Everything happens on the sound itself, never on its log-mel, so that training's shortcuts cannot flatter the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

SNRS_DB = (20, 10, 3, 0)


@dataclass(frozen=True)
class Shift:
    """One distortion; kind: 'clean', 'white', 'pink', 'eq', 'clip', 'level', 'speed'; amount in its own unit."""

    name: str
    kind: str
    amount: float = 0.0


SHIFTS: tuple[Shift, ...] = (
    Shift("clean", "clean"),
    *(Shift(f"{kind} noise {snr} dB", kind, snr) for kind in ("white", "pink") for snr in SNRS_DB),
    Shift("EQ tilt 12 dB", "eq", 12.0),
    Shift("clipping x4", "clip", 4.0),
    Shift("level -26 dB", "level", -26.0),
    Shift("15 % faster", "speed", 1.15),
)


def apply_shift(audio: np.ndarray, shift: Shift, samples: int, rng: np.random.Generator) -> np.ndarray:
    """One window of distorted sound as int16 PCM.

    audio: (m,) float32 in [-1, 1), m >= 1.15 * samples so that the faster copy fills the window;
    samples: of the window.
    The signal-to-noise ratio is that of the window's root mean squares. Returns (samples,) int16.
    """
    window = audio[:samples].astype(np.float64)
    if shift.kind == "white" or shift.kind == "pink":
        window = add_noise(window, shift.kind, shift.amount, rng)
    elif shift.kind == "eq":
        spectrum = fft.rfft(window)
        octaves = np.log2(np.maximum(fft.rfftfreq(samples, 1 / 16000), 50.0) / 50.0) / np.log2(8000 / 50)
        tilt = shift.amount * (1 if rng.uniform() < 0.5 else -1)  # end to end of 50 Hz to 8 kHz
        window = fft.irfft(spectrum * 10 ** (tilt * (octaves - 0.5) / 20), samples)
    elif shift.kind == "clip":
        window = window * (shift.amount / max(np.abs(window).max(), 1e-9))
    elif shift.kind == "level":
        window = window * 10 ** (shift.amount / 20)
    elif shift.kind == "speed":
        window = signal.resample_poly(audio.astype(np.float64), 20, 23)[:samples]
    return np.clip(np.round(window * 32768), -32768, 32767).astype(np.int16)


def add_noise(sound: np.ndarray, colour: str, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Sound (n,) float64 plus 'white' or 'pink' noise; the ratio is that of the whole sound's root mean squares."""
    noise = rng.standard_normal(len(sound)) if colour == "white" else pink_noise(rng, len(sound))
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-snr_db / 20)
    return sound + noise * (level / np.sqrt(np.mean(noise**2)))


def pink_noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Gaussian noise that falls by 3 dB an octave, of unit deviation."""
    spectrum = fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 8.0))  # flat below 3 Hz
    out = fft.irfft(spectrum, samples)
    return out / out.std()
