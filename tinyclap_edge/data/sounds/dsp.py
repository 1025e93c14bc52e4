"""The few building blocks that the generators share: noise, filters, modes, strings, formants, envelopes.

All functions return float32 arrays of `samples` values and draw only from the generator that is passed in. Everything
is vectorised: a clip of 2.6 s at 16 kHz should take a few milliseconds.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, signal


def noise(rng: np.random.Generator, samples: int, tilt_db_per_octave: float = 0.0) -> np.ndarray:
    """Gaussian noise of unit deviation with a spectral tilt (-3 dB an octave is pink, -6 brown)."""
    if tilt_db_per_octave == 0.0:
        return rng.standard_normal(samples, dtype=np.float32)
    length = fft.next_fast_len(samples, real=True)
    spectrum = fft.rfft(rng.standard_normal(length, dtype=np.float32))
    bins = np.maximum(np.arange(spectrum.size, dtype=np.float32), 4)
    spectrum *= bins ** np.float32(tilt_db_per_octave / 6.0206)
    shaped = fft.irfft(spectrum, length)[:samples]
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
    # 1e-30 keeps the decay behind a sparse input out of the denormals, which cost four times as much.
    quiet = np.asarray(x) + np.float32(1e-30)
    return signal.lfilter([gain], [1.0, -2 * radius * np.cos(angle), radius**2], quiet).astype(np.float32)


def modes(
    samples: int, rate: int, frequencies_hz: np.ndarray, decays_s: np.ndarray, gains: np.ndarray, phases: np.ndarray
) -> np.ndarray:
    """Modal synthesis: a sum of decaying sinusoids. decays_s is the time to fall by 60 dB; modes above 0.48 rate are dropped.

    z**(B i + j) = z**(B i) * z**j, so the whole sum is one small matrix product: thirty modes cost about as much as
    three calls of sin().
    """
    f = np.asarray(frequencies_hz, np.float64)
    keep = (f < 0.48 * rate) & (np.asarray(gains) != 0.0)
    if not keep.any() or samples <= 0:
        return np.zeros(max(samples, 0), np.float32)
    log_pole = -6.908 / (np.asarray(decays_s)[keep] * rate) + 2j * np.pi * f[keep] / rate
    start = np.asarray(gains)[keep] * np.exp(1j * np.asarray(phases)[keep])
    block = max(16, int(np.sqrt(samples)))
    rows = -(-samples // block)
    coarse = (np.exp(np.outer(np.arange(rows) * block, log_pole)) * start).astype(np.complex64)  # (rows, modes)
    fine = np.exp(np.outer(log_pole, np.arange(block))).astype(np.complex64)  # (modes, block)
    out = coarse.real @ fine.imag + coarse.imag @ fine.real  # the imaginary part of coarse @ fine
    return out.reshape(-1)[:samples]


def pluck(
    rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, decay_s: float, bright: float
) -> np.ndarray:
    """Karplus-Strong string. bright in 0..1 low-passes the excitation; decay_s is the time to fall by 60 dB."""
    period = rate / pitch_hz
    whole = max(int(period - 0.5), 1)
    fraction = period - 0.5 - whole  # the averaging filter adds half a sample; linear interpolation adds the rest
    burst = signal.lfilter([bright], [1.0, bright - 1.0], rng.uniform(-1, 1, whole))
    burst = burst - burst.mean()  # an offset would die away much later than the string
    loss = 10 ** (-3.0 / (decay_s * pitch_hz))
    taps = loss * 0.5 * np.array([1 - fraction, 1.0, fraction])
    if whole < 64:  # a short recursion filter is quicker than many short blocks
        excitation = np.zeros(samples)
        excitation[:whole] = burst[:samples]
        feedback = np.zeros(whole + 3)
        feedback[0] = 1.0
        feedback[whole : whole + 3] -= taps
        return signal.lfilter([1.0], feedback, excitation).astype(np.float32)
    lead = whole + 2
    y = np.zeros(lead + samples + whole)
    y[lead : lead + whole] = burst
    for at in range(lead + whole, lead + samples, whole):  # one period at a time: it only reads earlier ones
        y[at : at + whole] = np.convolve(y[at - lead : at], taps, "valid")
    return y[lead : lead + samples].astype(np.float32)


def glide(samples: int, rate: int, frequency_hz: np.ndarray | float) -> np.ndarray:
    """Phase in radians of an oscillator whose frequency is a constant or an array of `samples` values."""
    frequency = np.broadcast_to(np.asarray(frequency_hz, np.float64), (samples,))
    return 2 * np.pi * np.cumsum(frequency) / rate


def harmonics(phase: np.ndarray, rate: int, top_hz: float, gains: np.ndarray) -> np.ndarray:
    """Sum of sin(k phase) * gains[k-1], k = 1.. while k * top_hz stays below 0.48 rate (Clenshaw recurrence: one sine)."""
    count = int(min(len(gains), max(1, 0.48 * rate // max(top_hz, 1.0))))
    wrapped = np.remainder(phase, 2 * np.pi).astype(np.float32)  # float32: the error stays below -90 dB at 30 harmonics
    cosine2 = 2 * np.cos(wrapped)
    b1 = np.zeros_like(wrapped)
    b2 = np.zeros_like(wrapped)
    scratch = np.empty_like(wrapped)
    for g in np.asarray(gains[:count], np.float32)[::-1]:
        np.multiply(cosine2, b1, out=scratch)
        scratch -= b2
        scratch += g
        b1, b2, scratch = scratch, b1, b2
    return b1 * np.sin(wrapped)


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
    times = rng.uniform(0, min(period, 0.6, 0.4 * seconds)) + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    return times[times < seconds]


def onset(rng: np.random.Generator, seconds: float, latest: float = 0.4) -> float:
    """Start in seconds of a single event: anywhere in the first `latest` of the clip."""
    return float(rng.uniform(0.0, latest * seconds))


def gate(
    samples: int, rate: int, starts_s: np.ndarray, lengths_s: np.ndarray | float, edge_s: float = 0.004
) -> np.ndarray:
    """1 inside the intervals, 0 outside, with linear edges. Intervals must be sorted and must not overlap."""
    starts = np.asarray(starts_s, np.float64)
    lengths = np.broadcast_to(np.asarray(lengths_s, np.float64), starts.shape)
    edge = np.minimum(edge_s, 0.45 * lengths)
    times = np.stack([starts, starts + edge, starts + lengths - edge, starts + lengths], axis=1).ravel()
    levels = np.tile([0.0, 1.0, 1.0, 0.0], starts.size)
    return np.interp(np.arange(samples) / rate, times, levels).astype(np.float32)


def drift(rng: np.random.Generator, samples: int, rate: int, changes_hz: float) -> np.ndarray:
    """A smooth random curve of about unit deviation that turns about `changes_hz` times a second."""
    step = max(1, min(64, int(rate / (20 * changes_hz))))  # the curve is slow: a coarse one, then straight lines
    at = np.arange(0, samples + step, step) * (changes_hz / rate) + rng.uniform()
    whole = at.astype(np.int64)
    fraction = at - whole
    points = rng.standard_normal(int(whole[-1]) + 2)
    blend = fraction * fraction * (3 - 2 * fraction)
    coarse = points[whole] + (points[whole + 1] - points[whole]) * blend
    return np.interp(np.arange(samples), np.arange(at.size) * step, coarse).astype(np.float32)


def impulses(rng: np.random.Generator, samples: int, rate: int, density_hz: float, spread: float = 0.7) -> np.ndarray:
    """Clicks of one sample at random times, `density_hz` a second, of random sign and log-normal size (at least one)."""
    count = max(1, rng.poisson(density_hz * samples / rate))
    out = np.zeros(samples, np.float32)
    sizes = np.exp(spread * rng.standard_normal(count)) * rng.choice([-1.0, 1.0], count)
    np.add.at(out, rng.integers(0, samples, count), sizes.astype(np.float32))
    return out


def chirps(
    samples: int,
    rate: int,
    starts_s: np.ndarray,
    frequencies_hz: np.ndarray,
    decays_s: np.ndarray,
    gains: np.ndarray,
    rise: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Many short decaying sinusoids at given times; `rise` is the relative rise of frequency over one decay_s.

    A bubble that closes in water is one of these (van den Doel, Physically based models for liquid sounds, 2005).
    """
    out = np.zeros(samples, np.float32)
    if len(starts_s) == 0:
        return out
    length = max(8, int(np.max(decays_s) * rate))
    t = np.arange(length, dtype=np.float32)[None, :] / np.float32(rate)
    decay = np.asarray(decays_s, np.float32)[:, None]
    frequency = np.asarray(frequencies_hz, np.float32)[:, None]
    rise_column = np.broadcast_to(np.asarray(rise, np.float32), (len(starts_s),))[:, None]
    phase = np.float32(2 * np.pi) * frequency * t * (1 + 0.5 * rise_column * t / decay)
    grains = np.sin(phase) * np.exp(np.float32(-6.908) * t / decay) * np.asarray(gains, np.float32)[:, None]
    grains[np.broadcast_to(frequency * (1 + rise_column) > 0.48 * rate, grains.shape)] = 0.0
    for start, grain in zip((np.asarray(starts_s) * rate).astype(int), grains, strict=True):
        place(out, grain, int(start))
    return out
