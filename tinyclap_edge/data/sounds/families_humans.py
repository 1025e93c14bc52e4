"""People: babble, cries, laughter and the noises of a body."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp, voice
from .registry import Sound, Traits, family

# Peterson and Barney's average formants of ten vowels (men, Hz); other speakers scale them.
VOWELS_HZ = np.array(
    [[270, 2290, 3010], [390, 1990, 2550], [530, 1840, 2480], [660, 1720, 2410], [730, 1090, 2440],
     [570, 840, 2410], [440, 1020, 2240], [300, 870, 2240], [640, 1190, 2390], [490, 1350, 1690]], float
)  # fmt: skip


@family(
    "speech",
    words=("a person talking", "someone speaking", "a human voice"),
    prompts=("a conversation", "a man or woman telling something", "spoken words"),
    acoustics="flowing mid-pitched syllables with hisses between",
    group="human",
)
def speech(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    pitch, size, syllables = rng.uniform(85, 260), rng.uniform(0.95, 1.25), rng.uniform(3.0, 6.0)
    x = np.zeros(n, np.float32)
    steps = int(seconds * syllables) + 2
    vowels = VOWELS_HZ[rng.integers(0, 10, steps)] * size
    glides = np.repeat(vowels, 2, axis=0).T  # each vowel is held, then moves to the next
    contour = pitch * np.exp(0.12 * dsp.drift(rng, n, rate, 2.0) - 0.1 * np.linspace(0, 1, n))
    source = dsp.harmonics(dsp.glide(n, rate, contour), rate, pitch * 1.4, np.arange(1, 41) ** -1.0)
    voiced = voice.formant_filter(source + 0.02 * dsp.noise(rng, n), rate, glides, np.array([80.0, 120.0, 180.0]))
    starts = dsp.event_times(rng, seconds, syllables, 0.15)
    rhythm = np.zeros(n, np.float32)
    for at in starts:
        if rng.uniform() < 0.12:
            continue  # a pause between words
        length = int(rng.uniform(0.6, 0.95) / syllables * rate)
        dsp.place(rhythm, np.hanning(length).astype(np.float32) ** 0.5, int(at * rate), rng.uniform(0.5, 1.0))
    x += voiced / (voiced.std() + 1e-9) * rhythm
    hiss = dsp.bandpass(dsp.noise(rng, n), rate, 3000, 7500)
    for at in starts:
        if rng.uniform() < 0.35:
            begin, length = int(at * rate), int(rng.uniform(0.04, 0.11) * rate)
            piece = hiss[:length] * np.hanning(length)
            dsp.place(x, piece.astype(np.float32), begin - length // 2, rng.uniform(0.3, 0.9))
    if not x.any():  # a short clip of pauses alone: say its first syllable
        length = int(0.8 / syllables * rate)
        dsp.place(rhythm, np.hanning(length).astype(np.float32) ** 0.5, int(starts[0] * rate))
        x = (voiced / (voiced.std() + 1e-9) * rhythm).astype(np.float32)
    return Sound(x, Traits("vocal", "repeating", pitch, syllables))


@family(
    "baby crying",
    words=("a crying baby", "an infant crying", "a baby"),
    prompts=("a newborn wailing", "a toddler in tears", "a hungry infant screaming"),
    acoustics="loud high wavering wails, one breath after another",
    group="human",
)
def baby_crying(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace = rng.uniform(350, 600), rng.uniform(0.8, 1.4)

    def wail() -> np.ndarray:
        p = pitch * rng.uniform(0.95, 1.1)
        return voice.call(rng, rate, rng.uniform(0.5, 0.85), [(0, 0.8 * p), (0.2, 1.15 * p), (0.7, 1.05 * p), (1, 0.75 * p)],
                          [[1100, 1300, 1100], [2600, 2900], [4200]], breath=0.12, tilt=0.5, roughness=0.25,
                          attack=0.12, release=0.25)  # fmt: skip

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.1, wail), Traits("vocal", "repeating", pitch, pace))


@family(
    "laughter",
    words=("laughing", "a person laughing", "people laughing"),
    prompts=("someone giggling at a joke", "ha ha ha", "a chuckle among friends"),
    acoustics="a row of quick breathy voiced bursts, falling in pitch",
    group="human",
)
def laughter(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pitch, pace = rng.uniform(150, 420), rng.uniform(4.0, 6.5)
    at = rng.uniform(0.02, 0.15) * seconds
    while at < seconds:
        fall = 1.15
        for _ in range(rng.integers(4, 9)):
            p = pitch * fall
            ha = voice.call(rng, rate, 0.62 / pace, [(0, 1.08 * p), (1, 0.92 * p)], [[700, 800], [1250, 1300], [2500]],
                            breath=0.7, tilt=0.8, roughness=0.15, attack=0.25, release=0.5)  # fmt: skip
            dsp.place(x, ha, int(at * rate), rng.uniform(0.6, 1.0))
            at += rng.uniform(0.9, 1.1) / pace
            fall *= 0.96
        at += rng.uniform(0.2, 0.7)
    return Sound(x, Traits("vocal", "repeating", pitch, pace))


@family(
    "coughing",
    words=("a cough", "someone coughing", "a person with a cough"),
    prompts=("a sick patient clearing the lungs", "hacking from a sore throat", "a smoker's chest noise"),
    acoustics="short explosive noisy bursts, in twos and threes",
    group="human",
)
def coughing(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pitch, pace = rng.uniform(110, 280), rng.uniform(2.2, 3.6)
    at = rng.uniform(0.02, 0.2) * seconds
    while at < seconds:
        for _ in range(rng.integers(1, 4)):
            blast = voice.call(rng, rate, rng.uniform(0.16, 0.28), [(0, 1.2 * pitch), (1, 0.8 * pitch)],
                               [[650, 550], [1500, 1300], [2700]], breath=2.5, tilt=0.6, roughness=0.6,
                               attack=0.03, release=0.75)  # fmt: skip
            dsp.place(x, blast, int(at * rate), rng.uniform(0.7, 1.0))
            at += rng.uniform(0.85, 1.2) / pace
        at += rng.uniform(0.4, 1.0)
    return Sound(x, Traits("vocal", "repeating", 900.0, pace))


@family(
    "snoring",
    words=("a snore", "someone snoring", "a sleeper snoring"),
    prompts=("a person fast asleep and loud", "sawing logs in bed", "noisy breathing at night"),
    acoustics="slow low rattling breaths",
    group="human",
)
def snoring(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    flutter, pace = rng.uniform(26, 60), rng.uniform(0.35, 0.7)
    pulses = np.maximum(0, np.sin(dsp.glide(n, rate, flutter * np.exp(0.08 * dsp.drift(rng, n, rate, 4.0))))) ** 6
    grunt = pulses * (0.6 + 0.4 * dsp.noise(rng, n))
    x = sum(dsp.resonate(grunt.astype(np.float32), rate, f * rng.uniform(0.85, 1.2), 0.35 * f) for f in (180, 420, 950))
    breath = dsp.bandpass(dsp.noise(rng, n), rate, 400, 2500)
    phase = dsp.glide(n, rate, pace) + rng.uniform(0.5, 2.5)
    inward, outward = np.maximum(0, np.sin(phase)) ** 0.7, np.maximum(0, -np.sin(phase)) ** 1.5
    out = x / (np.std(x) + 1e-9) * inward + rng.uniform(0.05, 0.25) * breath * outward
    return Sound(out.astype(np.float32), Traits("buzzing", "repeating", 200.0, pace))


@family(
    "whistling",
    words=("a person whistling", "whistling a tune", "a whistle with the lips"),
    prompts=("a cheerful melody blown through the lips", "somebody calling by a whistle", "a tune without words"),
    acoustics="pure gliding high tones in a melody",
    group="human",
)
def whistling(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    base, notes_hz = rng.uniform(800, 1600), rng.uniform(2.0, 4.5)
    starts = dsp.event_times(rng, seconds, notes_hz, 0.2)
    scale = np.array([0, 2, 4, 5, 7, 9, 12])
    pitches = base * 2.0 ** (rng.choice(scale, starts.size + 1) / 12)
    hz = (
        np.interp(np.arange(n) / rate, np.repeat(np.append(starts, seconds), 2)[1:-1], np.repeat(pitches[:-1], 2))
        if starts.size > 1
        else np.full(n, base)
    )
    hz = hz * (1 + 0.012 * np.sin(dsp.glide(n, rate, rng.uniform(4.5, 7))))
    tone = np.sin(dsp.glide(n, rate, hz))
    air = dsp.bandpass(dsp.noise(rng, n), rate, base * 0.8, base * 2.5)
    x = (tone + rng.uniform(0.02, 0.08) * air) * np.clip(
        dsp.gate(n, rate, starts, 0.85 / notes_hz * 0.7, 0.03) + 0.05, 0, 1
    )
    return Sound(x.astype(np.float32), Traits("tonal", "repeating", base * 1.3, notes_hz))


@family(
    "heartbeat",
    words=("a beating heart", "a heart beating", "heart sounds"),
    prompts=("the pulse through a stethoscope", "lub-dub in the chest", "cardiac thumps"),
    acoustics="very low soft double thumps, regular",
    group="human",
)
def heartbeat(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pace, low = rng.uniform(0.9, 2.2), rng.uniform(45, 85)
    for at in dsp.event_times(rng, seconds, pace, 0.03):
        for offset, pitch, gain in ((0.0, 1.0, 1.0), (0.33 / pace, 1.35, 0.7)):
            f = low * pitch * np.array([1.0, 1.7, 2.6])
            thump = dsp.modes(rate // 5, rate, f, np.array([0.14, 0.1, 0.06]), np.array([1, 0.5, 0.25]), np.zeros(3))
            dsp.place(x, thump, int((at + offset) * rate), gain * rng.uniform(0.9, 1.1))
    return Sound(x, Traits("clicking", "repeating", low, 2 * pace))
