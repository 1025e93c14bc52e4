"""Musical instruments: strings, pipes, brass, bars and drums, each playing a short line of its own.

Strings are Karplus-Strong loops or stiff-string modes, winds are harmonic sums with breath, drums are membrane modes
with noise. Melodies are random walks on a random scale.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import dsp
from .registry import Sound, Traits, family

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))


def _line(
    rng: Generator, seconds: float, low_hz: float, high_hz: float, notes_hz: float, latest: float = 0.25
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A melody: starts (s), lengths (s), pitches (Hz), a random walk on a random scale between two pitches."""
    scale = SCALES[rng.integers(len(SCALES))]
    root = rng.uniform(0, 12)
    steps = np.array([root + 12 * octave + s for octave in range(10) for s in scale])
    pitches = 16.35 * 2 ** (steps / 12)
    pitches = pitches[(pitches >= low_hz) & (pitches <= high_hz)]
    start = dsp.onset(rng, seconds, latest)
    lengths = rng.choice([0.5, 1.0, 1.0, 1.0, 2.0], int(seconds * notes_hz * 2) + 2) / notes_hz
    starts = start + np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    keep = starts < max(seconds - 0.05, start + 1e-6)
    walk = int(rng.integers(pitches.size)) + np.cumsum(rng.integers(-3, 4, starts.size))
    walk = np.abs((walk + pitches.size - 1) % (2 * pitches.size - 1 or 1) - (pitches.size - 1))  # reflected at the ends
    return starts[keep], lengths[keep], pitches[walk][keep]


def _told(texture: str, pitches_hz: np.ndarray, starts_s: np.ndarray) -> Traits:
    """Traits of a line: its median pitch and the rate that was really played; single where there is only one note."""
    pitch = float(np.median(pitches_hz))
    if len(starts_s) < 2:
        return Traits(texture, "single", pitch)
    return Traits(texture, "repeating", pitch, float((len(starts_s) - 1) / (starts_s[-1] - starts_s[0])))


