"""Electronic and technical sounds: codes, pings, static, hiss and shutters.

Touch-tone pairs follow ITU-T Q.23; Morse timing follows ITU-R M.1677 (dash = 3 dots, gaps of 1, 3 and 7 dots).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family

TOUCH_LOW_HZ = (697.0, 770.0, 852.0, 941.0)
TOUCH_HIGH_HZ = (1209.0, 1336.0, 1477.0)
MORSE = [
    ".-",
    "-...",
    "-.-.",
    "-..",
    ".",
    "..-.",
    "--.",
    "....",
    "..",
    ".---",
    "-.-",
    ".-..",
    "--",
    "-.",
    "---",
    ".--.",
    "--.-",
    ".-.",
    "...",
    "-",
    "..-",
    "...-",
    ".--",
    "-..-",
    "-.--",
    "--..",
    ".----",
    "..---",
    "...--",
    "....-",
    ".....",
    "-....",
    "--...",
    "---..",
    "----.",
    "-----",
]


@family(
    "radio static",
    words=("white noise from a radio", "an untuned radio", "static noise"),
    prompts=("a receiver between two stations", "interference on an old radio", "noise of a detuned television"),
    acoustics="flat steady hiss with crackles, broad and even",
    group="electronic",
)
def radio_static(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    low, high = rng.uniform(80, 500), rng.uniform(2800, 7500)
    audio = dsp.bandpass(dsp.noise(rng, n, rng.uniform(-1.5, 0.5)), rate, low, high)
    audio = audio / (audio.std() + 1e-9)
    crackle = dsp.bandpass(dsp.impulses(rng, n, rate, rng.uniform(5, 80), 1.0), rate, low, high, 1)
    audio = audio + rng.uniform(0, 0.8) * crackle / (crackle.std() + 1e-9)
    if rng.uniform() < 0.35:  # the carrier of a station beats against the receiver
        pitch = rng.uniform(400, 2500) * (1 + rng.uniform(0, 0.3) * dsp.drift(rng, n, rate, 0.7))
        audio = audio + rng.uniform(0.1, 0.35) * np.sin(dsp.glide(n, rate, pitch))
    fade = np.exp(rng.uniform(0, 0.25) * dsp.drift(rng, n, rate, rng.uniform(1, 6)))
    return Sound((audio * fade).astype(np.float32), Traits("noisy", "continuous", float(np.sqrt(low * high))))


@family(
    "morse code",
    words=("a telegraph signal", "dots and dashes", "Morse beeps"),
    prompts=("a radio operator keying a message", "an SOS sent by wireless", "telegraphy tones"),
    acoustics="one thin steady pitch keyed in short and long beeps, irregular and fast",
    group="electronic",
)
def morse_code(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(420, 1050)
    dot = 1.2 / rng.uniform(11, 32)  # words a minute, PARIS timing
    starts, lengths = [], []
    at = rng.uniform(0, min(0.3, 0.25 * seconds))
    while at < seconds:
        for mark in MORSE[rng.integers(len(MORSE))]:
            length = dot * (1 if mark == "." else 3) * rng.uniform(0.93, 1.07)  # a hand, not a machine
            starts.append(at)
            lengths.append(length)
            at += length + dot
        at += dot * (6 if rng.uniform() < 0.18 else 2)
    key = dsp.gate(n, rate, np.array(starts), np.array(lengths), rng.uniform(0.002, 0.008))
    gains = np.array([1.0, 0.3, 0.4, 0.1, 0.2]) * rng.uniform(0, 1) ** 2
    gains[0] = 1.0
    audio = dsp.harmonics(dsp.glide(n, rate, pitch), rate, pitch, gains) * key
    if rng.uniform() < 0.5:
        audio = audio + rng.uniform(0.01, 0.12) * dsp.bandpass(dsp.noise(rng, n), rate, 300, 3000)
    marks = sum(s < seconds for s in starts)
    return Sound(audio.astype(np.float32), Traits("tonal", "repeating", pitch, float(marks / (seconds - starts[0]))))


@family(
    "touch-tone dialling",
    words=("dialling a phone number", "keypad tones of a telephone", "touch tones"),
    prompts=("someone pressing telephone buttons", "tones of a dialled number", "a push-button phone being dialled"),
    acoustics="short steady beeps of two tones at once, each at another pitch",
    group="electronic",
)
def touch_tone_dialling(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    presses = rng.uniform(1.8, 7)
    times = dsp.event_times(rng, seconds, presses, rng.uniform(0, 0.15))
    times = times - times[0] + rng.uniform(0, min(0.3, 0.3 * seconds))
    times = times[times < seconds]
    length = rng.uniform(0.35, 0.75) / presses
    twist, detune = rng.uniform(0.6, 1.3), rng.uniform(0.985, 1.015)
    samples = int(length * rate)
    edge = dsp.gate(samples, rate, np.array([0.0]), length, 0.003)
    audio = np.zeros(n, np.float32)
    pitches = []
    for at in times:
        low, high = rng.choice(TOUCH_LOW_HZ) * detune, rng.choice(TOUCH_HIGH_HZ) * detune
        pitches.append((low * high) ** 0.5)
        tone = dsp.modes(samples, rate, np.array([low, high]), np.full(2, 1e4), np.array([1.0, twist]), np.zeros(2))
        dsp.place(audio, tone * edge, int(at * rate))
    audio = np.tanh(rng.uniform(0.2, 1.2) * audio) + rng.uniform(0, 0.02) * dsp.noise(rng, n)
    if times.size == 1:
        return Sound(audio.astype(np.float32), Traits("tonal", "single", float(np.median(pitches))))
    return Sound(audio.astype(np.float32), Traits("tonal", "repeating", float(np.median(pitches)), presses))


@family(
    "sonar ping",
    words=("a submarine sonar", "sonar pulses under water", "an echo sounder"),
    prompts=("a submarine searching with active sonar", "an underwater ping and its echo", "sonar of a warship"),
    acoustics="a pure clear ping with a long watery echo, slow",
    group="electronic",
)
def sonar_ping(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    pitch = rng.uniform(550, 2200)
    pings = rng.uniform(0.35, 1.2)
    length = min(n, int(rate * min(2.5, 0.95 / pings)))
    sweep = 1 + rng.uniform(-0.08, 0.08) * np.minimum(np.arange(length) / (0.15 * rate), 1.0)
    ring = np.sin(dsp.glide(length, rate, pitch * sweep)) * dsp.envelope(length, rate, 0.004, rng.uniform(0.25, 0.9))
    tail = dsp.resonate(dsp.noise(rng, length), rate, pitch * sweep[-1], rng.uniform(8, 40))  # reverberation of the sea
    tail = tail / (tail.std() + 1e-9) * dsp.envelope(length, rate, 0.05, rng.uniform(1.0, 3.0))
    ping = ring + rng.uniform(0.05, 0.3) * tail
    delay = int(rng.uniform(0.15, 0.6) * rate)
    if delay < length:
        ping[delay:] += rng.uniform(0.05, 0.4) * ring[:-delay]
    start = dsp.onset(rng, seconds, 0.35)
    times = start + np.arange(int((seconds - start) * pings) + 1) / pings
    audio = rng.uniform(0, 0.02) * dsp.lowpass(dsp.noise(rng, n), rate, 400)
    for at in times:
        dsp.place(audio, ping.astype(np.float32), int(at * rate))
    if times.size == 1:
        return Sound(audio.astype(np.float32), Traits("tonal", "single", pitch))
    return Sound(audio.astype(np.float32), Traits("tonal", "repeating", pitch, pings))


@family(
    "steam hissing",
    words=("steam escaping from a valve", "a hissing pipe", "gas leaking under pressure"),
    prompts=(
        "a pressure cooker letting off steam",
        "vapour rushing out of a vent",
        "an espresso machine's wand hissing",
    ),
    acoustics="bright sharp hiss under pressure, very high and smooth",
    group="electronic",
)
def steam_hissing(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    corner = rng.uniform(2000, 4500)
    hiss = dsp.highpass(dsp.noise(rng, n), rate, corner, int(rng.integers(1, 4)))
    jet = rng.uniform(2500, 6500)
    hiss = hiss / (hiss.std() + 1e-9) + rng.uniform(0.2, 1.5) * dsp.resonate(hiss, rate, jet, rng.uniform(500, 2500))
    t = np.arange(n, dtype=np.float32) / rate
    flutter = np.exp(rng.uniform(0.02, 0.2) * dsp.drift(rng, n, rate, rng.uniform(5, 30)))
    if rng.uniform() < 0.55:
        audio = hiss * flutter
        return Sound(audio.astype(np.float32), Traits("noisy", "continuous", jet))
    start = dsp.onset(rng, seconds, 0.35)
    level = np.clip((t - start) / rng.uniform(0.01, 0.15), 0, 1)
    level = level * np.exp(-np.maximum(t - start, 0) / rng.uniform(0.3, 2.0))
    return Sound((hiss * flutter * level).astype(np.float32), Traits("noisy", "single", jet))


@family(
    "laser zap",
    words=("a science fiction laser", "a ray gun", "arcade laser shots"),
    prompts=("a blaster firing in a space film", "a video game zap", "pew pew of a toy gun"),
    acoustics="very fast falling electronic sweeps, from very high to low",
    group="electronic",
)
def laser_zap(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    top, bottom = rng.uniform(2500, 6500), rng.uniform(120, 600)
    length = int(rate * rng.uniform(0.12, 0.5))
    t = np.arange(length) / rate
    speed = rng.uniform(2.5, 7) / (length / rate)
    frequency = bottom + (top - bottom) * np.exp(-speed * t)
    phase = dsp.glide(length, rate, frequency)
    ratio, depth = rng.choice([0.5, 1.0, 1.5, 2.0]), rng.uniform(0, 2.0)
    zap = np.sin(phase + depth * np.sin(ratio * phase) * np.exp(-2 * speed * t))
    zap = zap + rng.uniform(0, 0.5) * np.sign(zap)
    zap = (zap * dsp.envelope(length, rate, 0.002, 1.5 * length / rate)).astype(np.float32)
    zap = zap * dsp.gate(length, rate, np.array([0.0]), length / rate, 0.004)
    centre = float(np.sqrt(top * bottom))
    audio = np.zeros(n, np.float32)
    if rng.uniform() < 0.25:
        dsp.place(audio, zap, int(dsp.onset(rng, seconds) * rate))
        return Sound(audio, Traits("tonal", "single", centre))
    shots = rng.uniform(1.5, 6.5)
    start = dsp.onset(rng, seconds, 0.25)
    times = start + np.arange(max(1, int((seconds - start) * shots))) / shots
    if times.size > 2 and rng.uniform() < 0.4:
        times = times[: int(rng.integers(2, times.size + 1))]
    for at in times:
        dsp.place(audio, zap, int(at * rate), rng.uniform(0.6, 1))
    if times.size == 1:
        return Sound(audio, Traits("tonal", "single", centre))
    return Sound(audio, Traits("tonal", "repeating", centre, shots))


@family(
    "camera shutter",
    words=("taking a photo", "a camera clicking", "shutter release of a camera"),
    prompts=("a photographer pressing the release", "snapshots being taken", "the click of a reflex camera"),
    acoustics="a quick double mechanical click, crisp and short",
    group="electronic",
)
def camera_shutter(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    centre = rng.uniform(1300, 4200)
    gap = rng.uniform(0.035, 0.13)
    length = int((gap + 0.3) * rate)
    shutter = np.zeros(length, np.float32)
    clicks = [(0.0, 1.0, 1.0), (gap, rng.uniform(0.5, 1.1), rng.uniform(0.7, 1.2))]
    clicks += [(gap * rng.uniform(0.2, 0.8), 0.3, 1.5)] if rng.uniform() < 0.6 else []  # the second curtain
    for at, gain, colour in clicks:
        samples = int(0.12 * rate)
        fall = rng.uniform(0.02, 0.07)
        burst = dsp.noise(rng, samples) * dsp.envelope(samples, rate, 0.0005, fall)
        metal = dsp.resonate(burst, rate, centre * colour, centre * 0.25)
        metal = metal + 0.6 * dsp.resonate(burst, rate, centre * colour * 2.1, centre * 0.4)
        mirror = dsp.resonate(burst, rate, rng.uniform(250, 700), 200)  # the mirror slaps
        dsp.place(shutter, 0.15 * burst + metal + rng.uniform(0.2, 1) * mirror, int(at * rate), gain)
    if rng.uniform() < 0.35:  # the film is wound on
        samples = length - int(gap * rate)
        motor = dsp.harmonics(dsp.glide(samples, rate, rng.uniform(150, 400)), rate, 400, np.arange(1, 12) ** -0.6)
        dsp.place(shutter, motor * dsp.envelope(samples, rate, 0.03, 0.5), int(gap * rate), 0.03)
    audio = np.zeros(n, np.float32)
    start = dsp.onset(rng, seconds, 0.3)
    if rng.uniform() < 0.3:
        dsp.place(audio, shutter, int(start * rate))
        return Sound(audio, Traits("clicking", "single", centre))
    shots = rng.uniform(1.2, 5)
    times = start + np.arange(max(1, int((seconds - start) * shots))) / shots
    times = np.maximum(times + rng.uniform(0, 0.05) * rng.standard_normal(times.size) / shots, 0)
    for at in times:
        dsp.place(audio, shutter, int(at * rate), rng.uniform(0.7, 1))
    if times.size == 1:
        return Sound(audio, Traits("clicking", "single", centre))
    return Sound(audio, Traits("clicking", "repeating", centre, shots))
