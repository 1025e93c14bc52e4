"""A voice: a glottal source with gliding pitch through gliding formants. Animals and people share it.

Source-filter synthesis: band-limited harmonics with a spectral tilt, plus breath noise, shaped by formant resonances.
The formants act on the harmonics' gains by blocks of a few milliseconds, in the frequency domain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator
from scipy import fft, signal

from . import dsp

_FRAME_S = 0.016


def curve(samples: int, points: list[tuple[float, float]]) -> np.ndarray:
    """A piecewise linear curve through (share of the length, value)."""
    at, value = zip(*points, strict=True)
    return np.interp(np.linspace(0, 1, samples), at, value)


@lru_cache(maxsize=8)
def _window(size: int) -> tuple[np.ndarray, np.float32, np.float32]:
    """A periodic Hann window (size,) float32, and the scales of scipy.signal.stft (which adds up complex64) and istft."""
    window = signal.get_window("hann", size)
    forward = np.sqrt(1.0 / window.astype(np.complex64).sum() ** 2).real
    window = window.astype(np.float32)
    window.flags.writeable = False
    return window, forward, window.sum()


def formant_filter(x: np.ndarray, rate: int, formants_hz: np.ndarray, widths_hz: np.ndarray) -> np.ndarray:
    """Shape x by moving resonances. formants_hz (k, f): the track of k formants at f points along x; widths_hz (k,).

    x (samples,) float32; returns as many.
    """
    # scipy.signal.stft and istft bit for bit, without their checks: those cost half of a short call, and other bits
    # would be other clips than the ones that the shipped students were taught and measured with.
    hop = int(_FRAME_S * rate)
    size = 2 * hop
    window, forward, backward = _window(size)
    blocks = -(-x.size // hop) + 2  # half a frame of zeros at either end
    padded = np.zeros(blocks * hop)  # float64 up to the spectrum, as there
    padded[hop : hop + x.size] = x
    frames = sliding_window_view(padded, size)[::hop]  # (frames, size)
    spectrum = (fft.rfft(frames * window, axis=-1) * forward).astype(np.complex64)  # (frames, bins)
    f = fft.rfftfreq(size, 1 / rate)
    at = np.linspace(0, formants_hz.shape[1] - 1, spectrum.shape[0])
    response = np.full(spectrum.shape, 0.01, np.float32)
    for track, width in zip(formants_hz, widths_hz, strict=True):
        centre = np.interp(at, np.arange(track.size), track)
        response += 1 / (1 + ((f[None, :] - centre[:, None]) / (0.5 * width)) ** 2)
    parts = fft.irfft(spectrum * response, size, axis=-1) * backward * window
    squared = window**2
    out = parts[:-1, hop:] + parts[1:, :hop]  # the overlap of neighbours, (frames - 1, hop)
    out /= squared[hop:] + squared[:hop]
    return out.reshape(-1)[: x.size].astype(np.float32, copy=False)


def call(
    rng: Generator,
    rate: int,
    seconds: float,
    pitch_hz: list[tuple[float, float]],
    formants_hz: Sequence[Sequence[float]],
    breath: float = 0.1,
    tilt: float = 1.0,
    roughness: float = 0.0,
    attack: float = 0.1,
    release: float = 0.3,
) -> np.ndarray:
    """One call. pitch_hz: curve points; formants_hz: one list of track points a formant; breath: noise against voice;
    tilt: power of the fall of harmonics; roughness: depth of a fast random tremor of pitch and level; attack and
    release as shares of the length. Peak 1."""
    n = max(int(seconds * rate), 64)
    pitch = curve(n, pitch_hz)
    tremor = dsp.drift(rng, n, rate, 45.0) if roughness else 0.0
    pitch = pitch * np.exp(0.25 * roughness * tremor)
    gains = np.arange(1, 61) ** -tilt
    voiced = dsp.harmonics(dsp.glide(n, rate, pitch), rate, float(pitch.max()), gains) * (1 + 0.6 * roughness * tremor)
    source = voiced / (voiced.std() + 1e-9) + breath * dsp.noise(rng, n)
    points = np.linspace(0, 1, 8)
    tracks = np.array([np.interp(points, np.linspace(0, 1, len(t)), t) for t in formants_hz])
    widths = 60 + 0.1 * tracks.mean(1)
    shaped = formant_filter(source.astype(np.float32), rate, tracks, widths)
    t = np.linspace(0, 1, n)
    shaped *= np.clip(t / max(attack, 1e-3), 0, 1) * np.clip((1 - t) / max(release, 1e-3), 0, 1)
    return (shaped / (np.abs(shaped).max() + 1e-9)).astype(np.float32)


def repeated(
    rng: Generator, rate: int, seconds: float, rate_hz: float, jitter: float, make: Callable[[], np.ndarray]
) -> np.ndarray:
    """Calls of `make()` placed at jittered times. Long series reuse three calls, as an animal repeats itself."""
    x = np.zeros(int(rate * seconds), np.float32)
    calls = [make() for _ in range(3)]
    for at in dsp.event_times(rng, seconds, rate_hz, jitter):
        dsp.place(x, calls[rng.integers(3)], int(at * rate), rng.uniform(0.7, 1.0))
    return x
