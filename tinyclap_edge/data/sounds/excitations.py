"""What sets a composed sound going: a tap, a burst, a pulse train, a sweep, a plucked string, a scrape ...

Each excitation is a function (rng, samples, rate, pitch_hz, colour) -> float32 (samples,). `colour` in 0..1 is a timbre
knob that a kind fixes once (bandwidth, depth or brightness, as the function says).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

from .dsp import bandpass, glide, harmonics, lowpass, pluck

Excite = Callable[[np.random.Generator, int, int, float, float], np.ndarray]


@dataclass(frozen=True)
class Excitation:
    """How one excitation behaves when it is composed with a resonator and a rhythm."""

    make: Excite
    struck: bool  # its length is set by the resonator's decay, not by the rhythm
    pitched: bool  # it has its own pitch, which the resonator only colours
    pitch_range_hz: tuple[float, float]


def _fade(samples: int, rate: int, attack_s: float = 0.008, release_s: float = 0.02) -> np.ndarray:
    """Linear ramps at both ends, so that a cut tone does not click."""
    t = np.arange(samples) / rate
    return np.clip(np.minimum(t / attack_s, (samples / rate - t) / release_s), 0.0, 1.0).astype(np.float32)


def _impulse(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """A half-sine contact of 0.1 to 2 ms (a soft or a hard hammer) with a little noise in it."""
    width = max(2, int(rate * (0.0001 + 0.0019 * (1 - colour) ** 2)))
    out = np.zeros(samples, np.float32)
    contact = np.sin(np.pi * (np.arange(width) + 0.5) / width) * (1 + 0.3 * rng.standard_normal(width))
    out[: min(width, samples)] = contact[:samples]
    return out


def _burst(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Noise of 0.4 to 1.6 octaves around the pitch, with a soft edge."""
    half = 2 ** (0.2 + 0.6 * colour)
    noise = bandpass(rng.standard_normal(samples).astype(np.float32), rate, pitch_hz / half, pitch_hz * half)
    return noise * _fade(samples, rate, 0.01, 0.05)


