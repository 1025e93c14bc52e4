"""Plain words for a composed kind, so that descriptions are tied to acoustics by construction."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from .composition import Kind, kind

_NOUNS: dict[str, tuple[str, ...]] = {  # singular; the plural adds s
    "impulse": ("click", "tap", "knock"),
    "burst": ("puff of noise", "hiss", "whoosh"),
    "pulses": ("buzz", "rasp", "drone"),
    "glottal": ("moan", "voiced call", "nasal call"),
    "rise": ("rising whistle", "rising chirp", "upward sweep"),
    "fall": ("falling whistle", "falling chirp", "downward sweep"),
    "pluck": ("plucked note", "twang", "plucked string"),
    "fm": ("synthetic bleep", "metallic tone", "clangy tone"),
    "warble": ("warble", "trill", "wavering tone"),
    "grains": ("crackle", "crunch", "patter"),
    "scrape": ("scrape", "rasping scratch", "grating noise"),
    "hum": ("pure tone", "hum", "steady tone"),
    "blip": ("beep", "electronic beep", "square tone"),
    "rumble": ("rumble", "dull roar", "low thud of noise"),
}
_MATERIALS: dict[str, tuple[str, ...]] = {
    "none": ("dry", "plain"),
    "membrane": ("drum-like", "skin-like"),
    "plate": ("clanging", "metallic"),
    "tube": ("hollow", "pipe-like"),
    "throat": ("voice-like", "mouth-like"),
    "box": ("boxy", "hollow"),
}
_PLURALS = {
    "puff of noise": "puffs of noise",
    "hiss": "hisses",
    "whoosh": "whooshes",
    "buzz": "buzzes",
    "crunch": "crunches",
    "rasping scratch": "rasping scratches",
    "low thud of noise": "low thuds of noise",
}
_PLACE = {"open": "", "muffled": ", muffled", "telephone": ", as if through a small loudspeaker"}
_RHYTHM: dict[str, tuple[str, ...]] = {  # {n} singular with adjectives, {s} plural with adjectives
    "single": ("a single {n}", "one {n}", "{n}, once"),
    "slow": ("a slow series of {s}", "{s}, slowly repeated", "{s} with long pauses"),
    "fast": ("a fast series of {s}", "rapid {s}", "{s} in quick succession"),
    "groups": ("groups of {count} quick {s}", "{s} in bursts of {count}", "{count} {s}, a pause, then again"),
    "accelerating": ("{s} that get faster and faster", "a speeding up series of {s}", "accelerating {s}"),
    "slowing": ("{s} that get slower and slower", "a slowing series of {s}", "{s} that slow down"),
    "continuous": ("a {n} that goes on", "a continuous {n}", "an unbroken {n}"),
    "random": ("{s} at irregular times", "scattered {s}", "{s} now and then"),
}
_COUNT = {2: "two", 3: "three", 4: "four"}


def _pitch_word(k: Kind) -> tuple[str, ...]:
    if k.pitch_hz < 300:
        return ("low", "deep", "low pitched")
    if k.pitch_hz > 1200:
        return ("high", "shrill", "high pitched")
    return ("", "medium", "")


def _material(k: Kind) -> tuple[str, ...]:
    if k.resonator == "bar":
        return ("ringing metallic", "bell-like") if k.rings or k.decay_s > 0.3 else ("wooden", "woody")
    return _MATERIALS[k.resonator]


@cache
def describe_kind(index: int) -> tuple[str, ...]:
    """Three different descriptions of kind `index`, such as "a fast series of high metallic clicks"."""
    k = kind(index)
    rng = np.random.default_rng([411, index])
    texts: list[str] = []
    for turn in rng.permutation(3):
        noun = _NOUNS[k.excitation][turn]
        if k.excitation == "impulse" and k.rings:
            noun = ("strike", "chime", "ringing note")[turn]
        adjectives = [_pitch_word(k)[int(rng.integers(3))], _material(k)[int(rng.integers(2))]]
        spoken = [a for a in adjectives if a and not noun.startswith(a)]
        if k.rhythm == "continuous" and k.excitation in ("impulse", "pluck"):
            noun = ("rattle", "clatter", "rattling")[turn]
        plural = _PLURALS.get(noun, noun + "s")
        text = _RHYTHM[k.rhythm][int(rng.integers(3))].format(
            n=" ".join([*spoken, noun]), s=" ".join([*spoken, plural]), count=_COUNT[k.group]
        )
        texts.append(re.sub(r"^a (?=[aeiou])", "an ", text) + _PLACE[k.place])
    return tuple(dict.fromkeys(texts))
