"""Water, weather and fire: bubbles, drops, gusts and crackles.

Bubbles are rising, decaying sinusoids (van den Doel, Physically based models for liquid sounds, 2005); wind and surf are
noise through bands whose levels drift; hail and fire are random clicks through resonances.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family


def _bubbles(
    rng: Generator,
    samples: int,
    rate: int,
    density_hz: float,
    low_hz: float,
    high_hz: float,
    longest_s: float,
    rise: float,
) -> np.ndarray:
    """Random bubbles between two pitches: small ones are higher, shorter and softer."""
    seconds = samples / rate
    count = max(2, rng.poisson(density_hz * seconds))
    frequencies = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), count))
    decays = longest_s * (low_hz / frequencies) ** 0.5 * rng.uniform(0.6, 1.0, count)
    gains = (low_hz / frequencies) ** 0.7 * np.exp(0.7 * rng.standard_normal(count))
    rises = rise * rng.uniform(0, 1, count) * (rng.uniform(size=count) < 0.6)
    return dsp.chirps(samples, rate, rng.uniform(0, seconds, count), frequencies, decays, gains, rises)


def _bands(
    rng: Generator, samples: int, rate: int, centres_hz: np.ndarray, centre_hz: np.ndarray, width: float
) -> np.ndarray:
    """Noise whose centre moves: a crossfade of fixed resonances. centre_hz (samples,); width in octaves."""
    source = dsp.noise(rng, samples)
    where = np.log2(centre_hz).astype(np.float32)
    out = np.zeros(samples, np.float32)
    for centre in centres_hz:
        level = np.exp(-(((where - np.float32(np.log2(centre))) / np.float32(width)) ** 2))
        out += level * dsp.resonate(source, rate, float(centre), float(centre) * 0.35)
    return out


@family(
    "rain",
    words=("heavy rain falling", "rainfall on leaves", "a rain shower"),
    prompts=("a downpour outside", "drops falling on the ground in a storm", "steady wet weather"),
    acoustics="steady dense hiss of innumerable tiny drops",
    group="weather",
)
def rain(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low, high = rng.uniform(500, 1800), rng.uniform(4500, 9000)
    bed = dsp.bandpass(dsp.noise(rng, n, rng.uniform(-3, 0)), rate, low, high, 1)
    bed = bed / (bed.std() + 1e-9)
    patter = dsp.impulses(rng, n, rate, 10 ** rng.uniform(2.2, 3.3), 0.9)
    drops = dsp.resonate(patter, rate, rng.uniform(1500, 3500), rng.uniform(800, 2500))
    drops = drops + dsp.resonate(patter[::-1], rate, rng.uniform(3000, 6500), rng.uniform(1500, 3500))
    drops = drops / (drops.std() + 1e-9)
    swell = np.exp(rng.uniform(0, 0.25) * dsp.drift(rng, n, rate, 0.5))
    audio = (bed + rng.uniform(0.3, 1.5) * drops) * swell
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", float(np.sqrt(low * high))))


@family(
    "wind",
    words=("strong wind blowing", "a howling gale", "gusts of wind"),
    prompts=("a blustery day", "air moaning around a house", "a storm wind over a hill"),
    acoustics="low whooshing noise that swells and sinks slowly",
    group="weather",
)
def wind(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    middle = rng.uniform(200, 800)
    gusts = rng.uniform(0.3, 1.3)
    gust = dsp.drift(rng, n, rate, gusts)
    centre = middle * 2 ** (rng.uniform(0.25, 0.8) * gust)
    howl = _bands(rng, n, rate, middle * 2.0 ** np.array([-0.9, -0.1, 0.7, 1.5]), centre, rng.uniform(0.3, 0.8))
    howl = howl / (howl.std() + 1e-9)
    rumble = dsp.lowpass(dsp.noise(rng, n, -6), rate, rng.uniform(150, 500))
    rumble = rumble / (rumble.std() + 1e-9)
    level = np.exp(rng.uniform(0.3, 0.7) * gust)
    audio = level * (howl + rng.uniform(0.3, 1.2) * rumble)
    if rng.uniform() < 0.35:  # a whistle in a gap
        whistle = dsp.resonate(dsp.noise(rng, n), rate, middle * rng.uniform(2, 3.5), rng.uniform(20, 60))
        audio = audio + rng.uniform(0.1, 0.5) * level**2 * whistle / (whistle.std() + 1e-9)
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", middle))


@family(
    "thunder",
    words=("a thunderstorm", "rumbling thunder", "a thunderclap"),
    prompts=("a lightning strike rolling over the sky", "the rumble of an electric storm", "a distant storm booming"),
    acoustics="a crack followed by a long very low rumble that rolls away",
    group="weather",
)
def thunder(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    start = dsp.onset(rng, seconds, 0.3)
    t = np.maximum(np.arange(n, dtype=np.float32) / rate - start, 0)
    on = (np.arange(n) >= int(start * rate)).astype(np.float32)
    corner = rng.uniform(70, 260)
    decay = rng.uniform(0.8, 3.5)
    rolls = np.exp(rng.uniform(0.4, 0.9) * dsp.drift(rng, n, rate, rng.uniform(3, 9)))
    rumble = dsp.lowpass(dsp.noise(rng, n, -3), rate, corner)
    rumble = rumble / (rumble.std() + 1e-9) * rolls * np.exp(-t / decay) * np.minimum(t / rng.uniform(0.01, 0.3), 1)
    near = rng.uniform(0.05, 1.0)
    body = dsp.bandpass(dsp.noise(rng, n), rate, 150, rng.uniform(800, 2500), 1)
    crack = (
        body
        / (body.std() + 1e-9)
        * np.exp(-t / rng.uniform(0.08, 0.4))
        * np.exp(0.8 * dsp.drift(rng, n, rate, rng.uniform(15, 40)))
    )
    audio = (rumble + near * crack) * on
    return Sound(audio.astype(np.float32), Traits("noisy", "single", corner))


@family(
    "stream",
    words=("a babbling brook", "water flowing over stones", "a small river"),
    prompts=("a creek trickling in a forest", "running water of a brook", "a rivulet over pebbles"),
    acoustics="gurgling irregular watery tones over a soft bright hiss",
    group="water",
)
def stream(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low = rng.uniform(300, 700)
    high = low * rng.uniform(3, 7)
    water = _bubbles(rng, n, rate, rng.uniform(60, 220), low, high, rng.uniform(0.03, 0.07), rng.uniform(0.1, 0.5))
    water = water / (water.std() + 1e-9)
    hiss = dsp.bandpass(dsp.noise(rng, n, -3), rate, rng.uniform(300, 900), rng.uniform(2500, 6000), 1)
    swell = np.exp(0.25 * dsp.drift(rng, n, rate, rng.uniform(1, 4)))
    audio = water + rng.uniform(0.1, 0.7) * swell * hiss / (hiss.std() + 1e-9)
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", float(np.sqrt(low * high))))


@family(
    "ocean waves",
    words=("waves breaking on a beach", "surf", "the sea at the shore"),
    prompts=("a rolling tide on sand", "seaside breakers", "swell crashing against the coast"),
    acoustics="broad noise that slowly swells, breaks and draws back",
    group="water",
)
def ocean_waves(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    waves = rng.uniform(0.18, 0.5)
    t = np.arange(n, dtype=np.float32) / rate
    phase = (waves * t + np.float32(rng.uniform())) % 1.0
    rise = rng.uniform(0.3, 0.55)
    swell = np.where(phase < rise, (phase / rise) ** 2, np.exp(-rng.uniform(2.5, 4) * (phase - rise) / (1 - rise)))
    swell = 0.06 + swell.astype(np.float32)
    noise = dsp.noise(rng, n, -3)
    corner = rng.uniform(350, 900)
    deep = dsp.lowpass(noise, rate, corner)
    foam = dsp.bandpass(noise, rate, corner, rng.uniform(3500, 7500), 1)
    audio = deep / (deep.std() + 1e-9) * swell + rng.uniform(0.4, 1.2) * foam / (foam.std() + 1e-9) * swell**2
    audio = audio * np.exp(0.1 * dsp.drift(rng, n, rate, 6))
    whole = waves * seconds >= 1  # does the clip hold one whole wave?
    traits = Traits("noisy", "repeating", corner, waves) if whole else Traits("noisy", "continuous", corner)
    return Sound(audio.astype(np.float32), traits)


@family(
    "dripping tap",
    words=("a leaking faucet", "water dripping into a sink", "drops falling into water"),
    prompts=("a tap that is not quite closed", "a leak dripping into a bucket", "slow plinking drops in a cave"),
    acoustics="separate short plinking drops with a rising pitch",
    group="water",
)
def dripping_tap(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    drips = rng.uniform(0.9, 5)
    times = dsp.event_times(rng, seconds, drips, rng.uniform(0.0, 0.2))
    if times.size == 0 or times[0] > 0.5 * seconds:
        times = np.concatenate([[rng.uniform(0, 0.4 * seconds)], times])
    pitch = rng.uniform(550, 2400)
    decay = rng.uniform(0.06, 0.25)
    pitches = pitch * np.exp(rng.uniform(0.01, 0.15) * rng.standard_normal(times.size))
    gains = rng.uniform(0.5, 1, times.size)
    audio = dsp.chirps(n, rate, times + 0.012, pitches, np.full(times.size, decay), gains, rng.uniform(0.1, 0.9))
    tick_length = int(0.012 * rate)
    tick = dsp.highpass(dsp.noise(rng, tick_length), rate, 1500) * dsp.envelope(tick_length, rate, 0.0005, 0.01)
    for at, gain in zip(times, gains, strict=True):  # the drop meets the surface just before its bubble closes
        dsp.place(audio, tick, int(at * rate), 0.3 * float(gain))
    echo = int(rng.uniform(0.02, 0.06) * rate)
    if echo < n:
        audio[echo:] += rng.uniform(0.0, 0.35) * audio[:-echo]
    audio += rng.uniform(0.0, 0.01) * dsp.lowpass(dsp.noise(rng, n), rate, 2000)
    if times.size == 1:
        return Sound(audio, Traits("tonal", "single", pitch))
    return Sound(audio, Traits("tonal", "repeating", pitch, drips))


@family(
    "crackling fire",
    words=("a campfire", "fire burning in a fireplace", "logs burning"),
    prompts=("flames crackling in the hearth", "a bonfire at night", "burning wood that pops"),
    acoustics="random sharp crackles and pops over a soft low roar",
    group="weather",
)
def crackling_fire(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    density = rng.uniform(9, 45)
    pitch = rng.uniform(1200, 4200)
    audio = np.zeros(n, np.float32)
    for spread in (0.6, 1.0, 1.7):
        clicks = dsp.impulses(rng, n, rate, density / 3, 1.1)
        centre = pitch * spread
        audio += dsp.resonate(clicks, rate, centre, centre * rng.uniform(0.2, 0.7))
    audio = audio / (np.abs(audio).max() + 1e-9)
    pops = dsp.resonate(dsp.impulses(rng, n, rate, rng.uniform(1, 4), 0.6), rate, rng.uniform(300, 900), 250)
    audio = audio + rng.uniform(0.2, 0.8) * pops / (np.abs(pops).max() + 1e-9)
    roar = dsp.lowpass(dsp.noise(rng, n, -3), rate, rng.uniform(200, 600))
    roar = roar / (roar.std() + 1e-9) * np.exp(0.3 * dsp.drift(rng, n, rate, 3))
    hiss = dsp.highpass(dsp.noise(rng, n), rate, 2500)
    audio = audio + rng.uniform(0.015, 0.08) * roar + rng.uniform(0.0, 0.02) * hiss
    return Sound(audio.astype(np.float32), Traits("clicking", "continuous", pitch))


@family(
    "boiling water",
    words=("a pot of bubbling water", "water boiling on the stove", "bubbling liquid"),
    prompts=("a saucepan at a rolling boil", "a cauldron bubbling", "water about to boil over"),
    acoustics="dense low bubbling pops with a faint simmering noise",
    group="water",
)
def boiling_water(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low = rng.uniform(90, 220)
    high = low * rng.uniform(3, 5)
    water = _bubbles(rng, n, rate, rng.uniform(18, 80), low, high, rng.uniform(0.08, 0.16), rng.uniform(0.5, 1.4))
    water = water / (water.std() + 1e-9)
    simmer = dsp.lowpass(dsp.noise(rng, n, -3), rate, rng.uniform(500, 1500))
    audio = water + rng.uniform(0.1, 0.4) * simmer / (simmer.std() + 1e-9)
    return Sound(audio.astype(np.float32), Traits("noisy", "continuous", float(np.sqrt(low * high))))


@family(
    "hail on a roof",
    words=("hailstones on a tin roof", "a hailstorm", "ice pellets hitting metal"),
    prompts=("hail hammering on sheet metal", "frozen pellets rattling on a shed", "a storm of hail overhead"),
    acoustics="dense hard metallic rattling of many small knocks",
    group="weather",
)
def hail_on_a_roof(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    density = rng.uniform(35, 160)
    base = rng.uniform(250, 900)
    ratios = np.cumsum(rng.uniform(0.4, 1.3, 5)) + 0.5
    damping = rng.uniform(0.02, 0.06)
    audio = np.zeros(n, np.float32)
    for ratio in ratios:
        stones = dsp.impulses(rng, n, rate, density / 2, 0.8)
        audio += dsp.resonate(stones, rate, base * ratio, base * ratio * damping) * rng.uniform(0.4, 1)
    audio = audio / (audio.std() + 1e-9)
    knocks = dsp.highpass(dsp.impulses(rng, n, rate, density, 0.8), rate, rng.uniform(1500, 3000))
    audio = audio + rng.uniform(0.2, 0.8) * knocks / (knocks.std() + 1e-9)
    bed = dsp.bandpass(dsp.noise(rng, n), rate, 600, 5000, 1)
    audio = audio + rng.uniform(0.02, 0.2) * bed / (bed.std() + 1e-9)
    return Sound(audio.astype(np.float32), Traits("clicking", "continuous", float(base * np.median(ratios))))
