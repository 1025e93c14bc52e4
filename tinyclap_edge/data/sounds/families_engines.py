"""Engines and motors: pulse trains of firing cylinders through exhaust resonances, blades, brushes and gears."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family


def _firing(rng: Generator, samples: int, rate: int, hz: np.ndarray, roughness: float, brightness: float) -> np.ndarray:
    """Explosions at `hz` (samples,) a second, each of its own strength: one pulse a wrap of the phase, then a low-pass."""
    turns = dsp.glide(samples, rate, hz) / (2 * np.pi) + rng.uniform()
    at = np.flatnonzero(np.diff(np.floor(turns)) > 0)
    pulses = np.zeros(samples, np.float32)
    pulses[at] = np.exp(roughness * rng.standard_normal(at.size))
    grain = dsp.lowpass(pulses, rate, brightness, 1)
    return grain / (grain.std() + 1e-6)


def _exhaust(rng: Generator, x: np.ndarray, rate: int, lowest: float, highest: float, count: int = 3) -> np.ndarray:
    """Resonances of a pipe and body, drawn between lowest and highest, over a share of the direct sound."""
    out = 0.3 * x
    for centre in np.geomspace(lowest, highest, count) * rng.uniform(0.8, 1.25, count):
        out = out + rng.uniform(0.5, 1.0) * 6 * dsp.resonate(x, rate, centre, centre * rng.uniform(0.15, 0.5))
    return out


def _speed(rng: Generator, samples: int, rate: int, hz: float, wander: float, changes_hz: float = 1.0) -> np.ndarray:
    """A rotation rate around `hz` that wanders by the share `wander`."""
    return hz * np.exp(wander * dsp.drift(rng, samples, rate, changes_hz))


@family(
    "car engine",
    words=("a car idling", "an automobile engine running", "a car motor"),
    prompts=("the motor of a parked car turning over", "a petrol car with the engine on", "an idling automobile"),
    acoustics="low smooth rumble, steady and buzzing",
    group="engine",
)
def car_engine(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(22, 45)
    x = _firing(rng, n, rate, _speed(rng, n, rate, hz, rng.uniform(0.01, 0.06)), rng.uniform(0.05, 0.25), 500)
    x = _exhaust(rng, x, rate, rng.uniform(60, 120), rng.uniform(250, 500))
    hum = dsp.harmonics(dsp.glide(n, rate, hz / 2), rate, hz / 2, rng.uniform(0.2, 1, 8) / np.arange(1, 9))
    hiss = dsp.lowpass(dsp.noise(rng, n, -3), rate, rng.uniform(500, 1800))
    return Sound(x / x.std() + 0.5 * hum + rng.uniform(0.05, 0.3) * hiss, Traits("buzzing", "continuous", hz))


@family(
    "motorcycle",
    words=("a motorbike", "a motorcycle engine revving", "a motorbike riding past"),
    prompts=("a biker opening the throttle", "the engine of a chopper", "a loud two-cylinder bike"),
    acoustics="low rough popping roar that rises and falls",
    group="engine",
)
def motorcycle(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(35, 75)
    revs = 1 + rng.uniform(0.3, 1.0) * np.maximum(dsp.drift(rng, n, rate, rng.uniform(0.4, 1.0)), 0)
    x = _firing(rng, n, rate, hz * revs, rng.uniform(0.4, 0.8), rng.uniform(1200, 2800))
    x = _exhaust(rng, x, rate, rng.uniform(90, 170), rng.uniform(600, 1300))
    x = np.tanh(x / x.std() * rng.uniform(0.8, 2.0)) * (0.6 + 0.4 * revs / revs.max())
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", hz * float(revs.mean())))


@family(
    "diesel truck",
    words=("a lorry", "a heavy truck engine", "a diesel engine idling"),
    prompts=("a big rig with its motor running", "a delivery lorry idling", "a heavy diesel motor"),
    acoustics="very low knocking rumble, slow and rattling",
    group="engine",
)
def diesel_truck(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(11, 22)
    speed = _speed(rng, n, rate, hz, 0.03)
    low = _exhaust(rng, _firing(rng, n, rate, speed, 0.3, 250), rate, 45, 160)
    knock = dsp.resonate(_firing(rng, n, rate, speed, 0.6, 6000), rate, rng.uniform(900, 2000), 500)
    air = dsp.bandpass(dsp.noise(rng, n, -3), rate, 100, rng.uniform(900, 2500))
    x = low / low.std() + rng.uniform(0.5, 1.0) * knock / (knock.std() + 1e-6) + rng.uniform(0.1, 0.4) * air
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", hz * 3))


@family(
    "helicopter",
    words=("a chopper in the air", "helicopter rotor", "a helicopter flying"),
    prompts=("rotor blades beating overhead", "an air rescue aircraft hovering", "a hovering rotorcraft"),
    acoustics="deep fast thumping beats of air over a roar",
    group="engine",
)
def helicopter(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    beat = rng.uniform(9, 22)
    phase = dsp.glide(n, rate, _speed(rng, n, rate, beat, 0.01))
    slap = np.maximum(0, np.cos(phase)) ** rng.uniform(6, 20)
    air = dsp.lowpass(dsp.noise(rng, n, -4), rate, rng.uniform(300, 900))
    roar = dsp.bandpass(dsp.noise(rng, n, -3), rate, 200, rng.uniform(1500, 3500))
    turbine = 0.06 * np.sin(dsp.glide(n, rate, rng.uniform(1500, 3500)))
    thump = dsp.resonate(slap.astype(np.float32), rate, rng.uniform(60, 120), 60) * 8
    x = slap * air * 3 + thump + rng.uniform(0.1, 0.35) * roar * (0.5 + 0.5 * slap) + turbine
    return Sound(x.astype(np.float32), Traits("noisy", "repeating", 90.0, beat))


@family(
    "propeller plane",
    words=("a small aeroplane", "a light aircraft flying over", "a propeller aircraft"),
    prompts=("a single-engine plane passing overhead", "an old airplane in flight", "a sports plane in the sky"),
    acoustics="steady mid-low drone with many even overtones",
    group="engine",
)
def propeller_plane(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(70, 130)
    bend = 1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, n)  # Doppler of a pass
    gains = np.arange(1, 31) ** -rng.uniform(0.5, 1.1) * rng.uniform(0.5, 1, 30)
    x = dsp.harmonics(dsp.glide(n, rate, hz * bend), rate, hz * 1.2, gains)
    x = x + 0.4 * dsp.harmonics(dsp.glide(n, rate, hz * bend * 1.007), rate, hz * 1.2, gains)  # the beat of two sources
    x = x / x.std() + rng.uniform(0.05, 0.2) * dsp.lowpass(dsp.noise(rng, n, -3), rate, 2500)
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", hz))


@family(
    "chainsaw",
    words=("a chain saw cutting", "a power saw felling a tree", "a chainsaw revving"),
    prompts=("a lumberjack's motor saw", "a petrol saw going through timber", "cutting a trunk with a motor saw"),
    acoustics="harsh high-revving rasp that surges",
    group="engine",
)
def chainsaw(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(100, 170)
    surge = np.clip(1 + 0.35 * dsp.drift(rng, n, rate, rng.uniform(0.6, 1.6)), 0.5, 1.6)
    x = _firing(rng, n, rate, hz * surge, 0.35, rng.uniform(3500, 7000))
    x = _exhaust(rng, x, rate, rng.uniform(350, 600), rng.uniform(2200, 4200), 4)
    teeth = dsp.bandpass(dsp.noise(rng, n), rate, 2000, 7000) * (
        0.6 + 0.4 * np.sign(np.sin(dsp.glide(n, rate, hz * surge)))
    )
    x = np.tanh(2.0 * x / x.std()) + rng.uniform(0.2, 0.6) * teeth
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", hz * float(surge.mean())))


@family(
    "lawn mower",
    words=("mowing the grass", "a lawnmower", "a petrol mower"),
    prompts=("somebody cutting the lawn", "a gardener's mowing machine", "trimming grass with a motor mower"),
    acoustics="steady mid-pitched drone with whirring blades",
    group="engine",
)
def lawn_mower(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    hz = rng.uniform(44, 62)
    speed = _speed(rng, n, rate, hz, 0.015)
    x = _exhaust(rng, _firing(rng, n, rate, speed, 0.15, 1500), rate, 130, 900)
    blade = dsp.bandpass(dsp.noise(rng, n), rate, 300, rng.uniform(1500, 3000)) * (
        1 + 0.7 * np.sin(dsp.glide(n, rate, 2 * speed))
    )
    x = x / x.std() + rng.uniform(0.5, 1.0) * blade / blade.std()
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", hz * 2))


@family(
    "vacuum cleaner",
    words=("hoovering", "a vacuum running", "a household vacuum"),
    prompts=(
        "someone cleaning the carpet with a hoover",
        "a dust sucker at work",
        "cleaning floors with a suction machine",
    ),
    acoustics="loud even roar of air with a mid-high motor whine",
    group="engine",
)
def vacuum_cleaner(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    whine = rng.uniform(380, 720)
    speed = _speed(rng, n, rate, whine, 0.01, 0.7)
    air = dsp.bandpass(dsp.noise(rng, n, -2), rate, rng.uniform(150, 400), rng.uniform(4000, 7500))
    tone = dsp.harmonics(
        dsp.glide(n, rate, speed), rate, whine, np.array([1.0, 0.5, 0.6, 0.2, 0.25]) * rng.uniform(0.4, 1, 5)
    )
    x = air / air.std() + rng.uniform(0.4, 1.0) * tone / tone.std()
    return Sound(x.astype(np.float32), Traits("noisy", "continuous", whine))


@family(
    "hair dryer",
    words=("a blow dryer", "drying hair", "a hairdryer running"),
    prompts=("a hand dryer blowing warm air", "someone blow-drying", "a styling dryer in the bathroom"),
    acoustics="bright hissing rush of air with a high thin whine",
    group="engine",
)
def hair_dryer(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    whine = rng.uniform(900, 1900)
    air = dsp.highpass(dsp.noise(rng, n, -1), rate, rng.uniform(700, 1500))
    tone = np.sin(dsp.glide(n, rate, _speed(rng, n, rate, whine, 0.004, 0.5))) + 0.4 * np.sin(
        dsp.glide(n, rate, 2.01 * whine)
    )
    x = air / air.std() + rng.uniform(0.15, 0.5) * tone
    return Sound(x.astype(np.float32), Traits("noisy", "continuous", 2500.0))


@family(
    "electric drill",
    words=("drilling", "a power drill", "a drill boring a hole"),
    prompts=(
        "a cordless screwdriver machine",
        "boring into a wall with a tool",
        "a workman making a hole with a motor tool",
    ),
    acoustics="whining motor that winds up and strains, mid-high",
    group="engine",
)
def electric_drill(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    top = rng.uniform(380, 900)
    t = np.arange(n) / rate
    begin, stop = rng.uniform(0, 0.15) * seconds, rng.uniform(0.75, 1.1) * seconds
    wind = np.clip((t - begin) / 0.25, 0, 1) * np.clip((stop - t) / 0.35, 0, 1)
    strain = 1 - 0.18 * np.maximum(dsp.drift(rng, n, rate, 1.5), 0)
    hz = top * (0.15 + 0.85 * wind * strain)
    gains = np.arange(1, 16) ** -0.6 * rng.uniform(0.3, 1, 15)
    x = dsp.harmonics(dsp.glide(n, rate, hz), rate, top, gains)
    gears = dsp.bandpass(dsp.noise(rng, n), rate, 1500, 6000) * (1 + 0.8 * np.sin(dsp.glide(n, rate, hz / 4)))
    x = (x / x.std() + rng.uniform(0.2, 0.6) * gears) * wind
    return Sound(x.astype(np.float32), Traits("buzzing", "continuous", top))


@family(
    "washing machine",
    words=("a washer running", "laundry turning", "a washing machine tumbling"),
    prompts=("clothes going round in a drum", "a laundry appliance at work", "a front-loading washer in its cycle"),
    acoustics="slow sloshing thuds over a low hum",
    group="engine",
)
def washing_machine(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    turn = rng.uniform(0.8, 1.7)
    hum = dsp.harmonics(dsp.glide(n, rate, rng.uniform(45, 65)), rate, 65, np.array([1, 0.8, 0.3, 0.4, 0.1]))
    swing = 0.5 + 0.5 * np.sin(dsp.glide(n, rate, turn) + rng.uniform(0, 6))
    slosh = dsp.bandpass(dsp.noise(rng, n, -3), rate, 150, rng.uniform(900, 2200)) * swing**3
    x = 0.5 * hum / hum.std() + rng.uniform(0.8, 1.6) * slosh / slosh.std()
    thud = dsp.modes(rate // 4, rate, np.array([70.0, 125.0]), np.array([0.2, 0.12]), np.array([1.0, 0.5]), np.zeros(2))
    for at in dsp.event_times(rng, seconds, turn, 0.08):
        dsp.place(x, thud, int(at * rate), rng.uniform(2, 5))
    return Sound(x.astype(np.float32), Traits("noisy", "repeating", 90.0, turn))


@family(
    "train",
    words=("a train passing", "a railway train", "wheels on rails"),
    prompts=("carriages rolling over rail joints", "a locomotive with wagons going by", "riding the railway"),
    acoustics="heavy rolling rumble with paired rhythmic clacks",
    group="engine",
)
def train(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    pairs = rng.uniform(0.9, 2.2)
    roll = dsp.lowpass(dsp.noise(rng, n, -5), rate, rng.uniform(300, 800))
    hiss = dsp.bandpass(dsp.noise(rng, n, -2), rate, 800, 4000)
    x = roll / roll.std() + rng.uniform(0.1, 0.3) * hiss / hiss.std()
    f = np.array([180.0, 420.0, 950.0, 1900.0]) * rng.uniform(0.8, 1.25)
    clack = dsp.modes(rate // 5, rate, f, np.array([0.12, 0.1, 0.07, 0.05]), rng.uniform(0.5, 1, 4), np.zeros(4))
    gap = rng.uniform(0.09, 0.16)
    for at in dsp.event_times(rng, seconds, pairs, 0.03):
        dsp.place(x, clack, int(at * rate), rng.uniform(3, 6))
        dsp.place(x, clack, int((at + gap) * rate), rng.uniform(2, 5))
    return Sound(x.astype(np.float32), Traits("noisy", "repeating", 250.0, 2 * pairs))


@family(
    "sewing machine",
    words=("stitching on a machine", "a sewing machine running", "a tailor's machine"),
    prompts=("needle and shuttle rattling through cloth", "a dressmaker's machine at work", "machine stitching"),
    acoustics="very fast light mechanical rattling ticks",
    group="engine",
)
def sewing_machine(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    stitches = rng.uniform(9, 17)
    x = 0.03 * dsp.bandpass(dsp.noise(rng, n), rate, 200, 2000)
    f = np.array([700.0, 1500.0, 2600.0, 4200.0]) * rng.uniform(0.8, 1.2, 4)
    tick = dsp.modes(rate // 16, rate, f, rng.uniform(0.015, 0.04, 4), rng.uniform(0.4, 1, 4), rng.uniform(0, 6, 4))
    tock = dsp.modes(
        rate // 16, rate, 0.6 * f, rng.uniform(0.015, 0.04, 4), rng.uniform(0.3, 0.8, 4), rng.uniform(0, 6, 4)
    )
    for at in dsp.event_times(rng, seconds, stitches, 0.02):
        dsp.place(x, tick, int(at * rate), rng.uniform(0.8, 1.2))
        dsp.place(x, tock, int((at + 0.45 / stitches) * rate), rng.uniform(0.6, 1.0))
    x = x + 0.08 * np.sin(dsp.glide(n, rate, rng.uniform(90, 180)))
    return Sound(x.astype(np.float32), Traits("clicking", "repeating", 1500.0, 2 * stitches))


@family(
    "electric fan",
    words=("a table fan", "a ventilator running", "a cooling fan"),
    prompts=("blades turning to cool a room", "a desk ventilator", "air moved by a small rotor"),
    acoustics="soft even whoosh of air with a faint flutter",
    group="engine",
)
def electric_fan(rng: Generator, rate: int, seconds: float) -> Sound:
    n = int(rate * seconds)
    flutter = rng.uniform(14, 34)
    air = dsp.lowpass(dsp.noise(rng, n, -3), rate, rng.uniform(700, 1800))
    ripple = 1 + rng.uniform(0.15, 0.4) * np.sin(dsp.glide(n, rate, _speed(rng, n, rate, flutter, 0.01)))
    hum = dsp.harmonics(dsp.glide(n, rate, rng.choice([50.0, 60.0]) * 2), rate, 120, np.array([1.0, 0.4, 0.2]))
    x = air / air.std() * ripple + rng.uniform(0.1, 0.3) * hum
    return Sound(x.astype(np.float32), Traits("noisy", "continuous", 400.0))