def _strings(
    rng: Generator,
    samples: int,
    rate: int,
    strings: list[tuple[float, float, float]],
    stiffness: float,
    fall: float,
    position: float,
    partials: int,
) -> np.ndarray:
    """Struck or plucked stiff strings (pitch_hz, decay_s, level) by their modes, all in one sum.

    `position` of the hammer or finger puts notches into the spectrum, `fall` tilts the partials.
    """
    frequencies, decays, gains = [], [], []
    for pitch, decay, level in strings:
        k = np.arange(1, int(min(partials, max(1, 6500 // pitch))) + 1)
        f = pitch * k * np.sqrt(1 + stiffness * k**2)
        frequencies.append(f)
        gains.append(
            level * np.abs(np.sin(np.pi * k * position)) * k**-fall * np.exp(0.2 * rng.standard_normal(k.size))
        )
        decays.append(decay / (1 + 0.25 * (k - 1) + (f / 3500) ** 2))
    f = np.concatenate(frequencies)
    return dsp.modes(samples, rate, f, np.concatenate(decays), np.concatenate(gains), rng.uniform(0, 0.4, f.size))


def _sustained(samples: int, rate: int, attack_s: float, release_s: float) -> np.ndarray:
    """Linear attack and release of a held note."""
    t = np.arange(samples, dtype=np.float32) / rate
    return np.clip(np.minimum(t / attack_s, (samples / rate - t) / release_s), 0, 1)


@family(
    "guitar",
    words=("an acoustic guitar", "strumming a guitar", "plucked steel strings"),
    prompts=("someone playing the guitar", "chords on a six-string", "fingerpicking on an acoustic instrument"),
    acoustics="warm plucked strings, low to middle pitch, ringing chords",
    group="music",
)
def guitar(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    bright, decay = rng.uniform(0.25, 0.95), rng.uniform(1.5, 6)
    audio = np.zeros(n, np.float32)
    if rng.uniform() < 0.5:  # strummed chord: a few strings a few milliseconds apart
        strums = rng.uniform(0.7, 2.0)
        root = rng.uniform(82, 165)
        chord = root * 2 ** (np.array([0, 7, 12, 16 if rng.uniform() < 0.6 else 15, 19]) / 12)
        start, spread = dsp.onset(rng, seconds, 0.25), rng.uniform(0.008, 0.035)
        ring = int(min(seconds - start, 1 / strums) * rate) + 1  # damped by the next strum
        strings = [dsp.pluck(rng, ring, rate, p, decay, bright) for p in chord]
        times = start + np.arange(int((seconds - start) * strums) + 1) / strums
        for at in times:
            order = np.arange(5) if rng.uniform() < 0.6 else np.arange(5)[::-1]
            level = rng.uniform(0.5, 1)
            until = int((at + 1 / strums) * rate)
            for string, rank in zip(strings, order, strict=True):
                begin = int((at + rank * spread) * rate)
                dsp.place(audio, string[: max(until - begin, 0)], begin, level)
        traits = Traits("tonal", "repeating", root, strums) if times.size > 1 else Traits("tonal", "single", root)
    else:
        notes = rng.uniform(2, 6)
        starts, lengths, pitches = _line(rng, seconds, 90, 520, notes)
        for at, length, pitch in zip(starts, lengths, pitches, strict=True):
            samples = int(min(seconds - at, length * rng.uniform(1.0, 1.6)) * rate) + 1
            tone = dsp.pluck(rng, samples, rate, pitch, decay, bright) * _sustained(samples, rate, 0.001, 0.02)
            dsp.place(audio, tone, int(at * rate), rng.uniform(0.6, 1))
        traits = _told("tonal", pitches, starts)
    body = audio + rng.uniform(0.5, 2) * dsp.resonate(audio, rate, rng.uniform(90, 130), 25)
    body = body + rng.uniform(0.3, 1.5) * dsp.resonate(audio, rate, rng.uniform(180, 260), 50)
    return Sound(body.astype(np.float32), traits)


@family(
    "harp",
    words=("a harp glissando", "a concert harp", "plucked harp strings"),
    prompts=("a harpist sweeping the strings", "a dreamy run on the harp", "a harp playing an arpeggio"),
    acoustics="soft plucked tones that run quickly up or down a scale",
    group="music",
)
def harp(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    scale = np.array(SCALES[rng.integers(len(SCALES))])
    if rng.uniform() < 0.4:  # an arpeggio
        scale = np.array([0, 4 if rng.uniform() < 0.6 else 3, 7])
    steps = np.concatenate([scale + 12 * octave for octave in range(5)])
    root = rng.uniform(65, 180)
    strings = root * 2 ** (steps / 12)
    strings = strings[strings < 2600]
    notes = rng.uniform(6, 16)
    start = dsp.onset(rng, seconds, 0.3)
    times = (
        start + np.cumsum(np.maximum(0.3, 1 + 0.12 * rng.standard_normal(int((seconds - start) * notes) + 1))) / notes
    )
    times = times - times[0] + start
    turn = 2 * strings.size - 2
    walk = (int(rng.integers(turn)) + np.arange(times.size)) % turn  # up to the top and down again
    which = np.where(walk < strings.size, walk, turn - walk)
    decay, fall, position = rng.uniform(1.2, 3.5), rng.uniform(1.4, 2.6), rng.uniform(0.3, 0.5)
    audio = np.zeros(n, np.float32)
    for at, pitch in zip(times, strings[which], strict=True):
        length = decay * (300 / pitch) ** 0.3
        samples = max(8, int(rate * min(0.75 * length, seconds - at)))
        tone = _strings(rng, samples, rate, [(pitch, length, 1.0)], 2e-5, fall, position, 10)
        dsp.place(audio, tone, int(at * rate), rng.uniform(0.6, 1.0))
    return Sound(audio, _told("tonal", strings[which], times))


@family(
    "piano",
    words=("a grand piano", "someone playing the piano", "piano keys"),
    prompts=("a pianist practising", "notes on a concert grand", "keyboard music with hammered strings"),
    acoustics="percussive hammered string tones with a long clear decay",
    group="music",
)
def piano(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    notes = rng.uniform(1.2, 5)
    starts, lengths, pitches = _line(rng, seconds, 110, 1300, notes)
    decay, fall, position = rng.uniform(2, 7), rng.uniform(0.9, 1.8), rng.uniform(0.1, 0.14)
    stiffness, detune = 10 ** rng.uniform(-3.9, -3.1), rng.uniform(0.0003, 0.0016)
    chords = rng.uniform() < 0.5
    audio = np.zeros(n, np.float32)
    for at, length, pitch in zip(starts, lengths, pitches, strict=True):
        samples = int(min(seconds - at, length * rng.uniform(1, 1.8)) * rate) + 1
        together = (1.0, 2 ** (rng.choice([3, 4, 5, 7]) / 12), 0.5) if chords and rng.uniform() < 0.6 else (1.0,)
        keys = []
        for ratio in together:
            p = pitch * ratio
            keys += [(p, decay * (260 / p) ** 0.4, 1.0), (p * (1 + detune), decay * 0.6, 0.7)]  # two strings a key
        tone = _strings(rng, samples, rate, keys, stiffness, fall, position, 14)
        knock = min(samples, int(0.05 * rate))
        tone[:knock] += 0.2 * dsp.noise(rng, knock, -6.0) * dsp.envelope(knock, rate, 0.001, 0.05)
        dsp.place(audio, tone * _sustained(samples, rate, 0.002, 0.04), int(at * rate), rng.uniform(0.5, 1))
    return Sound(audio, _told("tonal", pitches, starts))


def _frequency(samples: int, rate: int, line: tuple[np.ndarray, np.ndarray, np.ndarray], slide_s: float) -> np.ndarray:
    """Pitch curve of a line that is played without lifting, sliding from note to note over slide_s."""
    starts, _, pitches = line
    times = np.stack([starts - slide_s / 2, starts + slide_s / 2], axis=1).ravel()
    values = np.stack([np.concatenate([pitches[:1], pitches[:-1]]), pitches], axis=1).ravel()
    return np.exp(np.interp(np.arange(samples) / rate, times, np.log(values)))


def _vibrato(rng: Generator, samples: int, rate: int, low: float, high: float) -> np.ndarray:
    """A slow sine about zero whose rate wanders between two values."""
    wander = 1 + 0.06 * dsp.drift(rng, samples, rate, 2.0)
    return np.sin(dsp.glide(samples, rate, rng.uniform(low, high) * wander) + rng.uniform(0, 6.28)).astype(np.float32)


@family(
    "violin",
    words=("a violin melody", "a fiddle", "bowed strings"),
    prompts=("a violinist playing a solo", "a bow drawn over strings", "fiddle tune"),
    acoustics="singing bowed tone with vibrato, rich in overtones, high",
    group="music",
)
def violin(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    notes = rng.uniform(0.9, 4.5)
    line = _line(rng, seconds, 196, 1250, notes)
    starts, lengths, pitches = line
    shake = _vibrato(rng, n, rate, 4.5, 7)
    frequency = _frequency(n, rate, line, rng.uniform(0.02, 0.08)) * (1 + rng.uniform(0.002, 0.012) * shake)
    k = np.arange(1, 18)
    gains = k ** -rng.uniform(0.8, 1.3) * np.exp(0.35 * rng.standard_normal(k.size))
    tone = dsp.harmonics(dsp.glide(n, rate, frequency), rate, float(pitches.max()), gains)
    bow = tone + rng.uniform(0.02, 0.12) * dsp.noise(rng, n) * np.abs(tone)
    audio = 0.4 * bow
    for centre, width in ((280, 60), (480, 80), (950, 200), (2700, 900)):  # air, wood and bridge
        audio = audio + rng.uniform(0.3, 1.3) * dsp.resonate(bow, rate, centre * rng.uniform(0.9, 1.1), width)
    level = dsp.gate(n, rate, starts, lengths * rng.uniform(0.85, 0.99), rng.uniform(0.03, 0.12))
    return Sound((audio * (1 + 0.2 * shake) * level).astype(np.float32), _told("tonal", pitches, starts))


@family(
    "flute",
    words=("a flute melody", "a wooden flute", "a transverse flute playing"),
    prompts=("a flautist playing softly", "someone playing the recorder or flute", "woodwind solo with breath"),
    acoustics="pure breathy tone, high and gentle, almost without overtones",
    group="music",
)
def flute(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    notes = rng.uniform(1, 5)
    line = _line(rng, seconds, 280, 1700, notes)
    starts, lengths, pitches = line
    shake = _vibrato(rng, n, rate, 4, 6.5)
    frequency = _frequency(n, rate, line, 0.015) * (1 + rng.uniform(0, 0.004) * shake)
    gains = np.array([1.0, 0.35, 0.15, 0.04, 0.02]) * rng.uniform(0.2, 1.2, 5)
    gains[0] = 1.0
    tone = dsp.harmonics(dsp.glide(n, rate, frequency), rate, float(pitches.max()), gains)
    tone = tone * (1 + rng.uniform(0.05, 0.35) * shake)
    middle = float(np.median(pitches))
    breath = dsp.bandpass(dsp.noise(rng, n), rate, 0.7 * middle, 6 * middle, 1)
    level = dsp.gate(n, rate, starts, lengths * rng.uniform(0.8, 0.98), rng.uniform(0.02, 0.08))
    audio = (tone + rng.uniform(0.05, 0.3) * breath) * level
    return Sound(audio.astype(np.float32), _told("tonal", pitches, starts))


@family(
    "organ",
    words=("a church organ", "a pipe organ", "organ chords"),
    prompts=("an organist in a cathedral", "large pipes sounding in a chapel", "sustained hymn on a pipe instrument"),
    acoustics="steady thick chords of many pipes, without any vibrato or decay",
    group="music",
)
def organ(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    changes = rng.uniform(0.4, 1.5)
    starts, lengths, pitches = _line(rng, seconds, 130, 420, changes, latest=0.15)
    stops = np.array([0.5, 1, 2, 3, 4, 6, 8])  # footages: 16', 8', 4', 2 2/3', 2' ...
    levels = rng.uniform(0.0, 1.0, stops.size) * np.array([0.8, 1, 0.9, 0.4, 0.6, 0.3, 0.3])
    levels[1] = 1.0
    chord = np.array([1.0, 2 ** (rng.choice([3, 4]) / 12), 2 ** (7 / 12), 2.0])[: int(rng.integers(2, 5))]
    attack = rng.uniform(0.01, 0.06)
    audio = np.zeros(n, np.float32)
    for at, length, pitch in zip(starts, lengths, pitches, strict=True):
        samples = min(n, int(length * rate))
        pipes = (pitch * chord[:, None] * stops[None, :]).ravel()
        pipes = np.concatenate([pipes, 3 * pipes]) * np.exp(0.0008 * rng.standard_normal(2 * pipes.size))
        gains = np.tile(levels, chord.size)
        gains = np.concatenate([gains, rng.uniform(0.05, 0.3) * gains])  # stopped and reed pipes carry odd harmonics
        tone = dsp.modes(samples, rate, pipes, np.full(pipes.size, 1e3), gains, rng.uniform(0, 6.28, pipes.size))
        dsp.place(audio, tone * _sustained(samples, rate, attack, 0.05), int(at * rate))
    wind = dsp.bandpass(dsp.noise(rng, n), rate, 800, 4000, 1)
    return Sound(audio + rng.uniform(0, 0.08) * wind, _told("tonal", pitches, starts))


@family(
    "trumpet",
    words=("a trumpet fanfare", "a brass instrument", "a bugle call"),
    prompts=("a trumpeter playing a call", "brassy fanfare", "someone playing a cornet"),
    acoustics="bright brassy tones with a sharp attack, middle to high",
    group="music",
)
def trumpet(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    notes = rng.uniform(1.5, 6)
    starts, lengths, pitches = _line(rng, seconds, 175, 950, notes)
    audio = np.zeros(n, np.float32)
    swell, fall = rng.uniform(0.3, 0.8), rng.uniform(0.35, 0.8)
    attack, hold = rng.uniform(0.015, 0.05), rng.uniform(0.6, 0.97)
    for at, length, pitch in zip(starts, lengths, pitches, strict=True):
        samples = max(64, int(min(seconds - at, length * hold) * rate))
        scoop = 1 - 0.03 * np.exp(-np.arange(samples) / (0.02 * rate))
        phase = dsp.glide(samples, rate, pitch * scoop)
        k = np.arange(1, 21)
        dull = dsp.harmonics(phase, rate, pitch, k**-2.2)
        bright = dsp.harmonics(phase, rate, pitch, k**-fall * np.exp(-(((k * pitch) / 4500.0) ** 2)))
        level = _sustained(samples, rate, attack, 0.03)
        t = np.arange(samples) / (samples)
        blow = level * (1 - swell + swell * np.exp(-3 * t))  # louder is brighter: brass steepens its own wave
        dsp.place(audio, (level * dull * 0.5 + blow * blow * bright).astype(np.float32), int(at * rate))
    formant = dsp.resonate(audio, rate, rng.uniform(1100, 1700), rng.uniform(400, 900))
    return Sound(audio + rng.uniform(0.5, 2) * formant, _told("tonal", pitches, starts))


@family(
    "xylophone",
    words=("a xylophone tune", "wooden bars struck with mallets", "a marimba"),
    prompts=("mallets on wooden bars", "someone playing the marimba", "a wooden percussion melody"),
    acoustics="short dry wooden tones, high, in quick succession",
    group="music",
)
def xylophone(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    notes = rng.uniform(2.5, 9)
    starts, _, pitches = _line(rng, seconds, 330, 2100, notes)
    overtones = np.array([1.0, 3.0, 6.1]) if rng.uniform() < 0.6 else np.array([1.0, 3.93, 9.2])
    decay = rng.uniform(0.18, 0.7)
    gains = np.array([1.0, rng.uniform(0.15, 0.6), rng.uniform(0.05, 0.25)])
    audio = np.zeros(n, np.float32)
    tap_length = int(0.02 * rate)
    for at, pitch in zip(starts, pitches, strict=True):
        decays = decay * (600 / pitch) ** 0.5 * np.array([1.0, 0.35, 0.15])
        tone = dsp.modes(
            int(decays[0] * rate) + tap_length, rate, pitch * overtones, decays, gains, rng.uniform(0, 1, 3)
        )
        tone[:tap_length] += 0.15 * dsp.noise(rng, tap_length) * dsp.envelope(tap_length, rate, 0.0005, 0.015)
        dsp.place(audio, tone, int(at * rate), rng.uniform(0.6, 1.0))
    return Sound(audio, _told("tonal", pitches, starts))


def _beats(rng: Generator, seconds: float, beats_hz: float) -> np.ndarray:
    """Times of a steady beat that starts early in the clip."""
    start = min(dsp.onset(rng, seconds, 0.3), 0.8 / beats_hz)
    times = start + np.arange(int((seconds - start) * beats_hz) + 1) / beats_hz
    return np.maximum(times + 0.006 * rng.standard_normal(times.size), 0)


@family(
    "bass drum",
    words=("a kick drum", "a big drum beaten", "deep drum beats"),
    prompts=("a marching band's big drum", "low booming drum hits", "kick of a drum kit"),
    acoustics="very low booming thuds, regular",
    group="music",
)
def bass_drum(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    beats = rng.uniform(0.8, 3.2)
    pitch, drop = rng.uniform(42, 105), rng.uniform(0.2, 1.5)
    length = int(rate * rng.uniform(0.25, 0.9))
    t = np.arange(length) / rate
    phase = dsp.glide(length, rate, pitch * (1 + drop * np.exp(-t / rng.uniform(0.01, 0.05))))
    tone = np.sin(phase) + rng.uniform(0, 0.4) * np.sin(1.59 * phase) + rng.uniform(0, 0.25) * np.sin(2.3 * phase)
    tone = tone * dsp.envelope(length, rate, 0.002, length / rate)
    beater = dsp.lowpass(dsp.noise(rng, length), rate, rng.uniform(400, 3000))
    tone = tone + rng.uniform(0.1, 0.8) * beater * dsp.envelope(length, rate, 0.001, rng.uniform(0.02, 0.06))
    tone = np.tanh(rng.uniform(0.5, 2.5) * tone).astype(np.float32)
    times = _beats(rng, seconds, beats)
    audio = np.zeros(n, np.float32)
    for at in times:
        dsp.place(audio, tone, int(at * rate), rng.uniform(0.7, 1.0))
    if times.size == 1:
        return Sound(audio, Traits("noisy", "single", pitch))
    return Sound(audio, Traits("noisy", "repeating", pitch, beats))


@family(
    "snare drum",
    words=("a snare drum roll", "a side drum", "military drumming"),
    prompts=("a drummer tapping the snare", "rattling drum of a marching band", "a crisp drum roll"),
    acoustics="sharp rattling bursts, crisp and bright, fast",
    group="music",
)
def snare_drum(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    roll = rng.uniform() < 0.35
    beats = rng.uniform(12, 24) if roll else rng.uniform(1.5, 8)
    pitch = rng.uniform(150, 320)
    length = int(rate * rng.uniform(0.12, 0.3))
    skin = dsp.modes(
        length,
        rate,
        pitch * np.array([1.0, 1.59, 2.14, 2.65]),
        rng.uniform(0.08, 0.2, 4),
        rng.uniform(0.3, 1, 4),
        np.zeros(4),
    )
    low, high = rng.uniform(900, 2200), rng.uniform(5000, 9000)
    wires = dsp.bandpass(dsp.noise(rng, length * 4), rate, low, high, 1)
    fade = dsp.envelope(length, rate, 0.001, rng.uniform(0.1, 0.28))
    level = rng.uniform(0.6, 2.0)
    audio = np.zeros(n, np.float32)
    times = _beats(rng, seconds, beats)
    accents = np.where(rng.uniform(size=times.size) < 0.3, 1.0, rng.uniform(0.3, 0.9))
    for at, accent in zip(times, accents, strict=True):
        offset = int(rng.integers(0, 3 * length))
        hit = skin + level * wires[offset : offset + length]
        dsp.place(audio, hit * fade, int(at * rate), accent)
    if times.size == 1:
        return Sound(audio, Traits("noisy", "single", float(np.sqrt(low * high))))
    return Sound(audio, Traits("noisy", "repeating", float(np.sqrt(low * high)), beats))


@family(
    "cymbal",
    words=("a cymbal crash", "a hi-hat", "cymbals"),
    prompts=("a crash of brass plates", "a drummer hitting the ride or crash", "shimmering percussion plate"),
    acoustics="bright metallic hiss, very high and dense, fading",
    group="music",
)
def cymbal(rng: Generator, rate: int, seconds: float) -> Sound:
    n = round(seconds * rate)
    crash = rng.uniform() < 0.55
    decay = rng.uniform(1.0, 3.5) if crash else rng.uniform(0.08, 0.7)
    length = min(n, int(1.1 * decay * rate))
    low, count = rng.uniform(250, 900), 60
    frequencies = np.exp(rng.uniform(np.log(low), np.log(14000), count))
    gains = rng.uniform(0.1, 1, count) * (frequencies / 3000) ** rng.uniform(0, 0.8)
    decays = decay * rng.uniform(0.4, 1, count)
    tone = 0.15 * dsp.modes(length, rate, frequencies, decays, gains, rng.uniform(0, 6.28, count))
    hiss = dsp.highpass(dsp.noise(rng, length), rate, rng.uniform(1800, 4500))
    tone = tone + rng.uniform(0.4, 1.5) * hiss * dsp.envelope(length, rate, rng.uniform(0.001, 0.02), decay)
    audio = np.zeros(n, np.float32)
    if crash:
        dsp.place(audio, tone.astype(np.float32), int(min(dsp.onset(rng, seconds, 0.4), 1.5) * rate))
        return Sound(audio, Traits("noisy", "single", float(np.sqrt(low * 8000))))
    beats = rng.uniform(1.5, 7)
    times = _beats(rng, seconds, beats)
    for at in times:
        dsp.place(audio, tone.astype(np.float32), int(at * rate), rng.uniform(0.4, 1.0))
    if times.size == 1:
        return Sound(audio, Traits("noisy", "single", float(np.sqrt(low * 8000))))
    return Sound(audio, Traits("noisy", "repeating", float(np.sqrt(low * 8000)), beats))
