"""Alarms and signals: beeps in standard patterns, sirens, horns, ringers and chimes.

Patterns follow the common standards (ISO 8201 temporal-three for smoke, temporal-four for carbon monoxide); pitch,
tempo and timbre are drawn over what is sold.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import signal

from . import dsp
from .registry import Sound, Traits, family


def _beeper(rng: Generator, samples: int, rate: int, pitch_hz: float) -> np.ndarray:
    """A piezo disc or small speaker driven by a square wave: odd harmonics, some even ones, a slight wander."""
    falls = rng.uniform(0.7, 2.5)
    k = np.arange(1, 12)
    gains = np.where(k % 2 == 1, 1.0, rng.uniform(0, 0.4)) * k**-falls
    wander = 1 + rng.uniform(0, 0.004) * dsp.drift(rng, samples, rate, 3.0)
    return dsp.harmonics(dsp.glide(samples, rate, pitch_hz * wander), rate, pitch_hz * 1.02, gains)


def _groups(rng: Generator, seconds: float, beeps: int, on_s: float, off_s: float, pause_s: float) -> np.ndarray:
    """Starts of beeps in groups of `beeps`, `pause_s` after the last off; begins at any beep of the first group."""
    period = beeps * (on_s + off_s) + pause_s
    first = int(rng.integers(0, beeps)) if rng.uniform() < 0.5 else 0
    lead = rng.uniform(-0.5 * on_s, min(0.3 * seconds, 0.6))
    cycles = np.arange(int(seconds / period) + 2) * period
    starts = (cycles[:, None] + np.arange(beeps)[None, :] * (on_s + off_s)).ravel()
    starts = starts - starts[first] + lead
    return starts[(starts > lead - 1e-6) & (starts < seconds)]


@family(
    "smoke alarm",
    words=("a smoke detector going off", "fire alarm beeping", "smoke detector"),
    prompts=("the alarm of a smoke detector", "a fire detector sounding in a house", "loud household fire alarm"),
    acoustics="very high piercing beeps in groups of three with a pause",
    group="alarm",
)
def smoke_alarm(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(480, 560) if rng.uniform() < 0.1 else rng.uniform(2500, 3700)  # 520 Hz: sleeping rooms
    tempo = rng.uniform(0.75, 1.15)
    on, off, pause = 0.5 * tempo, 0.5 * tempo * rng.uniform(0.7, 1.1), 1.0 * tempo
    starts = _groups(rng, seconds, 3, on, off, pause)
    audio = _beeper(rng, n, rate, pitch) * dsp.gate(n, rate, starts, on, rng.uniform(0.002, 0.015))
    return Sound(audio, Traits("tonal", "repeating", pitch, 1 / (on + off)))


@family(
    "carbon monoxide alarm",
    words=("a carbon monoxide detector", "gas detector beeping", "CO alarm"),
    prompts=("the warning of a carbon monoxide detector", "a CO detector going off", "a domestic gas leak alarm"),
    acoustics="four short high piercing beeps and a long pause",
    group="alarm",
)
def carbon_monoxide_alarm(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(2500, 3700)
    on = 0.1 * rng.uniform(0.8, 1.4)
    off = 0.1 * rng.uniform(0.8, 1.4)
    lead = dsp.onset(rng, seconds, 0.35)
    period = 4 * (on + off) + rng.uniform(3.5, 5.2)
    starts = (lead + np.arange(int(seconds / period) + 1)[:, None] * period + np.arange(4) * (on + off)).ravel()
    audio = _beeper(rng, n, rate, pitch) * dsp.gate(n, rate, starts, on, rng.uniform(0.002, 0.01))
    return Sound(audio, Traits("tonal", "repeating", pitch, 1 / (on + off)))


@family(
    "burglar alarm",
    words=("an intruder alarm", "house alarm warbling", "a car alarm"),
    prompts=("a security alarm triggered", "an anti-theft alarm", "the alarm of a burgled house"),
    acoustics="high fast warbling electronic sweep, harsh and continuous",
    group="alarm",
)
def burglar_alarm(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low = rng.uniform(1100, 2300)
    high = low * rng.uniform(1.3, 1.9)
    sweeps = rng.uniform(3.5, 11)
    shape = rng.uniform(0.0, 1.0) if rng.uniform() < 0.6 else float(rng.integers(0, 2))  # falling .. triangle .. rising
    t = np.arange(n) / rate
    curve = 0.5 + 0.5 * signal.sawtooth(2 * np.pi * (sweeps * t + rng.uniform()), shape)
    frequency = low * (high / low) ** curve
    k = np.arange(1, 9)
    gains = np.where(k % 2 == 1, 1.0, rng.uniform(0.1, 0.7)) * k ** -rng.uniform(0.5, 1.4)
    audio = dsp.harmonics(dsp.glide(n, rate, frequency), rate, high, gains)
    audio = audio + rng.uniform(0.5, 2) * dsp.resonate(audio, rate, rng.uniform(2200, 3800), rng.uniform(400, 1200))
    return Sound(audio, Traits("buzzing", "continuous", float(np.sqrt(low * high))))


@family(
    "police siren",
    words=("a police car with its siren on", "wailing siren", "patrol car siren"),
    prompts=("siren of the police", "a police car rushing past", "the wail of a squad car"),
    acoustics="loud tone that sweeps up and down through the middle pitches",
    group="alarm",
)
def police_siren(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low = rng.uniform(450, 800)
    high = low * rng.uniform(1.7, 2.6)
    yelp = rng.uniform() < 0.45
    sweeps = rng.uniform(2.2, 4.5) if yelp else rng.uniform(0.18, 0.45)
    t = np.arange(n) / rate
    curve = 0.5 + 0.5 * signal.sawtooth(2 * np.pi * (sweeps * t + rng.uniform()), rng.uniform(0.25, 0.6))
    bend = rng.uniform(0.6, 1.6)  # a capacitor charging: quick at first
    frequency = low + (high - low) * curve**bend
    k = np.arange(1, 16)
    gains = k ** -rng.uniform(0.6, 1.5) * np.where(k % 2 == 1, 1.0, rng.uniform(0.2, 1.0))
    audio = dsp.harmonics(dsp.glide(n, rate, frequency), rate, high, gains)
    audio = audio + rng.uniform(0.5, 3) * dsp.resonate(audio, rate, rng.uniform(900, 2000), rng.uniform(300, 1200))
    middle = (low + high) / 2
    if sweeps * seconds < 1:  # the clip does not hold one whole sweep
        return Sound(audio, Traits("tonal", "continuous", middle))
    return Sound(audio, Traits("tonal", "repeating", middle, sweeps))


@family(
    "ambulance siren",
    words=("an ambulance with its siren on", "two-tone siren", "emergency vehicle siren"),
    prompts=("the siren of an ambulance", "an ambulance driving past", "hi-lo horn of a rescue vehicle"),
    acoustics="two steady middle tones that alternate, high and low",
    group="alarm",
)
def ambulance_siren(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low = rng.uniform(360, 800)
    high = low * rng.uniform(1.17, 1.42)
    changes = rng.uniform(1.1, 3.2)
    t = np.arange(n) / rate
    switch = np.floor(changes * t + rng.uniform(0, 2)) % 2
    slew = max(1, int(rng.uniform(0.002, 0.03) * rate))
    switch = dsp.lowpass(switch - 0.5, rate, rate / (4.0 * slew), 1) + 0.5
    k = np.arange(1, 18)
    gains = k ** -rng.uniform(0.5, 1.6) * np.where(k % 2 == 1, 1.0, rng.uniform(0.2, 1.0))
    audio = dsp.harmonics(dsp.glide(n, rate, low + (high - low) * switch), rate, high * 1.1, gains)
    audio = audio + rng.uniform(0.5, 3) * dsp.resonate(audio, rate, rng.uniform(800, 2000), rng.uniform(300, 1200))
    return Sound(audio, Traits("tonal", "repeating", float((low + high) / 2), changes))


@family(
    "car horn",
    words=("a car honking", "honking in traffic", "automobile horn"),
    prompts=("a driver sounding the horn", "beep of a car in traffic", "an impatient motorist honking"),
    acoustics="loud harsh chord of two low reedy tones, held",
    group="alarm",
)
def car_horn(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    root = rng.uniform(280, 480)
    upper = root * rng.uniform(1.17, 1.34)
    audio = np.zeros(n, np.float32)
    for pitch, level in ((root, 1.0), (upper, rng.uniform(0.5, 1.0))):
        k = np.arange(1, 26)
        gains = k ** -rng.uniform(0.2, 0.9) * np.exp(0.25 * rng.standard_normal(k.size))
        audio += level * dsp.harmonics(dsp.glide(n, rate, pitch), rate, pitch, gains)
    centre = rng.uniform(1500, 3200)
    audio = dsp.lowpass(audio, rate, rng.uniform(3500, 6500)) + 2 * dsp.resonate(audio, rate, centre, 800)
    edge = rng.uniform(0.008, 0.03)
    if rng.uniform() < 0.5:
        start = dsp.onset(rng, seconds, 0.3)
        starts, lengths = np.array([start]), np.array([rng.uniform(0.4, 1.6)])
        traits = Traits("buzzing", "single", root)
    else:
        honks = rng.uniform(1.2, 3.5)
        starts = dsp.onset(rng, seconds, 0.25) + np.arange(int(rng.integers(2, 5))) / honks
        lengths = rng.uniform(0.35, 0.75, starts.size) / honks
        traits = Traits("buzzing", "repeating", root, honks)
    return Sound(audio * dsp.gate(n, rate, starts, lengths, edge), traits)


@family(
    "reversing truck beeper",
    words=("a truck backing up", "reverse warning beep", "lorry reversing"),
    prompts=(
        "the backup beeper of a lorry",
        "a heavy vehicle reversing with a warning tone",
        "back-up alarm of a truck",
    ),
    acoustics="even middle-pitched beeps about once a second, without a pause between groups",
    group="alarm",
)
def reversing_truck_beeper(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(850, 1500)
    beeps = rng.uniform(0.8, 1.8)
    on = rng.uniform(0.42, 0.58) / beeps
    starts = rng.uniform(-0.5 * on, min(0.3, 0.3 * seconds)) + np.arange(int(seconds * beeps) + 2) / beeps
    audio = _beeper(rng, n, rate, pitch) * dsp.gate(n, rate, starts, on, rng.uniform(0.003, 0.012))
    rumble = dsp.lowpass(dsp.noise(rng, n), rate, rng.uniform(80, 300)) * rng.uniform(0, 0.15)  # the engine behind it
    return Sound(audio + rumble, Traits("tonal", "repeating", pitch, beeps))


@family(
    "alarm clock",
    words=("a digital alarm clock", "a bedside alarm beeping", "wake-up alarm"),
    prompts=("the morning alarm on a bedside table", "an electronic clock waking someone", "digital clock beeping"),
    acoustics="quick groups of four short high beeps every second",
    group="alarm",
)
def alarm_clock(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(1500, 2450)
    step = rng.uniform(0.095, 0.16)
    on = step * rng.uniform(0.4, 0.65)
    starts = _groups(rng, seconds, 4, on, step - on, rng.uniform(0.3, 0.65))
    audio = _beeper(rng, n, rate, pitch) * dsp.gate(n, rate, starts, on, rng.uniform(0.001, 0.006))
    return Sound(audio, Traits("tonal", "repeating", pitch, 1 / step))


@family(
    "telephone ringing",
    words=("a phone ringing", "landline telephone", "an old telephone bell"),
    prompts=("an incoming telephone call", "the ringer of an office phone", "a phone waiting to be answered"),
    acoustics="fast trilling bell or two-tone warble in bursts",
    group="alarm",
)
def telephone_ringing(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    trill = rng.uniform(16, 28)
    on, off = rng.uniform(0.4, 1.8), rng.uniform(0.2, 1.0)
    lead = rng.uniform(-0.3 * on, 0.25 * seconds)
    starts = lead + np.arange(int(seconds / (on + off)) + 2) * (on + off)
    if rng.uniform() < 0.55:  # two gongs and a clapper
        pitch = rng.uniform(900, 1900)
        audio = np.zeros(n, np.float32)
        for side, gong in enumerate((pitch, pitch * rng.uniform(1.08, 1.3))):
            ratios = np.array([1.0, 2.3, 3.2, 4.4, 5.7]) * rng.uniform(0.97, 1.03, 5)
            decays = rng.uniform(0.25, 0.8) * np.array([1.0, 0.7, 0.6, 0.4, 0.3])
            tone = dsp.modes(int(0.8 * rate), rate, gong * ratios, decays, rng.uniform(0.3, 1, 5), rng.uniform(0, 6, 5))
            hits = np.zeros(n, np.float32)
            times = np.concatenate([s + np.arange(side / 2 / trill, on, 1 / trill) for s in starts])
            at = (times * rate).astype(int)
            at = at[(at >= 0) & (at < n)]
            hits[at] = rng.uniform(0.6, 1.0, at.size)
            audio += signal.oaconvolve(hits, tone)[:n].astype(np.float32)
    else:  # an electronic trill between two tones
        pitch = rng.uniform(700, 1600)
        other = pitch * rng.uniform(1.15, 1.4)
        switch = np.floor(trill * np.arange(n) / rate) % 2
        gains = np.arange(1, 8) ** -rng.uniform(0.8, 2.5)
        audio = dsp.harmonics(dsp.glide(n, rate, pitch + (other - pitch) * switch), rate, other, gains)
        audio = audio * dsp.gate(n, rate, starts, on, 0.01)
    return Sound(audio, Traits("tonal", "repeating", pitch, 1 / (on + off)))


@family(
    "doorbell",
    words=("a ding-dong chime", "the front door bell", "door chime"),
    prompts=("someone ringing at the front door", "a ding-dong at the door", "two-note door chime"),
    acoustics="two soft ringing tones, the second one lower",
    group="alarm",
)
def doorbell(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(480, 1050)
    second_pitch = pitch * 2 ** (-rng.choice([3, 4, 4, 4, 5]) / 12)
    gap = rng.uniform(0.35, 0.85)
    start = min(dsp.onset(rng, seconds, 0.3), 1.5)
    decay = rng.uniform(0.9, 3.0)
    ratios = np.array([1.0, 1.003, 2.0, 2.76, 3.9, 5.4]) * rng.uniform(0.995, 1.005, 6)
    gains = np.array([1.0, 0.6, 0.3, 0.35, 0.12, 0.15]) * rng.uniform(0.2, 1.2, 6)
    audio = np.zeros(n, np.float32)
    for at, note in ((start, pitch), (start + gap, second_pitch)):
        decays = decay * np.array([1, 1, 0.6, 0.4, 0.25, 0.15])
        tone = dsp.modes(n, rate, note * ratios, decays, gains, rng.uniform(0, 0.5, 6))
        dsp.place(audio, tone, int(at * rate), rng.uniform(0.8, 1.0))
    return Sound(audio, Traits("tonal", "single", float(np.sqrt(pitch * second_pitch))))


@family(
    "air raid siren",
    words=("a civil defence siren", "old mechanical siren", "air raid warning"),
    prompts=("wartime warning siren over a town", "a hand-cranked siren winding up", "tornado siren"),
    acoustics="low howling tone that rises and falls very slowly",
    group="alarm",
)
def air_raid_siren(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    top = rng.uniform(330, 560)
    period = rng.uniform(4.5, 11)
    t = np.arange(n) / rate
    phase = (t / period + rng.uniform()) % 1.0
    rise = rng.uniform(0.35, 0.55)
    # A motor spins up towards its speed and coasts down: two exponentials.
    up = 1 - np.exp(-3 * phase / rise)
    down = (1 - np.exp(-3)) * np.exp(-rng.uniform(1.0, 1.8) * (phase - rise) / (1 - rise))
    speed = np.where(phase < rise, up, down)
    floor = rng.uniform(0.3, 0.5)
    speed = floor + (1 - floor) * speed
    k = np.arange(1, 22)
    gains = k ** -rng.uniform(0.8, 1.5) * np.exp(0.3 * rng.standard_normal(k.size))
    turn = dsp.glide(n, rate, top * speed)
    audio = dsp.harmonics(turn, rate, top, gains)
    if rng.uniform() < 0.6:  # a second row of ports
        audio = audio + rng.uniform(0.4, 0.9) * dsp.harmonics(
            turn * rng.choice([1.2, 1.25, 1.333]), rate, 1.4 * top, gains
        )
    audio = audio * (speed**2).astype(np.float32)
    audio = audio + rng.uniform(0.02, 0.1) * dsp.lowpass(dsp.noise(rng, n), rate, 1500)
    return Sound(audio.astype(np.float32), Traits("tonal", "continuous", float(np.mean(top * speed))))
