"""Second generators, for testing only: alarms, instruments, animals and voices, by other means than the families use.

Written from the sound itself, without reading the families: additive partials instead of strings, pulse trains through
filters instead of shaped harmonics, clipped oscillators, FM. They share no code with the families on purpose.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from .registry import Sound, Traits, second


def _time(rate: int, seconds: float) -> np.ndarray:
    return np.arange(round(rate * seconds)) / rate


def _mix(out: np.ndarray, piece: np.ndarray, at: int) -> None:
    """Add a piece from sample `at` on, cut at the end of the clip."""
    room = out[at : at + piece.size]
    room += piece[: room.size]


def _pulse_train(rate: int, pitch_hz: np.ndarray) -> np.ndarray:
    """Impulses at the wraps of the phase of a changing pitch (n,) Hz, dulled by 6 dB an octave above 250 Hz."""
    wraps = np.diff(np.floor(np.cumsum(pitch_hz) / rate), prepend=0.0)
    pole = np.exp(-2 * np.pi * 250 / rate)
    return signal.lfilter([1.0], [1.0, -pole], wraps)


def _formants(x: np.ndarray, rate: int, centres_hz: list[float], q: float) -> np.ndarray:
    """Parallel constant-peak resonators, the higher ones weaker."""
    out = np.zeros_like(x)
    for i, centre in enumerate(centres_hz):
        b, a = signal.iirpeak(min(centre, 0.45 * rate), q, fs=rate)
        out += signal.lfilter(b, a, x) * 0.7**i
    return out


@second("smoke alarm")
def smoke_alarm(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """The T3 signal by a clipped piezo sine and boolean timing."""
    t = _time(rate, seconds) + rng.uniform(0, 3.0)
    pitch = rng.uniform(2850, 3400)
    cycle = t % 4.0
    on = (cycle < 3.0) & (cycle % 1.0 < 0.5)
    tone = np.tanh(rng.uniform(1, 3) * np.sin(2 * np.pi * pitch * t)) * on
    return Sound(tone.astype(np.float32), Traits("tonal", "repeating", pitch, 1.0))


@second("police siren")
def police_siren(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """An RC oscillator: the pitch charges and discharges exponentially between two limits; wail or yelp."""
    yelp = rng.uniform() < 0.5
    cycles = rng.uniform(2.6, 3.8) if yelp else rng.uniform(0.18, 0.35)
    low, high = rng.uniform(550, 750), rng.uniform(1350, 1750)
    where = (_time(rate, seconds) * cycles + rng.uniform()) % 1.0
    rise = 0.6
    charge = np.where(where < rise, 1 - np.exp(-2.5 * where / rise), np.exp(-2.5 * (where - rise) / (1 - rise)))
    phase = 2 * np.pi * np.cumsum(low + (high - low) * charge) / rate
    tone = np.tanh(2.5 * np.sin(phase) + 0.6 * np.sin(2 * phase))
    traits = Traits(
        "tonal", "repeating" if yelp else "continuous", float(np.sqrt(low * high)), cycles if yelp else None
    )
    return Sound(tone.astype(np.float32), traits)


@second("car horn")
def car_horn(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Two sawtooth discs a third apart through a horn's band-pass; one long or a few short blasts."""
    t = _time(rate, seconds)
    pitch = rng.uniform(330, 440)
    ratio = rng.uniform(1.18, 1.28)
    voice = signal.sawtooth(2 * np.pi * pitch * t, 0.1) + signal.sawtooth(2 * np.pi * pitch * ratio * t, 0.08)
    voice = signal.sosfilt(signal.butter(2, [900, min(3600, 0.45 * rate)], "bandpass", fs=rate, output="sos"), voice)
    count = int(rng.integers(1, 4))
    length = rng.uniform(0.7, 1.6) if count == 1 else rng.uniform(0.18, 0.4)
    period = length + rng.uniform(0.15, 0.35)
    gate = np.zeros(t.size)
    first = rng.uniform(0.05, 0.3)
    for begin in first + period * np.arange(count):
        gate[int(begin * rate) : int((begin + length) * rate)] = 1.0
    gate = signal.lfilter([1 - np.exp(-1 / (0.008 * rate))], [1, -np.exp(-1 / (0.008 * rate))], gate)
    repeats = count > 1
    return Sound(
        (voice * gate).astype(np.float32),
        Traits("buzzing", "repeating" if repeats else "single", pitch, 1 / period if repeats else None),
    )


