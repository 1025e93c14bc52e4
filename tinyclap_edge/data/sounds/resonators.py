"""What a composed sound rings in: a bar, a membrane, a plate, a tube, a throat, a box. Each is an impulse response.

Mode ratios: the free bar and the ideal circular membrane of Fletcher and Rossing, The Physics of Musical Instruments;
the closed tube has odd harmonics; a plate is dense and inharmonic; a throat has three vowel formants.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from .dsp import modes

RESONATORS = ("none", "bar", "membrane", "plate", "tube", "throat", "box")
_RATIOS = {
    "bar": (1.0, 2.756, 5.404, 8.933),
    "membrane": (1.0, 1.593, 2.135, 2.295, 2.653, 2.917),
    "tube": (1.0, 3.0, 5.0, 7.0),
}
_VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def impulse_response(
    rng: np.random.Generator, rate: int, resonator: str, base_hz: float, decay_s: float, shape: int
) -> np.ndarray | None:
    """The response of one resonator, float32, as long as its decay; None for "none".

    base_hz is the lowest mode, decay_s its time to fall by 60 dB, and `shape` an integer that fixes what a kind keeps
    (the plate's ratios, the throat's vowel). rng only moves every mode by about one per cent.
    """
    if resonator == "none":
        return None
    if resonator == "throat":
        frequencies = np.array(_VOWELS_HZ[shape % len(_VOWELS_HZ)], np.float64) * (0.85 + 0.3 * (shape % 7) / 6)
        decays = 2.2 / np.array([80.0, 100.0, 140.0])  # 60 dB decay of a formant of that bandwidth in Hz
        gains = np.array([1.0, 0.7, 0.4])
    elif resonator == "box":
        frequencies = base_hz * np.array([1.0, 2.3])
        decays = np.array([1.0, 0.6]) * min(decay_s, 8.0 / base_hz + 0.02)
        gains = np.array([1.0, 0.35])
    elif resonator == "plate":
        fixed = np.random.default_rng([77, shape])
        frequencies = base_hz * np.cumsum(np.concatenate([[1.0], fixed.uniform(0.25, 0.9, 9)]))
        decays = decay_s * fixed.uniform(0.4, 1.0, 10)
        gains = fixed.uniform(0.3, 1.0, 10)
    else:
        ratios = np.array(_RATIOS[resonator])
        frequencies = base_hz * ratios
        decays = decay_s / ratios**0.7
        gains = 1.0 / ratios**0.5
    frequencies = frequencies * (1 + 0.01 * rng.standard_normal(frequencies.size))
    samples = int(rate * min(decays.max() * 1.1, 2.5)) + 32
    return modes(samples, rate, frequencies, decays, gains, rng.uniform(0, 2 * np.pi, frequencies.size))


def convolve(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Full linear convolution in single precision: (n + m - 1,) float32."""
    samples = x.size + response.size - 1
    size = fft.next_fast_len(samples, real=True)
    product = fft.rfft(x.astype(np.float32), size) * fft.rfft(response.astype(np.float32), size)
    return fft.irfft(product, size)[:samples].astype(np.float32)
