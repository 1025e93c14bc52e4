"""What can be said of a sound without its name: distance, rate, pitch, texture, pattern, and the words for each value.

Two vocabularies that share no phrase: TRAINING wordings, used in captions, and QUERIES, used only to examine a model.
"""

from __future__ import annotations

from .registry import PATTERNS, TEXTURES, Traits

SLOW_BELOW_HZ = 2.5
FAST_ABOVE_HZ = 5.0
LOW_BELOW_HZ = 300.0
HIGH_ABOVE_HZ = 1200.0

VALUES: dict[str, tuple[str, ...]] = {
    "distance": ("near", "far"),
    "rate": ("slow", "fast"),
    "pitch": ("low", "mid", "high"),
    "texture": TEXTURES,
    "pattern": PATTERNS,
}

TRAINING: dict[str, dict[str, tuple[str, ...]]] = {
    "distance": {
        "near": ("a nearby sound", "close by", "near the microphone", "a sound at close range", "clear and close"),
        "far": ("a distant sound", "far away", "in the distance", "a faraway muffled sound", "distant and echoing"),
    },
    "rate": {
        "slow": ("slow", "repeating slowly", "a slow rhythm", "one after another with long gaps"),
        "fast": ("fast", "repeating quickly", "a rapid rhythm", "many in quick succession"),
    },
    "pitch": {
        "low": ("a low pitched sound", "low and deep", "a bass sound", "deep"),
        "mid": ("a medium pitched sound", "neither high nor low", "in the middle range"),
        "high": ("a high pitched sound", "high and shrill", "a treble sound", "piercing"),
    },
    "texture": {
        "tonal": ("a tonal sound", "a clear musical tone", "notes", "ringing or whistling", "pure and pitched"),
        "noisy": ("a noisy sound", "like rushing air", "hissing noise", "a wash of noise", "rough and unpitched"),
        "buzzing": ("a buzzing sound", "a buzz", "a rasping drone", "humming and buzzing", "rough like a motor"),
        "clicking": ("a clicking sound", "clicks", "short taps", "ticking or knocking", "sharp little clicks"),
        "vocal": ("a vocal sound", "a voice", "a call", "voiced by a throat", "like a mouth opening"),
    },
    "pattern": {
        "continuous": ("a continuous sound", "going on without a pause", "constant", "unbroken"),
        "repeating": ("a repeating sound", "again and again", "repeated", "a recurring sound"),
        "single": ("a single sound", "only once", "a one-off event", "one event"),
    },
}

QUERIES: dict[str, dict[str, tuple[str, ...]]] = {
    "distance": {
        "near": ("something very close to the listener", "a sound right next to us", "heard from a short distance"),
        "far": ("something a long way off", "a remote sound", "heard from a great distance"),
    },
    "rate": {
        "slow": ("a leisurely unhurried pace", "it repeats at a low rate", "events that come slowly"),
        "fast": ("a hurried quick pace", "it repeats at a high rate", "events that come rapidly"),
    },
    "pitch": {
        "low": ("a sound with a low frequency", "a deep booming pitch", "the pitch is low"),
        "high": ("a sound with a high frequency", "a squeaky pitch", "the pitch is high"),
    },
    "texture": {
        "tonal": ("a melodious tone", "a sound with a definite musical pitch", "it rings like a note"),
        "noisy": ("static-like noise", "a sound like wind or spray", "broadband noise"),
        "buzzing": ("something that buzzes", "a vibrating rattling hum", "it drones like an insect or an engine"),
        "clicking": ("something that clicks", "brief percussive ticks", "it taps and snaps"),
        "vocal": (
            "a voice of a person or an animal",
            "somebody or something calls out",
            "a sound made with the throat",
        ),
    },
    "pattern": {
        "continuous": ("it never stops", "a sustained sound", "a steady sound without breaks"),
        "repeating": ("it happens over and over", "a sound that comes back many times", "the same thing several times"),
        "single": ("it happens just one time", "an isolated event", "a solitary sound"),
    },
}

_SHORT: dict[str, str] = {  # adjectives for the first sentence form
    "near": "nearby",
    "far": "distant",
    "low": "low pitched",
    "mid": "medium pitched",
    "high": "high pitched",
    "vocal": "voice-like",
}
_NOUN = {"continuous": "sound that goes on", "repeating": "sound that repeats", "single": "sound, only once"}
_LONG: dict[str, str] = {  # clauses for the second sentence form
    "near": "close to us",
    "far": "from afar",
    "slow": "at a slow tempo",
    "fast": "at a fast tempo",
    "low": "of low pitch",
    "mid": "of middle pitch",
    "high": "of high pitch",
    "tonal": "tones",
    "noisy": "noise",
    "buzzing": "buzzing",
    "clicking": "clicking",
    "vocal": "voices",
    "continuous": "continuously",
    "repeating": "repeatedly",
    "single": "once",
}


def attribute_values(traits: Traits, near: bool | None) -> dict[str, str]:
    """The attributes that are true of a clip: attribute -> value; an attribute with no clear value is left out."""
    values = {"texture": traits.texture, "pattern": traits.pattern}
    if near is not None:
        values["distance"] = "near" if near else "far"
    if traits.pattern == "repeating" and traits.rate_hz is not None:
        if traits.rate_hz < SLOW_BELOW_HZ:
            values["rate"] = "slow"
        elif traits.rate_hz > FAST_ABOVE_HZ:
            values["rate"] = "fast"
    if traits.pitch_hz is not None:
        if traits.pitch_hz < LOW_BELOW_HZ:
            values["pitch"] = "low"
        else:
            values["pitch"] = "high" if traits.pitch_hz > HIGH_ABOVE_HZ else "mid"
    return values


def short_sentence(values: dict[str, str], noun: str | None = None) -> str:
    """Adjectives before a noun: "distant fast high pitched buzzing sound that repeats", or before the given noun."""
    words = [_SHORT.get(v, v) for a in ("distance", "rate", "pitch", "texture") if (v := values.get(a))]
    return " ".join([*words, noun or _NOUN.get(values.get("pattern", ""), "sound")])


def long_sentence(values: dict[str, str]) -> str:
    """Clauses after a subject: "buzzing of high pitch, repeatedly, at a fast tempo, from afar"."""
    subject = _LONG[values["texture"]] if "texture" in values else "something"
    if "pitch" in values:
        subject += " " + _LONG[values["pitch"]]
    return ", ".join([subject, *(_LONG[values[a]] for a in ("pattern", "rate", "distance") if a in values)])