def _pulses(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """A buzzer: harmonics that fall slowly, the period shaking by up to 1 %."""
    drift = 1 + 0.01 * colour * np.interp(np.arange(samples), np.linspace(0, samples, 12), rng.standard_normal(12))
    count = int(min(60, 0.45 * rate / pitch_hz))
    gains = 1.0 / np.arange(1, count + 1) ** (0.4 + 0.5 * colour)
    return harmonics(glide(samples, rate, pitch_hz * drift), rate, pitch_hz * 1.05, gains) * _fade(samples, rate)


def _glottal(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Voice source: -9 dB an octave, an arched pitch, a little breath."""
    t = np.linspace(0, 1, samples)
    pitch = pitch_hz * (
        1 + (0.05 + 0.25 * colour) * np.sin(np.pi * t) + 0.01 * np.sin(2 * np.pi * 5.5 * t * samples / rate)
    )
    count = int(min(40, 0.45 * rate / pitch_hz))
    voiced = harmonics(glide(samples, rate, pitch), rate, pitch_hz * 1.35, 1.0 / np.arange(1, count + 1) ** 1.1)
    breath = 0.04 * rng.standard_normal(samples).astype(np.float32)
    return (voiced + breath) * _fade(samples, rate, 0.03, 0.06)


def _sweep(up: bool) -> Excite:
    def make(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
        octaves = (0.5 + 1.2 * colour) * (1 if up else -1)
        track = pitch_hz * 2 ** (octaves * np.linspace(-0.5, 0.5, samples))
        return np.sin(glide(samples, rate, np.minimum(track, 0.46 * rate))).astype(np.float32) * _fade(samples, rate)

    return make


def _pluck(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """A Karplus-Strong string that rings for the whole event."""
    return pluck(rng, samples, rate, pitch_hz, max(0.1, 0.9 * samples / rate), 0.25 + 0.75 * colour)


def _fm(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Two-operator FM with an inharmonic ratio: a bleep at index 1, a clang at index 4."""
    ratio = 0.37 + 1.4 * colour
    index = (1.0 + 3.0 * colour) * np.linspace(1.0, 0.6, samples)
    modulator = index * np.sin(glide(samples, rate, pitch_hz * ratio))
    return np.sin(glide(samples, rate, pitch_hz) + modulator).astype(np.float32) * _fade(samples, rate)


def _warble(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """A tone whose pitch swings 4 to 14 times a second."""
    swing = 4 + 10 * colour
    t = np.arange(samples) / rate
    track = pitch_hz * (1 + 0.12 * np.sin(2 * np.pi * swing * t + rng.uniform(0, 6.28)))
    return harmonics(glide(samples, rate, track), rate, 1.2 * pitch_hz, np.array([1, 0.3, 0.1])) * _fade(samples, rate)


def _grains(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Crackle: short decaying noise grains at random times, 15 to 60 a second, sizes spread over 30 dB."""
    count = max(1, rng.poisson((15 + 45 * colour) * samples / rate))
    train = np.zeros(samples, np.float32)
    train[rng.integers(0, samples, count)] = rng.choice([-1.0, 1.0], count) * 10 ** rng.uniform(-1.5, 0, count)
    length = max(8, int(0.012 * rate))
    t = np.arange(length) / rate
    grain = np.sin(2 * np.pi * pitch_hz * t) + 0.5 * rng.standard_normal(length)
    grain *= np.exp(-t / 0.0025)
    return signal.oaconvolve(train, grain.astype(np.float32))[:samples].astype(np.float32)


def _scrape(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Noise around the pitch cut by a rough 25 to 90 Hz comb of teeth whose speed wanders."""
    speed = (25 + 65 * colour) * (
        1 + 0.2 * np.interp(np.arange(samples), np.linspace(0, samples, 8), rng.standard_normal(8))
    )
    teeth = np.maximum(0, np.sin(glide(samples, rate, speed))) ** 3
    noise = bandpass(rng.standard_normal(samples).astype(np.float32), rate, pitch_hz / 1.6, pitch_hz * 1.6)
    return (noise * (0.15 + teeth)).astype(np.float32) * _fade(samples, rate, 0.03, 0.06)


def _hum(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """A steady tone of one to four soft harmonics."""
    gains = np.array([1.0, 0.5 * colour, 0.3 * colour**2, 0.2 * colour**3])
    return harmonics(glide(samples, rate, pitch_hz), rate, pitch_hz, gains) * _fade(samples, rate, 0.02, 0.04)


def _blip(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """An electronic beep: a band-limited square or narrow pulse."""
    order = np.arange(1, 24)
    gains = np.abs(np.sin(np.pi * order * (0.5 - 0.3 * colour))) / order
    return harmonics(glide(samples, rate, pitch_hz), rate, pitch_hz, gains) * _fade(samples, rate, 0.003, 0.004)


def _rumble(rng: np.random.Generator, samples: int, rate: int, pitch_hz: float, colour: float) -> np.ndarray:
    """Low-passed noise with slow swells."""
    swell = np.interp(np.arange(samples), np.linspace(0, samples, 10), rng.uniform(0.4, 1.0, 10))
    noise = lowpass(rng.standard_normal(samples).astype(np.float32), rate, pitch_hz * (1 + colour), 3)
    return (noise * swell).astype(np.float32) * _fade(samples, rate, 0.04, 0.08)


EXCITATIONS: dict[str, Excitation] = {
    "impulse": Excitation(_impulse, True, False, (120.0, 4500.0)),
    "burst": Excitation(_burst, False, False, (200.0, 5000.0)),
    "pulses": Excitation(_pulses, False, True, (40.0, 300.0)),
    "glottal": Excitation(_glottal, False, True, (80.0, 500.0)),
    "rise": Excitation(_sweep(True), False, True, (200.0, 4000.0)),
    "fall": Excitation(_sweep(False), False, True, (200.0, 4000.0)),
    "pluck": Excitation(_pluck, True, True, (80.0, 900.0)),
    "fm": Excitation(_fm, False, True, (90.0, 2500.0)),
    "warble": Excitation(_warble, False, True, (200.0, 3500.0)),
    "grains": Excitation(_grains, False, False, (300.0, 5000.0)),
    "scrape": Excitation(_scrape, False, False, (250.0, 4500.0)),
    "hum": Excitation(_hum, False, True, (70.0, 3500.0)),
    "blip": Excitation(_blip, False, True, (120.0, 3500.0)),
    "rumble": Excitation(_rumble, False, False, (50.0, 220.0)),
}
