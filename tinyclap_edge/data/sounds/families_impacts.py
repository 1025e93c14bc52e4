"""Impacts and friction: struck bodies as decaying modes, scraping as trains of grains."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family


def _strike(
    rng: Generator, rate: int, lowest: float, highest: float, count: int, decay_s: float, bright: float
) -> np.ndarray:
    """A struck body: `count` modes between two frequencies; higher ones die faster. bright is the fall of gain a mode."""
    f = np.sort(np.exp(rng.uniform(np.log(lowest), np.log(highest), count)))
    decays = decay_s * rng.uniform(0.6, 1.4, count) * (f[0] / f) ** 0.5
    gains = bright ** np.arange(count) * rng.uniform(0.4, 1.0, count)
    return dsp.modes(int(rate * min(decay_s * 1.5, 2.0)) + 16, rate, f, decays, gains, rng.uniform(0, 6.28, count))


def _burst(rng: Generator, rate: int, low: float, high: float, attack_s: float, release_s: float) -> np.ndarray:
    """A puff of band-limited noise."""
    n = int(rate * (attack_s + release_s)) + 16
    x = dsp.bandpass(dsp.noise(rng, n), rate, low, high) * dsp.envelope(n, rate, attack_s, release_s)
    return x / (np.abs(x).max() + 1e-9)


@family(
    "footsteps",
    words=("someone walking", "steps on the floor", "walking footsteps"),
    prompts=("a person pacing down a corridor", "shoes on a hard floor", "the tread of a walker"),
    acoustics="soft low thuds at walking pace, each with a short scrape",
    group="impact",
)
def footsteps(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    pace, hardness = rng.uniform(1.4, 2.6), rng.uniform(0, 1)
    x = np.zeros(n, np.float32)
    for i, at in enumerate(dsp.event_times(rng, seconds, pace, 0.05)):
        heel = _strike(rng, rate, 70 + 60 * hardness, 350 + 900 * hardness, 5, 0.09, 0.75)
        scrape = _burst(rng, rate, 500, 2500 + 3000 * hardness, 0.015, 0.1)
        level = rng.uniform(0.8, 1.1) * (1.0 if i % 2 else 0.85)
        dsp.place(x, heel / np.abs(heel).max(), int(at * rate), level)
        dsp.place(x, scrape, int((at + rng.uniform(0.05, 0.09)) * rate), level * rng.uniform(0.15, 0.4))
    return Sound(x, Traits("clicking", "repeating", 200.0, pace))


@family(
    "knocking on a door",
    words=("a knock at the door", "knocking", "someone knocks"),
    prompts=("a visitor rapping on wood", "knuckles against an entrance", "tapping on the front door"),
    acoustics="a few dull woody taps in quick succession",
    group="impact",
)
def knocking(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    rate_hz, low = rng.uniform(3.0, 6.5), rng.uniform(110, 220)
    at = rng.uniform(0.02, 0.25) * seconds
    while at < seconds:
        for _ in range(rng.integers(2, 6)):
            hit = _strike(rng, rate, low, low * 6, 6, rng.uniform(0.07, 0.13), 0.7)
            dsp.place(x, hit / np.abs(hit).max(), int(at * rate), rng.uniform(0.7, 1.0))
            at += rng.uniform(0.9, 1.1) / rate_hz
        at += rng.uniform(0.5, 1.2)
    return Sound(x, Traits("clicking", "repeating", 1.5 * low, rate_hz))


@family(
    "hammering",
    words=("a hammer hitting a nail", "hammer blows", "nailing boards"),
    prompts=("a carpenter driving nails", "pounding with a hammer", "a blacksmith at the anvil"),
    acoustics="hard bright metallic blows, steady and slow",
    group="impact",
)
def hammering(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    rate_hz, ring = rng.uniform(1.5, 4.0), rng.uniform(700, 1600)
    f = ring * np.array([1.0, 2.1, 3.3, 4.9])
    for at in dsp.event_times(rng, seconds, rate_hz, 0.06):
        metal = dsp.modes(rate // 3, rate, f, rng.uniform(0.08, 0.25, 4), rng.uniform(0.3, 1, 4), rng.uniform(0, 6, 4))
        wood = _strike(rng, rate, 150, 700, 5, 0.08, 0.75)
        dsp.place(x, metal / np.abs(metal).max(), int(at * rate), rng.uniform(0.5, 0.9))
        dsp.place(x, wood / np.abs(wood).max(), int(at * rate), rng.uniform(0.6, 1.0))
    return Sound(x, Traits("clicking", "repeating", ring, rate_hz))


@family(
    "glass breaking",
    words=("shattering glass", "a window smashing", "broken glass"),
    prompts=("a bottle bursting on the ground", "a pane going to pieces", "someone smashed a tumbler"),
    acoustics="a sharp crash followed by many high tinkling fragments",
    group="impact",
)
def glass_breaking(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    start = dsp.onset(rng, seconds)
    crash = _burst(rng, rate, 1500, 7500, 0.002, rng.uniform(0.15, 0.35))
    dsp.place(x, crash, int(start * rate), 1.0)
    dsp.place(x, _burst(rng, rate, 120, 500, 0.002, 0.08), int(start * rate), rng.uniform(0.2, 0.7))
    spread = rng.uniform(0.25, 0.6)
    for _ in range(rng.integers(20, 45)):
        at = start + rng.exponential(spread)
        if at < seconds:
            shard = _strike(rng, rate, 2200, 7600, 3, rng.uniform(0.05, 0.25), 0.8)
            dsp.place(x, shard / (np.abs(shard).max() + 1e-9), int(at * rate), rng.uniform(0.05, 0.45))
    return Sound(x, Traits("clicking", "single", 4500.0))


@family(
    "door slamming",
    words=("a door slams shut", "slamming a door", "a door banged shut"),
    prompts=("someone left angrily and shut the entrance hard", "a heavy door thrown closed", "a gate banging shut"),
    acoustics="one heavy low bang with a rattle",
    group="impact",
)
def door_slamming(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    start = dsp.onset(rng, seconds)
    thud = _strike(rng, rate, rng.uniform(45, 80), 420, 8, rng.uniform(0.25, 0.6), 0.85)
    dsp.place(x, thud / np.abs(thud).max(), int(start * rate), 1.0)
    dsp.place(x, _burst(rng, rate, 150, 3000, 0.001, rng.uniform(0.08, 0.2)), int(start * rate), rng.uniform(0.5, 0.9))
    for i in range(rng.integers(1, 5)):
        latch = _strike(rng, rate, 900, 3500, 4, 0.05, 0.8)
        dsp.place(
            x, latch / np.abs(latch).max(), int((start + 0.02 + 0.05 * i + rng.uniform(0, 0.03)) * rate), 0.3 * 0.6**i
        )
    return Sound(x, Traits("noisy", "single", 120.0))


@family(
    "hand clapping",
    words=("applause", "people clapping", "clapping hands"),
    prompts=("an audience showing its approval", "palms struck together", "a crowd applauding"),
    acoustics="dry bright snaps, many in quick succession",
    group="impact",
)
def hand_clapping(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    people, pace = int(rng.choice([1, 2, 4, 10, 25])), rng.uniform(2.5, 5.0)
    x = np.zeros(n, np.float32)
    for _ in range(people):
        centre = rng.uniform(900, 2400)
        clap = _burst(rng, rate, centre * 0.7, centre * 1.5, 0.0015, rng.uniform(0.03, 0.07))
        for at in dsp.event_times(rng, seconds, pace * rng.uniform(0.85, 1.15), 0.08):
            dsp.place(x, clap, int(at * rate), rng.uniform(0.5, 1.0))
    return Sound(x, Traits("noisy", "repeating", 1500.0, pace * min(people, 4)))


@family(
    "coins dropping",
    words=("coins falling", "dropping coins on a table", "jingling coins"),
    prompts=("loose change hitting the counter", "money spilled on the floor", "pocket change tumbling"),
    acoustics="high ringing clinks that bounce faster and faster",
    group="impact",
)
def coins_dropping(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    for _ in range(rng.integers(2, 6)):
        f = rng.uniform(2600, 4400) * np.array([1.0, 1.42, 1.86])
        at, gap, level = dsp.onset(rng, seconds, 0.6), rng.uniform(0.15, 0.3), rng.uniform(0.6, 1.0)
        while gap > 0.015 and at < seconds:
            clink = dsp.modes(
                rate // 3, rate, f, rng.uniform(0.15, 0.5, 3), rng.uniform(0.3, 1, 3), rng.uniform(0, 6, 3)
            )
            dsp.place(x, clink, int(at * rate), level)
            at, gap, level = at + gap, gap * rng.uniform(0.68, 0.82), level * 0.82
    return Sound(x, Traits("clicking", "repeating", 3500.0, 8.0))


@family(
    "keyboard typing",
    words=("typing on a keyboard", "computer keys", "someone typing"),
    prompts=("a programmer at the computer", "fingers on a laptop", "keys pressed by a typist"),
    acoustics="light irregular plastic clicks, fast",
    group="impact",
)
def keyboard_typing(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    rate_hz, low = rng.uniform(5, 11), rng.uniform(600, 1300)
    ups = [_burst(rng, rate, 2500, 7000, 0.001, 0.012) for _ in range(3)]
    for at in dsp.event_times(rng, seconds, rate_hz, 0.45):
        if rng.uniform() < 0.1:
            continue
        down = _strike(rng, rate, low, 5000, 4, 0.025, 0.85)
        dsp.place(x, down / np.abs(down).max(), int(at * rate), rng.uniform(0.4, 1.0))
        dsp.place(x, ups[rng.integers(3)], int((at + rng.uniform(0.05, 0.09)) * rate), rng.uniform(0.1, 0.3))
    return Sound(x, Traits("clicking", "repeating", 2 * low, rate_hz))


@family(
    "clock ticking",
    words=("a ticking clock", "the tick of a clock", "a wall clock"),
    prompts=("seconds passing on a timepiece", "a pendulum keeping time", "a wristwatch beating"),
    acoustics="tiny dry ticks in strict regular time",
    group="impact",
)
def clock_ticking(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    rate_hz = float(rng.choice([1.0, 2.0, 2.5, 4.0, 5.0])) * rng.uniform(0.97, 1.03)
    f = rng.uniform(1300, 3800) * np.array([1.0, 1.7, 2.3])
    tick = dsp.modes(rate // 20, rate, f, rng.uniform(0.01, 0.05, 3), np.array([1, 0.6, 0.4]), rng.uniform(0, 6, 3))
    tock = dsp.modes(
        rate // 20,
        rate,
        f * rng.uniform(0.7, 0.95),
        rng.uniform(0.01, 0.05, 3),
        np.array([1, 0.6, 0.4]),
        rng.uniform(0, 6, 3),
    )
    start = rng.uniform(0, min(1 / rate_hz, seconds / 2))
    for i, at in enumerate(np.arange(start, seconds, 1 / rate_hz)):
        dsp.place(x, tock if i % 2 else tick, int(at * rate), 1.0)
    return Sound(x, Traits("clicking", "repeating", float(f[0]), rate_hz))


@family(
    "ball bouncing",
    words=("a bouncing ball", "a basketball bouncing", "dribbling a ball"),
    prompts=("a rubber ball on the court", "a player dribbling", "something round bouncing on the floor"),
    acoustics="round hollow thumps, evenly spaced or speeding up",
    group="impact",
)
def ball_bouncing(rng: Generator, rate: int, seconds: float) -> Sound:
    x = np.zeros(int(rate * seconds), np.float32)
    body = rng.uniform(80, 180)
    dribble, touch = rng.uniform() < 0.5, _burst(rng, rate, 400, 2500, 0.001, 0.02)
    at, gap, level = rng.uniform(0.02, 0.2) * seconds, rng.uniform(0.4, 0.8), 1.0
    first = gap
    while at < seconds and gap > 0.03:
        f = body * np.array([1.0, 2.4, 4.1, 6.0]) * rng.uniform(0.97, 1.03)
        hit = dsp.modes(
            rate // 4, rate, f, np.array([0.18, 0.1, 0.06, 0.05]), np.array([1, 0.6, 0.35, 0.3]), np.zeros(4)
        )
        dsp.place(x, hit, int(at * rate), level)
        dsp.place(x, touch, int(at * rate), 0.25 * level)
        at += gap
        if not dribble:
            gap, level = gap * 0.86, level * 0.88
    return Sound(x, Traits("clicking", "repeating", body, 1 / first if dribble else 2 / first))


@family(
    "sawing wood",
    words=("a hand saw", "sawing a plank", "cutting wood by hand"),
    prompts=("a joiner with a handsaw", "pushing a saw to and fro", "teeth of a saw through a board"),
    acoustics="rasping strokes to and fro, slow and scratchy",
    group="impact",
)
def sawing_wood(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    stroke = rng.uniform(0.9, 2.2)
    phase = dsp.glide(n, rate, stroke) + rng.uniform(0, 6.28)
    speed = np.abs(np.sin(phase))
    push = 0.6 + 0.4 * np.sign(np.sin(phase))
    teeth = 0.5 + 0.5 * np.sign(np.sin(dsp.glide(n, rate, rng.uniform(60, 120) * (0.3 + speed))))
    scrape = dsp.bandpass(dsp.noise(rng, n), rate, rng.uniform(500, 1000), rng.uniform(3000, 6500))
    x = scrape * teeth * speed**1.5 * push
    x = x + 3 * dsp.resonate(x.astype(np.float32), rate, rng.uniform(300, 800), 120)
    return Sound(x.astype(np.float32), Traits("noisy", "repeating", 1800.0, 2 * stroke))


@family(
    "gunshot",
    words=("a gun firing", "a shot fired", "gunfire"),
    prompts=("a rifle going off", "a pistol discharged", "a hunter shooting"),
    acoustics="one violent crack with a long rolling tail",
    group="impact",
)
def gunshot(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    x = np.zeros(n, np.float32)
    at = dsp.onset(rng, seconds, 0.3)
    shots = 1 if rng.uniform() < 0.7 else int(rng.integers(2, 5))
    for _ in range(shots):
        crack = _burst(rng, rate, 200, 7800, 0.0005, rng.uniform(0.04, 0.1))
        dsp.place(x, crack, int(at * rate), 1.0)
        dsp.place(
            x,
            _burst(rng, rate, 60, rng.uniform(400, 900), 0.004, rng.uniform(0.3, 0.9)),
            int(at * rate),
            rng.uniform(0.5, 0.9),
        )
        at += rng.uniform(0.25, 0.6)
    return Sound(
        np.tanh(2 * x), Traits("noisy", "single" if shots == 1 else "repeating", 500.0, None if shots == 1 else 2.5)
    )


@family(
    "creaking door",
    words=("a squeaky hinge", "a door creaks open", "creaking"),
    prompts=("unoiled hinges on an old gate", "a rusty door opening slowly", "a haunted house entrance opening"),
    acoustics="slow groaning squeak that slides in pitch, stick and slip",
    group="impact",
)
def creaking_door(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    start, length = dsp.onset(rng, seconds, 0.25), rng.uniform(0.9, 2.0)
    slip = rng.uniform(35, 110) * np.exp(
        rng.uniform(-0.7, 0.7) * np.linspace(0, 1, n) + 0.35 * dsp.drift(rng, n, rate, 2.0)
    )
    turns = dsp.glide(n, rate, slip) / (2 * np.pi)
    pulses = np.zeros(n, np.float32)
    at = np.flatnonzero(np.diff(np.floor(turns)) > 0)
    pulses[at] = np.exp(0.4 * rng.standard_normal(at.size))
    x = np.zeros(n, np.float32)
    for centre in rng.uniform(450, 900) * np.array([1.0, 2.2, 3.7, 5.1]):
        x += rng.uniform(0.4, 1.0) * dsp.resonate(pulses, rate, centre, 90)
    t = np.arange(n) / rate - start
    x *= (np.clip(t / 0.1, 0, 1) * np.clip((length - t) / 0.2, 0, 1)).astype(np.float32)
    return Sound(x * 20, Traits("buzzing", "single", 900.0))
