"""Animals: calls by a source-filter voice, songs by gliding tones, insects by wings and combs."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp, voice
from .registry import Sound, Traits, family


@family(
    "dog barking",
    words=("a dog", "barking", "a barking dog"),
    prompts=("a hound giving tongue", "woof of a guard animal", "a puppy yapping"),
    acoustics="short harsh mid-pitched barks, repeated",
    group="animal",
)
def dog_barking(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace, size = rng.uniform(190, 620), rng.uniform(1.2, 3.4), rng.uniform(0.75, 1.3)

    def bark() -> np.ndarray:
        p = pitch * rng.uniform(0.92, 1.08)
        tracks = [
            [500 / size, 950 / size, 600 / size],
            [1300 / size, 1700 / size, 1400 / size],
            [2600 / size, 2900 / size],
        ]
        return voice.call(rng, rate, rng.uniform(0.11, 0.22), [(0, 0.7 * p), (0.3, 1.25 * p), (1, 0.6 * p)], tracks,
                          breath=0.5, tilt=0.7, roughness=0.9, attack=0.12, release=0.6)  # fmt: skip

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.2, bark), Traits("vocal", "repeating", pitch, pace))


@family(
    "cat meowing",
    words=("a cat", "a meowing cat", "a cat's meow"),
    prompts=("a kitten calling for food", "the miaow of a feline", "a hungry pet cat"),
    acoustics="whining high calls that rise and fall",
    group="animal",
)
def cat_meowing(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace = rng.uniform(420, 820), rng.uniform(0.6, 1.2)

    def meow() -> np.ndarray:
        p = pitch * rng.uniform(0.92, 1.08)
        tracks = [[600, 1200, 1000, 500], [2200, 2000, 1500, 1000], [3400, 3300, 3000]]
        return voice.call(rng, rate, rng.uniform(0.5, 0.95), [(0, 0.85 * p), (0.35, 1.25 * p), (1, 0.75 * p)], tracks,
                          breath=0.08, tilt=0.9, roughness=0.08, attack=0.2, release=0.35)  # fmt: skip

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.15, meow), Traits("vocal", "repeating", pitch, pace))


@family(
    "cow mooing",
    words=("a cow", "a mooing cow", "cattle lowing"),
    prompts=("a bull calling in the pasture", "the moo of farm cattle", "a heifer in the barn"),
    acoustics="long low drawn-out call",
    group="animal",
)
def cow_mooing(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch = rng.uniform(85, 165)
    x = np.zeros(int(rate * seconds), np.float32)
    tracks = [[280, 420, 380], [650, 900, 750], [2000, 2200]]
    length = rng.uniform(1.0, 1.9)
    moo = voice.call(rng, rate, length, [(0, 0.8 * pitch), (0.3, pitch), (0.8, 1.1 * pitch), (1, 0.8 * pitch)], tracks,
                     breath=0.06, tilt=0.8, roughness=rng.uniform(0.05, 0.2), attack=0.2, release=0.25)  # fmt: skip
    dsp.place(x, moo, int(dsp.onset(rng, seconds, 0.3) * rate))
    return Sound(x, Traits("vocal", "single", pitch))


@family(
    "sheep bleating",
    words=("a sheep", "a bleating sheep", "a lamb"),
    prompts=("a flock animal going baa", "a ewe calling", "a goat-like farm animal"),
    acoustics="trembling mid-pitched nasal calls",
    group="animal",
)
def sheep_bleating(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace = rng.uniform(210, 420), rng.uniform(0.7, 1.3)

    def baa() -> np.ndarray:
        length, shake = rng.uniform(0.5, 0.9), rng.uniform(7, 13)
        points = [(u, pitch * (1 + 0.1 * np.sin(2 * np.pi * shake * u * length))) for u in np.linspace(0, 1, 80)]
        x = voice.call(rng, rate, length, points, [[700, 850, 750], [1500, 1700], [2600, 2700]],
                       breath=0.12, tilt=0.55, roughness=0.15, attack=0.1, release=0.25)  # fmt: skip
        return x * (0.7 + 0.3 * np.sin(dsp.glide(x.size, rate, shake))).astype(np.float32)

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.15, baa), Traits("vocal", "repeating", pitch, pace))


@family(
    "rooster crowing",
    words=("a rooster", "a cockerel crowing", "cock-a-doodle-doo"),
    prompts=("a cock at dawn", "the farmyard bird that wakes people", "a crowing cockerel"),
    acoustics="loud piercing call in four rising steps, the last one long",
    group="animal",
)
def rooster_crowing(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pitch, at = rng.uniform(480, 800), dsp.onset(rng, seconds, 0.2)
    for share, length in ((0.8, 0.16), (1.0, 0.14), (1.15, 0.2), (1.3, rng.uniform(0.5, 0.9))):
        p = pitch * share
        note = voice.call(rng, rate, length, [(0, 0.85 * p), (0.2, 1.1 * p), (0.7, p), (1, 0.7 * p)],
                          [[1000, 1300, 1100], [2100, 2500], [3400]], breath=0.15, tilt=0.5, roughness=0.25,
                          attack=0.1, release=0.3)  # fmt: skip
        dsp.place(x, note, int(at * rate), rng.uniform(0.8, 1.0))
        at += length + rng.uniform(0.01, 0.06)
    return Sound(x, Traits("vocal", "single", pitch * 1.2))


@family(
    "crow cawing",
    words=("a crow", "a cawing crow", "a raven calling"),
    prompts=("a black bird croaking from a tree", "corvids over the field", "a rook's call"),
    acoustics="rough hoarse mid-pitched caws, repeated slowly",
    group="animal",
)
def crow_cawing(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace = rng.uniform(280, 480), rng.uniform(1.0, 2.2)

    def caw() -> np.ndarray:
        return voice.call(rng, rate, rng.uniform(0.22, 0.42), [(0, 0.9 * pitch), (0.4, 1.1 * pitch), (1, 0.8 * pitch)],
                          [[1100, 1400, 1200], [1900, 2100], [3000]], breath=0.9, tilt=0.4, roughness=1.3,
                          attack=0.08, release=0.35)  # fmt: skip

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.12, caw), Traits("vocal", "repeating", pitch, pace))


@family(
    "owl hooting",
    words=("an owl", "a hooting owl", "an owl at night"),
    prompts=("a nocturnal bird of prey calling", "hoo-hoo from the forest", "a tawny bird in the dark"),
    acoustics="soft low rounded calls, slow",
    group="animal",
)
def owl_hooting(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pitch, at, calls = rng.uniform(280, 480), rng.uniform(0.02, 0.2) * seconds, 0
    while at < seconds - 0.15:
        length = rng.uniform(0.2, 0.6)
        n = int(length * rate)
        hz = pitch * voice.curve(n, [(0, 0.93), (0.3, 1.03), (1, 0.94)])
        phase = dsp.glide(n, rate, hz * (1 + 0.01 * np.sin(dsp.glide(n, rate, rng.uniform(5, 8)))))
        hoot = np.sin(phase) + 0.12 * np.sin(2 * phase) + 0.02 * dsp.noise(rng, n, -3)
        u = np.linspace(0, 1, n)
        dsp.place(
            x, (hoot * np.clip(u / 0.25, 0, 1) * np.clip((1 - u) / 0.35, 0, 1)).astype(np.float32), int(at * rate)
        )
        at += length + rng.uniform(0.15, 0.7)
        calls += 1
    return Sound(x, Traits("tonal", "repeating", pitch, calls / seconds))


@family(
    "songbird",
    words=("a bird singing", "birdsong", "chirping birds"),
    prompts=("a robin in the garden", "a warbler's melody", "the dawn chorus"),
    acoustics="high fast whistled notes that sweep and trill",
    group="animal",
)
def songbird(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    base, at, notes = rng.uniform(2400, 4500), rng.uniform(0, 0.3), 0
    while at < seconds:
        shape, f0 = rng.integers(4), base * rng.uniform(0.75, 1.3)
        for _ in range(rng.integers(1, 7)):
            n = int(rng.uniform(0.035, 0.12) * rate)
            u = np.linspace(0, 1, n)
            bend = (u - 0.5, 0.5 - u, np.sin(np.pi * u), 0.5 * np.sin(2 * np.pi * u * 3))[shape]
            hz = np.minimum(f0 * np.exp(rng.uniform(0.15, 0.5) * bend), 0.45 * rate)
            note = np.sin(dsp.glide(n, rate, hz)) * np.sin(np.pi * u) ** 0.7
            dsp.place(x, note.astype(np.float32), int(at * rate), rng.uniform(0.6, 1.0))
            at += n / rate + rng.uniform(0.01, 0.06)
            notes += 1
        at += rng.uniform(0.1, 0.5)
    return Sound(x, Traits("tonal", "repeating", base, notes / seconds))


@family(
    "frog croaking",
    words=("a frog", "croaking frogs", "a toad"),
    prompts=("amphibians at the pond", "a bullfrog by the water", "ribbit from the marsh"),
    acoustics="low pulsed rattling croaks, repeated",
    group="animal",
)
def frog_croaking(rng: Generator, rate: int, seconds: float) -> Sound:
    pace, pulse, body = rng.uniform(1.0, 2.8), rng.uniform(35, 80), rng.uniform(350, 1000)

    def croak() -> np.ndarray:
        n = int(rng.uniform(0.15, 0.4) * rate)
        u = np.linspace(0, 1, n)
        pulses = np.maximum(0, np.sin(dsp.glide(n, rate, pulse * (0.85 + 0.4 * u)))) ** 8
        tone = np.sin(dsp.glide(n, rate, body)) + 0.6 * np.sin(dsp.glide(n, rate, body * 1.9)) + 0.1 * dsp.noise(rng, n)
        return (pulses * tone * np.sin(np.pi * u) ** 0.5).astype(np.float32)

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.12, croak), Traits("buzzing", "repeating", body, pace))


@family(
    "crickets",
    words=("a cricket", "chirping crickets", "insects at night"),
    prompts=("grasshoppers on a summer evening", "field insects rubbing their wings", "a stridulating insect"),
    acoustics="very high thin chirps in steady rapid trills",
    group="animal",
)
def crickets(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    x = np.zeros(n, np.float32)
    carrier, pace = rng.uniform(3800, 6500), rng.uniform(1.5, 4.5)
    for _ in range(rng.integers(1, 4)):
        tone = np.sin(dsp.glide(n, rate, carrier * rng.uniform(0.93, 1.07)))
        pulses = np.maximum(0, np.sin(dsp.glide(n, rate, rng.uniform(22, 45)))) ** 2
        starts = dsp.event_times(rng, seconds, pace * rng.uniform(0.9, 1.1), 0.03)
        x += (tone * pulses * dsp.gate(n, rate, starts, 0.55 / pace, 0.01) * rng.uniform(0.3, 1.0)).astype(np.float32)
    return Sound(x, Traits("tonal", "repeating", carrier, pace))


@family(
    "bee buzzing",
    words=("a bee", "buzzing bees", "a wasp flying around"),
    prompts=("a bumblebee at a flower", "a hive insect on the wing", "a hornet in the room"),
    acoustics="low-mid steady buzz that swells and fades",
    group="animal",
)
def bee_buzzing(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    pitch = rng.uniform(150, 290)
    hz = pitch * np.exp(0.06 * dsp.drift(rng, n, rate, 2.5))
    gains = np.arange(1, 25) ** -rng.uniform(0.6, 1.0) * rng.uniform(0.5, 1.0, 24)
    x = dsp.harmonics(dsp.glide(n, rate, hz), rate, pitch * 1.3, gains)
    swell = np.exp(0.8 * dsp.drift(rng, n, rate, rng.uniform(0.4, 1.2)))
    return Sound((x * swell).astype(np.float32), Traits("buzzing", "continuous", pitch))


@family(
    "mosquito",
    words=("a mosquito flying", "a gnat", "a mosquito near the ear"),
    prompts=("a midge whining in the dark", "a blood-sucking insect around the bed", "a tiny fly by the ear"),
    acoustics="thin high steady buzz that swells and fades",
    group="animal",
)
def mosquito(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    pitch = rng.uniform(420, 780)
    hz = pitch * np.exp(0.04 * dsp.drift(rng, n, rate, 2.0))
    gains = np.arange(1, 13) ** -rng.uniform(0.5, 0.9) * rng.uniform(0.5, 1.0, 12)
    x = dsp.harmonics(dsp.glide(n, rate, hz), rate, pitch * 1.2, gains)
    swell = np.exp(1.0 * dsp.drift(rng, n, rate, rng.uniform(0.5, 1.5)))
    return Sound((x * swell).astype(np.float32), Traits("buzzing", "continuous", pitch))


@family(
    "horse galloping",
    words=("a horse", "horse hooves", "a galloping horse"),
    prompts=("hoofbeats on the track", "a rider at full speed", "clip-clop of a trotting animal"),
    acoustics="hollow rhythmic clops in groups of three",
    group="animal",
)
def horse_galloping(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    stride, body = rng.uniform(1.6, 2.6), rng.uniform(320, 620)
    offsets = (0.0, 0.2, 0.4) if rng.uniform() < 0.7 else (0.0, 0.5)
    f = body * np.array([1.0, 1.9, 3.1])
    for at in dsp.event_times(rng, seconds, stride, 0.03):
        for k, share in enumerate(offsets):
            clop = dsp.modes(rate // 12, rate, f * rng.uniform(0.92, 1.08), np.array([0.06, 0.04, 0.03]),
                             np.array([1, 0.6, 0.3]), np.zeros(3))  # fmt: skip
            dsp.place(x, clop, int((at + share / stride) * rate), rng.uniform(0.7, 1.0) * (1.0 - 0.15 * k))
    return Sound(x, Traits("clicking", "repeating", body, stride * len(offsets)))


@family(
    "wolf howling",
    words=("a wolf", "a howling wolf", "wolves at night"),
    prompts=("a wild canine calling to the moon", "a pack in the wilderness", "a coyote's long cry"),
    acoustics="long mournful tone that rises, holds and sinks",
    group="animal",
)
def wolf_howling(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    pitch = rng.uniform(300, 620)
    for k in range(rng.integers(1, 3)):
        p = pitch * rng.uniform(0.9, 1.2)
        howl = voice.call(rng, rate, rng.uniform(1.4, 2.3), [(0, 0.6 * p), (0.2, p), (0.7, 1.04 * p), (1, 0.7 * p)],
                          [[p, 1.1 * p, p], [900, 1000], [2000]], breath=0.04, tilt=1.7, roughness=0.02,
                          attack=0.25, release=0.35)  # fmt: skip
        dsp.place(x, howl, int((dsp.onset(rng, seconds, 0.2) + 0.3 * k) * rate), 0.7**k)
    return Sound(x, Traits("tonal", "single", pitch))


@family(
    "duck quacking",
    words=("a duck", "quacking ducks", "a duck's quack"),
    prompts=("mallards on the lake", "waterfowl at the park", "a drake by the pond"),
    acoustics="nasal flat quacks in quick rows",
    group="animal",
)
def duck_quacking(rng: Generator, rate: int, seconds: float) -> Sound:
    pitch, pace = rng.uniform(210, 340), rng.uniform(2.2, 4.5)

    def quack() -> np.ndarray:
        return voice.call(rng, rate, rng.uniform(0.12, 0.22), [(0, 1.1 * pitch), (1, 0.85 * pitch)],
                          [[900, 1000], [1300, 1500], [2700]], breath=0.15, tilt=0.25, roughness=0.5,
                          attack=0.05, release=0.3)  # fmt: skip

    return Sound(voice.repeated(rng, rate, seconds, pace, 0.1, quack), Traits("vocal", "repeating", pitch, pace))
