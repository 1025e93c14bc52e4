"""Second generators, for testing only: weather, machines, impacts and drums, by other means than the families use.

Written from the sound itself, without reading the families: shaped noise by FIR design and crossed bands, one combustion
pulse pasted at firing times, autoregressive knocks, wavelets. They share no code with the families on purpose.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from .registry import Sound, Traits, second


def _add(out: np.ndarray, piece: np.ndarray, at: float) -> None:
    """Add a piece from sample `at` on, cut at the end of the clip."""
    room = out[int(at) : int(at) + piece.size]
    room += piece[: room.size]


def _band(x: np.ndarray, rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """First-order band-pass, gentler than most."""
    edges = [low_hz, min(high_hz, 0.47 * rate)]
    return signal.sosfilt(signal.butter(1, edges, "bandpass", fs=rate, output="sos"), x)


def _slow(rng: np.random.Generator, samples: int, points: int, low: float, high: float) -> np.ndarray:
    """A slowly wandering gain between two limits."""
    return np.interp(np.arange(samples), np.linspace(0, samples, points), rng.uniform(low, high, points))


def _damped(rng: np.random.Generator, rate: int, centres_hz: np.ndarray, q: float, seconds: float) -> np.ndarray:
    """A knock: a 1 ms raised-cosine push of slightly random size through peaking filters in parallel."""
    push = np.zeros(int(seconds * rate))
    width = max(2, int(0.001 * rate))
    push[:width] = np.hanning(width + 2)[1:-1] * (1 + 0.2 * rng.standard_normal(width))
    out = np.zeros(push.size)
    for i, centre in enumerate(centres_hz):
        b, a = signal.iirpeak(centre, q, fs=rate)
        out += signal.lfilter(b, a, push) / (1 + 0.5 * i)
    return out


def _beats(rng: np.random.Generator, seconds: float, rate_hz: float, jitter: float) -> np.ndarray:
    """Event times in seconds by a random walk of the period."""
    steps = np.maximum(0.3, 1 + jitter * rng.standard_normal(int(seconds * rate_hz * 1.5) + 3)) / rate_hz
    times = np.cumsum(steps) - steps[0] * rng.uniform(0.3, 1.0)
    return times[times < seconds - 0.03]


@second("snare drum")
def snare_drum(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Wires as high-passed noise, the shell as two falling tones."""
    out = np.zeros(round(rate * seconds))
    hits = rng.uniform(1.6, 7.0)
    shell = rng.uniform(170, 240)
    for at in _beats(rng, seconds, hits, 0.04):
        t = np.arange(int(0.3 * rate)) / rate
        wires = _band(rng.standard_normal(t.size), rate, 1800, 7000) * np.exp(-t / rng.uniform(0.04, 0.07))
        bend = shell * (t + 0.006 * (1 - np.exp(-t / 0.02)))
        drum = np.sin(2 * np.pi * bend) + 0.6 * np.sin(2 * np.pi * 1.72 * bend)
        _add(out, rng.uniform(0.6, 1.0) * (wires + 0.5 * drum * np.exp(-t / 0.035)), at * rate)
    return Sound(out.astype(np.float32), Traits("noisy", "repeating", 2500.0, hits))


