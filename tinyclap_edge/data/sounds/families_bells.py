"""Struck bells, gongs and chimes: sums of decaying modes whose ratios are those of the real bodies.

Ratios: church bells after Rossing, The Physics of Musical Instruments (hum, prime, tierce, quint, nominal ...); tubes of
wind chimes as free bars (1, 2.756, 5.404, 8.933).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family


def _strike(
    rng: Generator, samples: int, rate: int, times_s: np.ndarray, tone: np.ndarray, spread: float
) -> np.ndarray:
    """One tone struck at many times, each time at another strength."""
    out = np.zeros(samples, np.float32)
    for at in times_s:
        dsp.place(out, tone, int(at * rate), float(np.exp(spread * rng.standard_normal())))
    return out


@family(
    "church bell",
    words=("a church bell tolling", "bells of a cathedral", "bell tower"),
    prompts=("a large bell in a steeple", "the tolling of a cathedral bell", "a chapel bell striking the hour"),
    acoustics="deep ringing metal strikes with a long humming decay",
    group="bell",
)
def church_bell(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    prime = rng.uniform(170, 620)
    ratios = np.array([0.5, 1.0, 1.003, 1.2, 1.5, 2.0, 2.005, 2.5, 2.67, 3.0, 4.0, 5.33, 6.67])
    ratios = ratios * np.exp(0.012 * rng.standard_normal(ratios.size))
    gains = np.array([0.5, 0.7, 0.4, 0.8, 0.3, 1.0, 0.4, 0.35, 0.4, 0.45, 0.4, 0.3, 0.2])
    gains = gains * np.exp(0.45 * rng.standard_normal(ratios.size))
    decays = rng.uniform(4, 12) * ratios ** -rng.uniform(0.6, 1.2)
    tone = dsp.modes(n, rate, prime * ratios, decays, gains, rng.uniform(0, 6.28, ratios.size))
    clank = dsp.bandpass(dsp.noise(rng, n), rate, 1500, 5000) * dsp.envelope(n, rate, 0.001, rng.uniform(0.03, 0.12))
    tone = tone + rng.uniform(0.05, 0.4) * clank
    strikes = rng.uniform(0.4, 1.6)
    start = dsp.onset(rng, seconds, 0.3)
    times = start + np.arange(int((seconds - start) * strikes) + 1) / strikes
    times = times * (1 + 0.01 * rng.standard_normal(times.size))
    audio = _strike(rng, n, rate, times, tone, 0.15)
    if times.size == 1:
        return Sound(audio, Traits("tonal", "single", prime))
    return Sound(audio, Traits("tonal", "repeating", prime, strikes))


@family(
    "bicycle bell",
    words=("a bike bell", "a cyclist ringing the bell", "cycle bell"),
    prompts=("the little bell on handlebars", "a ringing bike passing by", "a cyclist's warning ring"),
    acoustics="tiny bright metallic ring, very fast strikes, very high",
    group="bell",
)
def bicycle_bell(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(1900, 3900)
    ratios = np.array([1.0, 1.004, 1.9, 1.95, 2.7, 3.3]) * np.exp(0.05 * rng.standard_normal(6))
    decays = rng.uniform(0.5, 1.8) * np.array([1.0, 1.0, 0.5, 0.6, 0.35, 0.25])
    gains = np.array([1.0, 0.7, 0.6, 0.3, 0.35, 0.25]) * rng.uniform(0.4, 1.2, 6)
    tone = dsp.modes(min(n, rate), rate, pitch * ratios, decays, gains, rng.uniform(0, 6, 6))
    trill = rng.uniform(14, 30)
    flicks = int(rng.integers(1, 4))
    gap = rng.uniform(0.28, 0.6)
    start = dsp.onset(rng, seconds, 0.3)
    length = rng.uniform(0.15, 0.7) * gap
    times = np.concatenate([start + i * gap + np.arange(0, length, 1 / trill) for i in range(flicks)])
    times = times + 0.006 * rng.standard_normal(times.size)
    times[0] = start
    audio = _strike(rng, n, rate, times, tone, 0.3)
    if flicks == 1:
        return Sound(audio, Traits("tonal", "single", pitch))
    return Sound(audio, Traits("tonal", "repeating", pitch, 1 / gap))


@family(
    "school bell",
    words=("an electric bell in a school", "the bell between lessons", "class bell"),
    prompts=("the bell that ends a lesson", "an electric hammer bell in a corridor", "recess bell"),
    acoustics="harsh metal bell struck very fast without a pause",
    group="bell",
)
def school_bell(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(500, 1500)
    count = 9
    ratios = np.cumsum(np.concatenate([[1.0], rng.uniform(0.35, 1.1, count - 1)]))
    decays = rng.uniform(0.2, 0.9) * ratios ** -rng.uniform(0.2, 0.8)
    gains = rng.uniform(0.2, 1.0, count) * ratios ** -rng.uniform(0, 0.5)
    tone = dsp.modes(min(n, rate), rate, pitch * ratios, decays, gains, rng.uniform(0, 6.28, count))
    click = dsp.highpass(dsp.noise(rng, tone.size), rate, 1500) * dsp.envelope(tone.size, rate, 0.0005, 0.02)
    tone = tone + rng.uniform(0.1, 0.6) * click
    hammer = rng.uniform(9, 22)
    start = 0.0 if rng.uniform() < 0.5 else dsp.onset(rng, seconds, 0.3)
    stop = seconds if rng.uniform() < 0.6 else start + rng.uniform(0.6, 1.0) * (seconds - start)
    times = start + np.arange(0, max(stop - start, 0.1), 1 / hammer)
    times = times + 0.05 / hammer * rng.standard_normal(times.size)
    audio = _strike(rng, n, rate, np.maximum(times, 0), tone, 0.12)
    audio = audio + rng.uniform(0, 0.05) * dsp.lowpass(np.sign(np.sin(dsp.glide(n, rate, hammer * 4))), rate, 3000)
    return Sound(audio.astype(np.float32), Traits("tonal", "continuous", pitch))


@family(
    "gong",
    words=("a big gong struck", "tam-tam", "a temple gong"),
    prompts=("a bronze disc struck with a soft mallet", "a Chinese gong", "the gong at the start of a ceremony"),
    acoustics="very deep shimmering metallic crash that swells and fades slowly",
    group="bell",
)
def gong(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(60, 210)
    count = 48
    low = pitch * np.array([1.0, 1.47, 2.09, 2.56, 3.1, 3.5]) * np.exp(0.04 * rng.standard_normal(6))
    high = np.exp(rng.uniform(np.log(4 * pitch), np.log(rng.uniform(2500, 6000)), count - 6))
    shine = rng.uniform(0.3, 0.9)
    decay = rng.uniform(2.5, 8)
    start = min(dsp.onset(rng, seconds, 0.3), 1.5)
    body = dsp.modes(n, rate, low, decay * rng.uniform(0.7, 1.2, 6), rng.uniform(0.5, 1.2, 6), rng.uniform(0, 6, 6))
    gains = shine * rng.uniform(0.05, 0.5, high.size)
    shimmer = dsp.modes(n, rate, high, decay * rng.uniform(0.3, 0.8, high.size), gains, rng.uniform(0, 6, high.size))
    t = np.arange(n, dtype=np.float32) / rate
    bloom = rng.uniform(0.03, 0.35)  # energy climbs from the low modes to the high ones
    shimmer = shimmer * (1 - np.exp(-t / bloom))
    thud = np.minimum(t / rng.uniform(0.002, 0.015), 1.0)
    audio = np.zeros(n, np.float32)
    dsp.place(audio, ((body + shimmer) * thud).astype(np.float32), int(start * rate))
    return Sound(audio, Traits("tonal", "single", pitch))


@family(
    "wind chimes",
    words=("chimes in a garden", "tinkling metal tubes", "chimes moved by the wind"),
    prompts=("hanging tubes tinkling on a porch", "a wind-blown set of chimes", "gentle chiming in a breeze"),
    acoustics="irregular delicate high tinkling tones with a long ring",
    group="bell",
)
def wind_chimes(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    root = rng.uniform(500, 1700)
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])[: int(rng.integers(5, 9))]
    tubes = root * 2 ** (scale / 12) * np.exp(0.01 * rng.standard_normal(scale.size))
    strikes = rng.uniform(2.5, 9)
    decay = rng.uniform(0.8, 3.5)
    bright = rng.uniform(0.1, 0.7)
    times = np.sort(rng.uniform(0, seconds, max(2, rng.poisson(strikes * seconds))))
    times[0] = min(times[0], 0.3 * seconds)
    which = rng.integers(0, tubes.size, times.size)
    audio = np.zeros(n, np.float32)
    for tube in np.unique(which):
        ratios = np.array([1.0, 2.756, 5.404]) * np.exp(0.01 * rng.standard_normal(3))
        gains = np.array([1.0, bright, 0.5 * bright])
        decays = decay * np.array([1.0, 0.5, 0.2])
        tone = dsp.modes(
            min(n, int(1.2 * decay * rate)), rate, tubes[tube] * ratios, decays, gains, rng.uniform(0, 6, 3)
        )
        for at in times[which == tube]:
            dsp.place(audio, tone, int(at * rate), float(np.exp(0.5 * rng.standard_normal())))
    return Sound(audio, Traits("tonal", "repeating", float(np.median(tubes)), times.size / seconds))
