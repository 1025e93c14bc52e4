"""The few building blocks that the generators share: noise, filters, modes, strings, formants, envelopes.

All functions return float32 arrays of `samples` values and draw only from the generator that is passed in. Everything
is vectorised: a clip of 2.6 s at 16 kHz should take a few milliseconds.
"""

from __future__ import annotations

import numpy as np
from scipy import signal


def noise(rng: np.random.Generator, samples: int, tilt_db_per_octave: float = 0.0) -> np.ndarray:
    """Gaussian noise of unit deviation with a spectral tilt (-3 dB an octave is pink, -6 brown)."""
    white = rng.standard_normal(samples).astype(np.float32)
    if tilt_db_per_octave == 0.0:
        return white
    spectrum = np.fft.rfft(white)
    bins = np.maximum(np.arange(spectrum.size), 4)
    spectrum *= bins ** (tilt_db_per_octave / 6.0206)
    shaped = np.fft.irfft(spectrum, samples)
    return (shaped / (shaped.std() + 1e-9)).astype(np.float32)


def bandpass(x: np.ndarray, rate: int, low_hz: float, high_hz: float, order: int = 2) -> np.ndarray:
    """Butterworth band-pass, edges clipped into (10 Hz, 0.49 rate)."""
    low, high = max(low_hz, 10.0), min(high_hz, 0.49 * rate)
    low = min(low, 0.7 * high)
    return signal.sosfilt(signal.butter(order, [low, high], "bandpass", fs=rate, output="sos"), x).astype(np.float32)


def lowpass(x: np.ndarray, rate: int, cutoff_hz: float, order: int = 2) -> np.ndarray:
    """Butterworth low-pass."""
    sos = signal.butter(order, min(cutoff_hz, 0.49 * rate), "lowpass", fs=rate, output="sos")
    return signal.sosfilt(sos, x).astype(np.float32)


def highpass(x: np.ndarray, rate: int, cutoff_hz: float, order: int = 2) -> np.ndarray:
    """Butterworth high-pass."""
    sos = signal.butter(order, min(cutoff_hz, 0.49 * rate), "highpass", fs=rate, output="sos")
    return signal.sosfilt(sos, x).astype(np.float32)


def resonate(x: np.ndarray, rate: int, centre_hz: float, bandwidth_hz: float) -> np.ndarray:
    """A two-pole resonator of unit gain at its centre: one formant, one body mode, one pipe."""
    radius = np.exp(-np.pi * bandwidth_hz / rate)
    angle = 2 * np.pi * min(centre_hz, 0.48 * rate) / rate
    gain = (1 - radius) * np.sqrt(1 - 2 * radius * np.cos(2 * angle) + radius**2)
    return signal.lfilter([gain], [1.0, -2 * radius * np.cos(angle), radius**2], x).astype(np.float32)


def modes(
    samples: int, rate: int, frequencies_hz: np.ndarray, decays_s: np.ndarray, gains: np.ndarray, phases: np.ndarray
) -> np.ndarray:
    """Modal synthesis: a sum of decaying sinusoids. decays_s is the time to fall by 60 dB; modes above 0.48 rate are dropped.

    A decaying sinusoid is the impulse response of a two-pole filter, so one lfilter a mode beats sin() and exp().
    """
    impulse = np.zeros(samples, np.float32)
    impulse[0] = 1.0
    out = np.zeros(samples, np.float64)
    for f, d, g, p in zip(frequencies_hz, decays_s, gains, phases, strict=True):
        if f >= 0.48 * rate or g == 0.0:
            continue
        length = min(samples, int(d * rate * 1.2) + 16)
        pole = np.exp(-6.908 / (d * rate) + 2j * np.pi * f / rate)
        b = [np.sin(p), np.sin(2 * np.pi * f / rate - p) * abs(pole)]
        out[:length] += g * signal.lfilter(b, [1.0, -2 * pole.real, abs(pole) ** 2], impulse[:length])
    return out.astype(np.float32)


def pluck(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, decay_s: float, bright: float) -> np.ndarray:
    """Karplus-Strong string. bright in 0..1 low-passes the excitation; decay_s is the time to fall by 60 dB."""
    period = rate / pitch_hz
    whole = int(period - 0.5)
    fraction = period - 0.5 - whole  # the averaging filter adds half a sample; linear interpolation adds the rest
    excitation = np.zeros(samples, np.float32)
    burst = rng.uniform(-1, 1, whole).astype(np.float32)
    excitation[: min(whole, samples)] = signal.lfilter([bright], [1.0, bright - 1.0], burst)[:samples]
    loss = 10 ** (-3.0 / (decay_s * pitch_hz))
    feedback = np.zeros(whole + 3)
    feedback[0] = 1.0
    feedback[whole : whole + 3] -= loss * 0.5 * np.array([1 - fraction, 1.0, fraction])
    return signal.lfilter([1.0], feedback, excitation).astype(np.float32)


def glide(samples: int, rate: int, frequency_hz: np.ndarray | float) -> np.ndarray:
    """Phase in radians of an oscillator whose frequency is a constant or an array of `samples` values."""
    frequency = np.broadcast_to(np.asarray(frequency_hz, np.float64), (samples,))
    return 2 * np.pi * np.cumsum(frequency) / rate


def harmonics(phase: np.ndarray, rate: int, top_hz: float, gains: np.ndarray) -> np.ndarray:
    """Sum of sin(k phase) * gains[k-1], k = 1.. while k * top_hz stays below 0.48 rate (Clenshaw recurrence: one sine)."""
    count = int(min(len(gains), max(1, 0.48 * rate // max(top_hz, 1.0))))
    cosine2 = 2 * np.cos(phase)
    b1 = np.zeros_like(phase)
    b2 = np.zeros_like(phase)
    for g in gains[:count][::-1]:
        b1, b2 = g + cosine2 * b1 - b2, b1
    return (b1 * np.sin(phase)).astype(np.float32)


def envelope(samples: int, rate: int, attack_s: float, release_s: float) -> np.ndarray:
    """Linear attack, then exponential fall by 60 dB over release_s."""
    t = np.arange(samples) / rate
    return (np.minimum(t / max(attack_s, 1e-4), 1.0) * np.exp(-6.908 * np.maximum(t - attack_s, 0) / release_s)).astype(
        np.float32
    )


def place(into: np.ndarray, sound: np.ndarray, at: int, gain: float = 1.0) -> None:
    """Add `sound` into `into` from sample `at`, cut where it leaves the array."""
    if at >= into.size or at + sound.size <= 0:
        return
    start = max(at, 0)
    stop = min(at + sound.size, into.size)
    into[start:stop] += gain * sound[start - at : stop - at]


def event_times(rng: np.random.Generator, seconds: float, rate_hz: float, jitter: float = 0.1) -> np.ndarray:
    """Start times in seconds of repeated events with relative jitter; the first falls within one period."""
    period = 1.0 / rate_hz
    count = int(seconds / period) + 2
    steps = period * np.maximum(0.2, 1 + jitter * rng.standard_normal(count))
    times = rng.uniform(0, min(period, 0.6)) + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    return times[times < seconds]