@second("rain")
def rain(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A bed of noise with a FIR-designed slope, and hundreds of drops convolved with one short splash."""
    samples = round(rate * seconds)
    tilt = rng.uniform(0.15, 0.5)
    slope = signal.firwin2(63, [0, 300, 1500, 0.5 * rate], [0, 0.3, 1.0, tilt], fs=rate)
    bed = signal.oaconvolve(rng.standard_normal(samples), slope, "same")
    drops = (rng.uniform(size=samples) < rng.uniform(150, 500) / rate) * rng.exponential(1.0, samples)
    t = np.arange(int(0.006 * rate)) / rate
    splash = np.exp(-t / 0.0012) * np.sin(2 * np.pi * rng.uniform(2000, 4500) * t)
    wet = signal.oaconvolve(drops, splash)[:samples]
    audio = bed / bed.std() + rng.uniform(0.3, 1.0) * wet / wet.std()
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", 3000.0))


@second("wind")
def wind(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Six fixed bands of noise whose gains wander with the gust, the upper ones more than the lower."""
    samples = round(rate * seconds)
    gust = _slow(rng, samples, 6, 0.3, 1.0)
    out = np.zeros(samples)
    for i, centre in enumerate(rng.uniform(110, 170) * 1.7 ** np.arange(6)):
        band = _band(rng.standard_normal(samples), rate, centre / 1.25, centre * 1.25)
        out += band * gust ** (1 + 0.6 * i) * _slow(rng, samples, 9, 0.5, 1.0) * 0.8**i
    return Sound(out.astype(np.float32), Traits("noisy", "continuous", 350.0))


@second("crackling fire")
def crackling_fire(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Leaky-integrated noise for the flames, Pareto-sized pops of clipped noise for the wood."""
    samples = round(rate * seconds)
    flames = signal.lfilter([1.0], [1.0, -0.985], rng.standard_normal(samples)) * _slow(rng, samples, 14, 0.4, 1.0)
    out = 0.05 * flames / flames.std()
    pops = rng.uniform(9, 28)
    for at in rng.uniform(0, seconds, rng.poisson(pops * seconds) + 2):
        length = int(rate * rng.uniform(0.003, 0.014))
        pop = np.clip(rng.standard_normal(length), -1, 1) * np.linspace(1, 0, length) ** 3
        _add(out, pop * min(0.12 * (1 + rng.pareto(1.6)), 1.5), at * rate)
    return Sound(out.astype(np.float32), Traits("clicking", "continuous", 2200.0))


@second("car engine")
def car_engine(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """One combustion pulse per cylinder, pasted at the firing times of a wandering speed, plus intake noise."""
    samples = round(rate * seconds)
    firing = rng.uniform(24, 75)
    t = np.arange(int(0.03 * rate)) / rate
    cylinders = [
        np.exp(-t / rng.uniform(0.004, 0.007)) * np.sin(2 * np.pi * rng.uniform(75, 150) * t) * rng.uniform(0.8, 1.0)
        + 0.25 * _band(rng.standard_normal(t.size), rate, 200, 1200) * np.exp(-t / 0.004)
        for _ in range(4)
    ]
    speed = firing * _slow(rng, samples, 5, 0.93, 1.07)
    times = np.flatnonzero(np.diff(np.floor(np.cumsum(speed) / rate), prepend=0.0))
    out = np.zeros(samples)
    for i, at in enumerate(times):
        _add(out, cylinders[i % 4] * rng.uniform(0.9, 1.1), int(at))
    out += 0.04 * _band(rng.standard_normal(samples), rate, 150, 900)
    return Sound(out.astype(np.float32), Traits("buzzing", "continuous", float(firing)))


@second("helicopter")
def helicopter(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Blade slap as noise through a sharply peaked periodic gain, over a low thud and a thin turbine whine."""
    samples = round(rate * seconds)
    t = np.arange(samples) / rate
    blades = rng.uniform(10.5, 19.0)
    chop = np.exp(rng.uniform(3, 5) * (np.cos(2 * np.pi * blades * t + rng.uniform(0, 6.28)) - 1))
    air = _band(rng.standard_normal(samples), rate, 90, 900)
    thud = np.sin(2 * np.pi * blades * 4 * t) + np.sin(2 * np.pi * blades * 6 * t + 1.0)
    whine = 0.02 * np.sin(2 * np.pi * rng.uniform(900, 2200) * t)
    audio = chop * (air / air.std() + 0.5 * thud) + 0.12 * air / air.std() + whine
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", 250.0))


@second("footsteps")
def footsteps(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A heel thump and a softer toe scuff, left and right a little different."""
    out = np.zeros(round(rate * seconds))
    pace = rng.uniform(1.4, 2.6)
    body = [rng.uniform(80, 160, 2) * [1, 2.3] for _ in range(2)]
    grit = rng.uniform(0.1, 0.5)
    for i, at in enumerate(_beats(rng, seconds, pace, 0.05)):
        heel = _damped(rng, rate, body[i % 2], 3.0, 0.12)
        scuff = _band(rng.standard_normal(int(0.09 * rate)), rate, 900, 4000) * np.hanning(int(0.09 * rate))
        _add(out, heel / np.abs(heel).max(), at * rate)
        _add(out, grit * scuff, (at + rng.uniform(0.05, 0.09)) * rate)
    return Sound(out.astype(np.float32), Traits("clicking", "repeating", float(body[0][0]), pace))


@second("knocking on a door")
def knocking(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Knuckles on a panel: peaking filters struck by a short push, in groups of three to five."""
    out = np.zeros(round(rate * seconds))
    panel = np.array([1.0, 1.9, 3.1, 5.2]) * rng.uniform(130, 300)
    tempo = rng.uniform(3.0, 6.5)
    at = rng.uniform(0.05, 0.35)
    while at < seconds - 0.05:
        for _ in range(int(rng.integers(3, 6))):
            knock = _damped(rng, rate, panel * rng.uniform(0.97, 1.03), rng.uniform(4, 8), 0.15)
            _add(out, knock / np.abs(knock).max() * rng.uniform(0.6, 1.0), at * rate)
            at += rng.uniform(0.92, 1.08) / tempo
        at += rng.uniform(0.4, 0.8)
    return Sound(out.astype(np.float32), Traits("clicking", "repeating", float(panel[1]), tempo))


@second("glass breaking")
def glass_breaking(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A crash of high noise, then dozens of splinters: Gaussian-windowed high tones that thin out."""
    out = np.zeros(round(rate * seconds))
    start = rng.uniform(0.05, 0.3) * seconds
    t = np.arange(int(0.35 * rate)) / rate
    crash = _band(rng.standard_normal(t.size), rate, 2500, 7500) * np.exp(-t / rng.uniform(0.03, 0.08))
    _add(out, 1.5 * crash, start * rate)
    centre = rng.uniform(3200, 4800)
    for delay in rng.exponential(rng.uniform(0.15, 0.35), int(rng.integers(50, 130))):
        ring = np.arange(int(rng.uniform(0.02, 0.11) * rate)) / rate
        pitch = min(centre * np.exp(0.4 * rng.standard_normal()), 0.45 * rate)
        splinter = np.sin(2 * np.pi * pitch * ring) * np.exp(-ring / (0.2 * ring[-1]))
        _add(out, splinter * rng.exponential(0.35) * np.exp(-delay), (start + delay) * rate)
    return Sound(out.astype(np.float32), Traits("tonal", "single", float(centre)))


@second("clock ticking")
def clock_ticking(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Gabor wavelets, two of them in turn: tick and tock, each with a small echo of the case."""
    out = np.zeros(round(rate * seconds))
    ticks = float(rng.choice([1.0, 2.0, 4.0])) * rng.uniform(0.97, 1.03)
    pitch = rng.uniform(1800, 4200)
    t = np.arange(int(0.024 * rate)) / rate - 0.012
    pair = [
        np.exp(-((t / width) ** 2)) * np.cos(2 * np.pi * pitch * ratio * t)
        for width, ratio in ((rng.uniform(0.0006, 0.0015), 1.0), (rng.uniform(0.0006, 0.0015), rng.uniform(0.7, 0.9)))
    ]
    echo = rng.uniform(0.008, 0.02)
    for i, at in enumerate(_beats(rng, seconds, ticks, 0.004)):
        _add(out, pair[i % 2], at * rate)
        _add(out, 0.35 * pair[(i + 1) % 2], (at + echo) * rate)
    return Sound(out.astype(np.float32), Traits("clicking", "repeating", float(pitch), ticks))


@second("thunder")
def thunder(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Brown noise (a leaky sum) under a chain of overlapping claps, then a rumble that rolls away."""
    samples = round(rate * seconds)
    t = np.arange(samples) / rate
    leak = np.exp(-2 * np.pi * rng.uniform(30, 70) / rate)
    brown = signal.lfilter([1.0], [1.0, -leak], rng.standard_normal(samples))
    start = rng.uniform(0.03, 0.2) * seconds
    shape = np.zeros(samples)
    for delay in np.cumsum(rng.exponential(0.2, 6)):
        after = np.maximum(t - start - delay + 0.2, 0)
        shape += rng.uniform(0.3, 1.0) * np.minimum(after / 0.02, 1) * np.exp(-after / rng.uniform(0.25, 0.7))
    crack = rng.standard_normal(samples) * np.exp(-np.maximum(t - start, 0) / 0.08) * (t > start) * rng.uniform(0, 0.25)
    return Sound((brown / brown.std() * shape + crack).astype(np.float32), Traits("noisy", "single", 100.0))


@second("hand clapping")
def hand_clapping(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """One to five people: each clap is two noise bursts a few milliseconds apart (flam) in a palm-sized band."""
    out = np.zeros(round(rate * seconds))
    tempo = rng.uniform(2.0, 4.8)
    people = int(rng.integers(1, 6))
    centre = rng.uniform(900, 1700)
    for _ in range(people):
        own = centre * rng.uniform(0.8, 1.25)
        for at in _beats(rng, seconds, tempo * rng.uniform(0.95, 1.05), 0.06):
            t = np.arange(int(0.04 * rate)) / rate
            clap = _band(rng.standard_normal(t.size), rate, own / 1.5, own * 1.9)
            clap *= np.exp(-t / 0.007) + 0.7 * (t > 0.004) * np.exp(-(t - 0.004) / 0.01)
            _add(out, clap * rng.uniform(0.6, 1.0), at * rate)
    return Sound(out.astype(np.float32), Traits("clicking", "repeating", float(centre), tempo * people))


@second("vacuum cleaner")
def vacuum_cleaner(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A broad FIR-shaped roar with a peak, and the motor's few whining harmonics."""
    samples = round(rate * seconds)
    t = np.arange(samples) / rate
    peak = rng.uniform(500, 1100)
    points = [0, 120, peak, 3.2 * peak, 0.5 * rate]
    roar = signal.oaconvolve(
        rng.standard_normal(samples), signal.firwin2(127, points, [0, 0.3, 1.0, 0.35, 0.06], fs=rate), "same"
    )
    pitch = rng.uniform(210, 420)
    drift = np.cumsum(pitch * _slow(rng, samples, 4, 0.99, 1.01)) / rate
    whine = sum(g * np.sin(2 * np.pi * n * drift) for n, g in ((1, 0.5), (2, 0.7), (4, 0.3), (7, 0.2)))
    hum = 0.3 * np.sin(2 * np.pi * 100 * t)
    audio = roar / roar.std() + rng.uniform(0.2, 0.5) * (whine + hum)
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", float(peak)))
