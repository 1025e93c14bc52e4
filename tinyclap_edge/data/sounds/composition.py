"""A thousand kinds of sound that have no name: excitation x resonator x rhythm x place, drawn at random and then fixed.

They teach the link between words and acoustics ("a fast series of high metallic clicks") without teaching any label.
A kind is its index: its parameters come from a stream seeded by the index alone, wide across kinds; a rendering moves
them by a few per cent. The words for a kind are in composition_words.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .dsp import bandpass, lowpass, place
from .excitations import EXCITATIONS
from .registry import Sound, Traits
from .resonators import RESONATORS, convolve, impulse_response

KINDS = 960
RHYTHMS = ("single", "slow", "fast", "groups", "accelerating", "slowing", "continuous", "random")
PLACES = ("open", "open", "open", "muffled", "telephone")  # three in five stay uncoloured
_SEED = 20261122
_NOISY = ("burst", "scrape", "rumble")
_EVENT_TAIL_S = 0.9  # a ringing event overlaps the next ones by at most this


@dataclass(frozen=True)
class Kind:
    """The fixed parameters of one composed kind."""

    index: int
    excitation: str
    resonator: str
    rhythm: str
    place: str
    pitch_hz: float  # of the excitation where it has one, else of the resonator
    decay_s: float  # time to fall by 60 dB
    rate_hz: float  # events a second
    duty: float  # share of the period that a sustained event fills
    colour: float  # timbre knob of the excitation, 0..1
    group: int  # events in a group
    shape: int  # picks the vowel or the plate

    @property
    def texture(self) -> str:
        """One of registry.TEXTURES, by construction."""
        if self.excitation in _NOISY:
            return "noisy"
        if self.excitation == "grains":
            return "clicking"
        if self.resonator == "throat" and self.excitation in ("glottal", "pulses"):
            return "vocal"
        if self.excitation in ("pulses", "glottal"):
            return "buzzing"
        if self.excitation == "impulse":
            return "tonal" if self.rings else "clicking"
        return "buzzing" if self.excitation in ("fm", "blip") and self.pitch_hz < 250 else "tonal"

    @property
    def rings(self) -> bool:
        """Whether a struck event is heard as a note rather than a click."""
        if self.resonator in ("none", "throat", "box") or self.rhythm == "continuous":
            return self.excitation == "pluck"
        return self.decay_s > 0.3

    @property
    def pattern(self) -> str:
        """One of registry.PATTERNS."""
        return self.rhythm if self.rhythm in ("single", "continuous") else "repeating"


@cache
def _combinations() -> tuple[tuple[str, str, str], ...]:
    """Every sensible (excitation, resonator, rhythm), in a fixed random order."""
    every = [
        (e, r, t)
        for e in EXCITATIONS
        for r in RESONATORS
        for t in RHYTHMS
        if not (e == "rumble" and r in ("bar", "throat"))  # nothing of a rumble is left above such modes
        and not (e == "grains" and t == "fast")  # it is a cloud already
    ]
    order = np.random.default_rng(_SEED).permutation(len(every))
    return tuple(every[i] for i in order)


@cache
def kind(index: int) -> Kind:
    """Kind `index`, 0 <= index < KINDS. Raises IndexError outside."""
    if not 0 <= index < KINDS:
        raise IndexError(f"kind {index} is outside 0..{KINDS - 1}")
    rng = np.random.default_rng([_SEED, index])
    combinations = _combinations()
    excitation, resonator, rhythm = combinations[index % len(combinations)]
    low, high = EXCITATIONS[excitation].pitch_range_hz
    rates = {
        "slow": (0.7, 1.9),
        "fast": (5.5, 11.0),
        "groups": (5.0, 9.0),
        "random": (1.5, 5.0),
        "continuous": (16, 38),
    }
    rate_low, rate_high = rates.get(rhythm, (2.0, 3.0))
    pitch_hz = float(low * (high / low) ** rng.uniform())
    where = PLACES[int(rng.integers(len(PLACES)))]
    if where == "telephone" and not 300 < pitch_hz < 3000:
        where = "open"  # a small loudspeaker would leave nothing of it
    return Kind(
        index=index,
        excitation=excitation,
        resonator=resonator,
        rhythm=rhythm,
        place=where,
        pitch_hz=pitch_hz,
        decay_s=float(0.03 * 50 ** rng.uniform()),
        rate_hz=float(rng.uniform(rate_low, rate_high)),
        duty=float(rng.uniform(0.25, 0.7)),
        colour=float(rng.uniform()),
        group=int(rng.integers(2, 5)),
        shape=int(rng.integers(1000)),
    )


def _onsets(k: Kind, rng: np.random.Generator, seconds: float, rate_hz: float) -> np.ndarray:
    """Start times in seconds of the events of one rendering."""
    if k.rhythm == "single":
        return np.array([rng.uniform(0.05, 0.35) * seconds])
    if k.rhythm == "groups":
        cycle = k.group / rate_hz + rng.uniform(0.45, 0.7)
        starts = np.arange(rng.uniform(0, 0.3), seconds, cycle)
        return (starts[:, None] + np.arange(k.group) / rate_hz).ravel()
    if k.rhythm in ("accelerating", "slowing"):
        count = max(6, int(4.5 * seconds))
        steps = np.geomspace(1.0, 0.12, count)
        steps *= seconds * rng.uniform(0.85, 0.95) / steps.sum()
        times = 0.05 * seconds + np.concatenate([[0.0], np.cumsum(steps[:-1])])
        return times if k.rhythm == "accelerating" else seconds - times[::-1] - steps[-1]
    if k.rhythm == "random":
        count = max(2, rng.poisson(rate_hz * seconds))
        return np.sort(rng.uniform(0.0, 0.95 * seconds, count))
    jitter = 0.25 if k.rhythm == "continuous" else 0.04
    count = int(seconds * rate_hz * 1.3) + 2
    steps = np.maximum(0.3, 1 + jitter * rng.standard_normal(count)) / rate_hz
    return rng.uniform(0, min(0.4, 1 / rate_hz)) + np.concatenate([[0.0], np.cumsum(steps[:-1])])


def _event_seconds(k: Kind, rng: np.random.Generator, seconds: float, rate_hz: float) -> float:
    """How long one excitation lasts."""
    if k.pattern == "continuous" and not EXCITATIONS[k.excitation].struck:
        return seconds
    if EXCITATIONS[k.excitation].struck:
        return min(_EVENT_TAIL_S, 0.05 + k.decay_s) if k.excitation == "pluck" else 0.01
    if k.rhythm == "single":
        return min(0.7 * seconds, rng.uniform(0.35, 1.1))
    if k.rhythm in ("accelerating", "slowing"):
        return 0.05 + 0.05 * k.duty
    return float(np.clip(k.duty / rate_hz, 0.03, 0.7))


def render_kind(index: int, rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """One rendering of kind `index`: dry audio (rate * seconds,) float32 of peak 1, and the traits it really drew."""
    k = kind(index)
    excitation = EXCITATIONS[k.excitation]
    pitch_hz = k.pitch_hz * 2 ** rng.uniform(-0.12, 0.12)
    rate_hz = k.rate_hz * 2 ** rng.uniform(-0.15, 0.15)
    decay_s = k.decay_s * 2 ** rng.uniform(-0.3, 0.3)
    if k.texture == "noisy":
        decay_s = min(decay_s, 0.06)  # longer modes would sing, and the sound would no longer be noisy
    elif k.texture == "clicking":
        decay_s = min(decay_s, 0.25)
    base_hz = pitch_hz * (1.0 + 1.5 * k.colour if excitation.pitched else 1.0)
    samples = round(rate * seconds)
    length = max(16, round(rate * _event_seconds(k, rng, seconds, rate_hz)))
    whole = length >= samples
    variants = []
    for _ in range(1 if whole or k.rhythm == "single" else 3):
        event = excitation.make(rng, length, rate, pitch_hz * (1 + 0.01 * rng.standard_normal()), k.colour)
        response = impulse_response(rng, rate, k.resonator, base_hz, min(decay_s, 2.0), k.shape)
        if response is not None:
            wet = convolve(event, response)
            dry_share = 0.35 if k.texture == "noisy" else 0.15
            wet *= 1.0 / (np.abs(wet).max() + 1e-9)
            wet[:length] += dry_share * event / (np.abs(event).max() + 1e-9)
            event = wet
        variants.append(event / (np.abs(event).max() + 1e-9))
    audio = np.zeros(samples, np.float32)
    onsets = np.zeros(1) if whole else _onsets(k, rng, seconds, rate_hz)
    for onset in onsets:
        place(audio, variants[int(rng.integers(len(variants)))], int(onset * rate), float(10 ** rng.uniform(-0.2, 0)))
    if k.place == "muffled":
        audio = lowpass(audio, rate, max(500.0, 1.3 * pitch_hz), 1)
    elif k.place == "telephone":
        audio = bandpass(audio, rate, 300.0, 3400.0)
    audio /= np.abs(audio).max() + 1e-9
    steady = k.rhythm in ("slow", "fast", "groups", "random")
    return Sound(audio, Traits(k.texture, k.pattern, pitch_hz, rate_hz if steady else None))
