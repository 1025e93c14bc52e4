"""Sound families: what a family is, what a rendered sound is, and the table of all of them.

A family is an ordinary word ("dog barking") with a generator that draws every continuous parameter from a seeded
random stream. A generator returns the dry sound with the traits that it really drew, so that captions by attributes
are true by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TEXTURES = ("tonal", "noisy", "buzzing", "clicking", "vocal")
PATTERNS = ("continuous", "repeating", "single")


@dataclass(frozen=True)
class Traits:
    """What was drawn: enough to describe the sound without its name."""

    texture: str  # one of TEXTURES
    pattern: str  # one of PATTERNS
    pitch_hz: float | None = None  # dominant pitch or spectral centre; None where the sound has none
    rate_hz: float | None = None  # events a second; None unless the pattern repeats

    def __post_init__(self) -> None:
        if self.texture not in TEXTURES or self.pattern not in PATTERNS:
            raise ValueError(f"unknown texture or pattern: {self.texture!r}, {self.pattern!r}")


@dataclass(frozen=True)
class Sound:
    """A dry rendering: audio (samples,) float32, any level (the scene normalises it), and its traits."""

    audio: np.ndarray
    traits: Traits


Generator = Callable[[np.random.Generator, int, float], Sound]  # (rng, sample_rate_hz, seconds) -> Sound


@dataclass(frozen=True)
class Family:
    """One kind of sound in ordinary words."""

    name: str  # the label a user would type, for example "dog barking"
    words: tuple[str, ...]  # other wordings, used in training captions
    prompts: tuple[str, ...]  # wordings kept for testing: never a training caption
    acoustics: str  # "short harsh calls, repeated"
    group: str  # "alarm", "bell", "music", "water", "weather", "engine", "impact", "animal", "human", "electronic"
    generate: Generator


FAMILIES: dict[str, Family] = {}
SECOND: dict[str, Generator] = {}  # an independently written generator of the same family, for testing only


def family(
    name: str, *, words: tuple[str, ...], prompts: tuple[str, ...], acoustics: str, group: str
) -> Callable[[Generator], Generator]:
    """Register a generator as the family `name`."""

    def register(generate: Generator) -> Generator:
        if name in FAMILIES:
            raise ValueError(f"family {name!r} is registered twice")
        FAMILIES[name] = Family(name, words, prompts, acoustics, group, generate)
        return generate

    return register


def second(name: str) -> Callable[[Generator], Generator]:
    """Register an independent generator of the family `name`, used only to test."""

    def register(generate: Generator) -> Generator:
        if name in SECOND:
            raise ValueError(f"a second generator of {name!r} is registered twice")
        SECOND[name] = generate
        return generate

    return register