@second("telephone ringing")
def telephone_ringing(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A bell telephone as amplitude modulation: two gong tones, each re-struck by a decaying sawtooth envelope."""
    t = _time(rate, seconds)
    strikes = rng.uniform(17, 26)
    pitch = rng.uniform(900, 1500)
    out = np.zeros(t.size)
    for gong, offset in ((pitch, 0.0), (pitch * rng.uniform(1.15, 1.3), 0.5)):
        stroke = np.exp(-rng.uniform(1.0, 2.5) * ((t * strikes / 2 + offset) % 1.0))
        for ratio, gain in ((1.0, 1.0), (2.0, 0.5), (2.98, 0.6), (4.1, 0.3)):
            if gong * ratio < 0.45 * rate:
                out += gain * stroke * np.sin(2 * np.pi * gong * ratio * t + rng.uniform(0, 6.28))
    ring, pause = rng.uniform(0.8, 1.6), rng.uniform(0.4, 1.0)
    on = ((t + rng.uniform(0, 0.6 * ring)) % (ring + pause)) < ring
    tail = np.exp(-1 / (0.06 * rate))
    return Sound(
        (out * signal.lfilter([1 - tail], [1, -tail], on)).astype(np.float32),
        Traits("tonal", "repeating", pitch, 1 / (ring + pause)),
    )


@second("doorbell")
def doorbell(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Ding-dong by Chowning's FM bell: the index dies with the note."""
    out = np.zeros(round(rate * seconds))
    pitch = rng.uniform(560, 820)
    begin, gap = rng.uniform(0.05, 0.35), rng.uniform(0.45, 0.75)
    for note, start in ((pitch, begin), (pitch / rng.uniform(1.2, 1.34), begin + gap)):
        t = _time(rate, seconds - start)
        fall = np.exp(-t / rng.uniform(0.3, 0.6))
        modulator = 1.4 * fall * np.sin(2 * np.pi * note * 3.5 * t)
        _mix(out, fall * np.sin(2 * np.pi * note * t + modulator) * np.minimum(1, t / 0.003), int(start * rate))
    return Sound(out.astype(np.float32), Traits("tonal", "single", pitch))


@second("alarm clock")
def alarm_clock(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A quartz clock's piezo: square wave beeps in fours, by integer division of the time."""
    t = _time(rate, seconds) + rng.uniform(0, 1)
    pitch = rng.uniform(1900, 2700)
    beat = rng.uniform(0.11, 0.145)
    slot = np.floor(t / beat)
    on = (slot % rng.integers(7, 9) < 4) & (t / beat - slot < rng.uniform(0.45, 0.6))
    tone = np.sign(np.sin(2 * np.pi * pitch * t)) * on
    tone = signal.sosfilt(signal.butter(2, 0.4 * rate, fs=rate, output="sos"), tone)
    return Sound(tone.astype(np.float32), Traits("tonal", "repeating", pitch, 1 / beat))


@second("guitar")
def guitar(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Additive strings: partial n starts at sin(pi n p)/n (p the plucking point) and dies faster the higher it is."""
    out = np.zeros(round(rate * seconds))
    root = rng.uniform(82, 300)
    steps = rng.choice([0, 3, 4, 5, 7, 10, 12, 15, 16], int(rng.integers(4, 8)))
    gap = rng.uniform(0.16, 0.45)
    start = rng.uniform(0.0, 0.2)
    for step in steps:
        if start > seconds - 0.1:
            break
        pitch = root * 2 ** (step / 12)
        t = _time(rate, min(1.6, seconds - start))
        pluck_point = rng.uniform(0.1, 0.3)
        note = np.zeros(t.size)
        for n in range(1, int(min(20, 0.42 * rate / pitch)) + 1):
            decay = (0.5 + 40.0 / pitch) / (1 + 0.12 * n)
            partial = np.sin(2 * np.pi * n * pitch * np.sqrt(1 + 4e-5 * n * n) * t)
            note += np.sin(np.pi * n * pluck_point) / n * np.exp(-t / decay) * partial
        note[: int(0.004 * rate)] += 0.15 * rng.standard_normal(int(0.004 * rate))[: note.size]
        _mix(out, note, int(start * rate))
        start += gap
    return Sound(out.astype(np.float32), Traits("tonal", "repeating", float(root * 1.5), 1 / gap))


@second("piano")
def piano(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Additive stretched partials with two decay rates and a felt thump; single notes and chords."""
    out = np.zeros(round(rate * seconds))
    root = 2 ** rng.uniform(np.log2(130), np.log2(420))
    gap = rng.uniform(0.22, 0.6)
    start = rng.uniform(0.0, 0.25)
    while start < seconds - 0.1:
        for step in rng.choice([0, 4, 7, 9, 12], int(rng.integers(1, 3)), replace=False):
            pitch = root * 2 ** (step / 12)
            t = _time(rate, min(1.5, seconds - start))
            note = np.zeros(t.size)
            for n in range(1, int(min(12, 0.42 * rate / pitch)) + 1):
                stretched = n * pitch * np.sqrt(1 + 4e-4 * n * n)
                decay = 0.75 * np.exp(-t * (5 + 1.2 * n)) + 0.25 * np.exp(-t * (1.0 + 0.3 * n))
                note += decay / n**1.3 * np.sin(2 * np.pi * stretched * t + rng.uniform(0, 6.28))
            _mix(out, note * np.minimum(1, t / 0.004), int(start * rate))
        thump = rng.standard_normal(int(0.02 * rate)) * np.hanning(int(0.02 * rate)) * 0.08
        _mix(out, thump, int(start * rate))
        start += gap
    return Sound(out.astype(np.float32), Traits("tonal", "repeating", float(root * 1.3), 1 / gap))


@second("dog barking")
def dog_barking(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Pulse trains with a quick up-down pitch and heavy jitter, through three resonances, with a breath of noise."""
    out = np.zeros(round(rate * seconds))
    pitch = 2 ** rng.uniform(np.log2(220), np.log2(600))
    barks = rng.uniform(1.3, 3.2)
    size = rng.uniform(0.8, 1.3)
    start = rng.uniform(0.02, 0.3)
    while start < seconds - 0.1:
        t = _time(rate, rng.uniform(0.12, 0.22))
        u = t / t[-1]
        track = pitch * (0.7 + 0.6 * np.sin(np.pi * u**0.6)) * (1 + 0.05 * rng.standard_normal(t.size))
        source = _pulse_train(rate, track) + 0.08 * rng.standard_normal(t.size)
        mouth = _formants(source, rate, [700 * size, 1300 * size, 2600 * size], 4.0)
        _mix(out, mouth * np.sin(np.pi * u**0.45) ** 2, int(start * rate))
        start += (1 + 0.15 * rng.standard_normal()) / barks
    return Sound(out.astype(np.float32), Traits("vocal", "repeating", float(pitch), barks))


@second("cow mooing")
def cow_mooing(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """A rough sawtooth, closed ("mm") at first, then open ("oo"): a cross-fade of two fixed filters."""
    out = np.zeros(round(rate * seconds))
    t = _time(rate, min(rng.uniform(1.2, 1.9), 0.85 * seconds))
    u = t / t[-1]
    pitch = rng.uniform(95, 170)
    track = pitch * (0.85 + 0.3 * np.sin(np.pi * u**0.8)) * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(20, 35) * t))
    source = signal.sawtooth(2 * np.pi * np.cumsum(track) / rate) + 0.05 * rng.standard_normal(t.size)
    closed = _formants(source, rate, [240, 900], 3.0)
    opened = _formants(source, rate, [480, 800, 2200], 3.0)
    blend = np.clip((u - 0.15) / 0.25, 0, 1)
    call = ((1 - blend) * closed + blend * opened) * np.minimum(np.minimum(u / 0.1, (1 - u) / 0.2), 1.0)
    _mix(out, call, int(rng.uniform(0.05, 0.1) * rate))
    return Sound(out.astype(np.float32), Traits("vocal", "single", float(pitch)))


@second("speech")
def speech(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Syllables: a consonant of shaped noise, then pulses through the formants of a random vowel; pauses between words."""
    out = np.zeros(round(rate * seconds))
    pitch = rng.uniform(90, 230)
    tract = 1.0 + 0.15 * (pitch > 150)
    syllables = rng.uniform(3.6, 5.6)
    vowels = (
        (280, 2250, 2900),
        (400, 2000, 2550),
        (700, 1150, 2500),
        (450, 800, 2500),
        (320, 850, 2250),
        (600, 1700, 2450),
    )
    start = rng.uniform(0.0, 0.2)
    while start < seconds - 0.1:
        if rng.uniform() < 0.7:
            edge = rng.uniform(1500, 4500)
            burst = rng.standard_normal(int(rng.uniform(0.02, 0.09) * rate))
            band = [edge, min(1.9 * edge, 0.46 * rate)]
            burst = signal.sosfilt(signal.butter(1, band, "bandpass", fs=rate, output="sos"), burst)
            _mix(out, 0.08 * burst * np.hanning(burst.size), int((start - 0.05) * rate) if start > 0.05 else 0)
        t = _time(rate, rng.uniform(0.5, 0.95) / syllables)
        u = t / t[-1]
        track = pitch * rng.uniform(0.85, 1.2) * (1.08 - 0.16 * u)
        vowel = [f * tract for f in vowels[int(rng.integers(len(vowels)))]]
        voiced = _formants(_pulse_train(rate, track), rate, vowel, 7.0)
        _mix(out, voiced * np.minimum(np.minimum(u / 0.2, (1 - u) / 0.3), 1.0), int(start * rate))
        start += (1 + 0.2 * rng.standard_normal()) / syllables + (rng.uniform() < 0.12) * rng.uniform(0.1, 0.3)
    return Sound(out.astype(np.float32), Traits("vocal", "repeating", float(pitch), syllables))


@second("crickets")
def crickets(rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """Sines above 3.5 kHz multiplied by a squared wing-beat sine and a chirp gate; two to four animals."""
    t = _time(rate, seconds)
    out = np.zeros(t.size)
    pitch, chirps = rng.uniform(3600, 5200), rng.uniform(1.8, 3.6)
    for _ in range(int(rng.integers(2, 5))):
        wing = rng.uniform(26, 40)
        own = chirps * rng.uniform(0.92, 1.08)
        gate = (t * own + rng.uniform()) % 1.0 < rng.uniform(0.3, 0.5)
        beat = np.maximum(np.sin(2 * np.pi * wing * t), 0) ** 2
        out += rng.uniform(0.3, 1) * gate * beat * np.sin(2 * np.pi * pitch * rng.uniform(0.97, 1.03) * t)
    return Sound(out.astype(np.float32), Traits("tonal", "repeating", float(pitch), chirps))
