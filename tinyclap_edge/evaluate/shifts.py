"""What happens to a sound before a model hears it: noise, equalisation, clipping, level, speed, a shift in time.

Everything happens on the sound itself, never on its log-mel, so that training's shortcuts cannot flatter the result. Two
tables: SHIFTS is that of the shipped models' fixed examination, ROBUSTNESS that of `evaluate` on any corpus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal


@dataclass(frozen=True)
class Shift:
    """One distortion; kind: of KINDS, amount in its own unit."""

    name: str
    kind: str
    amount: float = 0.0


SHIFTS: tuple[Shift, ...] = (
    Shift("clean", "clean"),
    *(Shift(f"{kind} noise {snr} dB", kind, snr) for kind in ("white", "pink") for snr in (20, 10, 3, 0)),
    Shift("EQ tilt 12 dB", "eq", 12.0),
    Shift("clipping x4", "clip", 4.0),
    Shift("level -26 dB", "level", -26.0),
    Shift("15 % faster", "speed", 1.15),
)

ROBUSTNESS: tuple[Shift, ...] = (
    Shift("clean", "clean"),
    *(Shift(f"white noise {snr} dB", "white", snr) for snr in (20, 15, 10, 5, 0)),
    *(Shift(f"pink noise {snr} dB", "pink", snr) for snr in (10, 0)),
    *(Shift(f"shifted by {s:g} s", "time", s) for s in (0.1, 0.5, 1.0)),
    *(Shift(f"gain {g:+d} dB", "level", g) for g in (-30, -20, -10, 10)),
)


def apply_shift(
    audio: np.ndarray, shift: Shift, samples: int, rng: np.random.Generator, rate_hz: int = 16000
) -> np.ndarray:
    """One window of distorted sound as int16 PCM.

    audio: (m,) float32 in [-1, 1), m >= 1.15 * samples where a faster copy has to fill the window;
    samples: of the window.
    The signal-to-noise ratio is that of the window's root mean squares. Returns (samples,) int16.
    """
    window = KINDS[shift.kind](audio, samples, shift.amount, rate_hz, rng)
    return np.clip(np.round(window * 32768), -32768, 32767).astype(np.int16)


def distort(audio: np.ndarray, shift: Shift, rate_hz: int, clip_id: str) -> np.ndarray:
    """(n,) float32 in [-1, 1] of mono audio (n,) float32; louder than full scale is clipped, as a converter would.

    The noise of a clip depends on its id and on the shift's name alone, so that every model hears the same.
    """
    if shift.kind == "clean":
        return audio
    digest = hashlib.sha256(f"{shift.name} {clip_id}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest[:16], "<u4").tolist())
    return np.clip(KINDS[shift.kind](audio, len(audio), shift.amount, rate_hz, rng), -1, 1).astype(np.float32)


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


def _window(audio: np.ndarray, samples: int) -> np.ndarray:
    return audio[:samples].astype(np.float64)


def _tilted(audio: np.ndarray, samples: int, amount: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Up or down by `amount` dB from 50 Hz to 8 kHz, by the octave."""
    octaves = np.log2(np.maximum(fft.rfftfreq(samples, 1 / rate_hz), 50.0) / 50.0) / np.log2(8000 / 50)
    tilt = amount * (1 if rng.uniform() < 0.5 else -1)
    return fft.irfft(fft.rfft(_window(audio, samples)) * 10 ** (tilt * (octaves - 0.5) / 20), samples)


def _clipped(audio: np.ndarray, samples: int, amount: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Its peak at `amount` times full scale."""
    window = _window(audio, samples)
    return window * (amount / max(np.abs(window).max(), 1e-9))


def _faster(audio: np.ndarray, samples: int, amount: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """`amount` times as fast, pitch and all; to hundredths."""
    return signal.resample_poly(audio.astype(np.float64), 100, round(100 * amount))[:samples]


# audio (m,), samples n of the window, the amount, Hz, chance -> (n,) float64
KINDS: dict[str, Callable[[np.ndarray, int, float, int, np.random.Generator], np.ndarray]] = {
    "clean": lambda audio, n, amount, rate, rng: _window(audio, n),
    "white": lambda audio, n, snr_db, rate, rng: add_noise(_window(audio, n), "white", snr_db, rng),
    "pink": lambda audio, n, snr_db, rate, rng: add_noise(_window(audio, n), "pink", snr_db, rng),
    "level": lambda audio, n, db, rate, rng: _window(audio, n) * 10 ** (db / 20),
    "time": lambda audio, n, seconds, rate, rng: np.roll(
        _window(audio, n), round(seconds * rate)
    ),  # the end comes first
    "eq": _tilted,
    "clip": _clipped,
    "speed": _faster,
}
