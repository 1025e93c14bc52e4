"""Clips by (source, seed): the same audio for the same pair, in any process and any order.

A source is "family:dog barking", "second:dog barking" (the independent generator), "kind:123" (a composed kind), or two
of them joined by " + " for a mixture at nearly equal level. Audio is on the int16 grid, so that a difference in the last
bit of a sine between two processors all but never shows.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .captions import Description
from .composition import KINDS, render_kind
from .folds import FOLDS, SEEN
from .registry import FAMILIES, SECOND, Sound, Traits
from .scene import SceneSettings, SceneTraits, active_rms, place_in_scene

CLIP_SECONDS = 2.572  # one window of the front end at 16 kHz: 41,152 samples
_MIXTURE_BELOW_DB = (-3.0, 6.0)


@dataclass(frozen=True)
class Clip:
    """One rendered clip and what is true of it."""

    audio: np.ndarray  # (samples,) float32, multiples of 1/32768 in [-1, 1)
    rate: int  # Hz
    source: str
    seed: int
    descriptions: tuple[Description, ...]  # one, or two for a mixture
    scene: SceneTraits | None

    @property
    def pcm(self) -> np.ndarray:
        """(samples,) int16, exactly the audio."""
        return (self.audio * 32768.0).astype(np.int16)

    @property
    def description(self) -> Description:
        """Of the (first) source."""
        return self.descriptions[0]

    @property
    def family(self) -> str | None:
        """Name of the (first) family, None for a composed kind."""
        return self.descriptions[0].family

    @property
    def traits(self) -> Traits:
        """Of the (first) source."""
        return self.descriptions[0].traits


def sources_of(fold: str) -> tuple[str, ...]:
    """The "family:..." sources of a fold of folds.FOLDS, or every "kind:..." for "kinds"."""
    if fold == "kinds":
        return tuple(f"kind:{i}" for i in range(KINDS))
    return tuple(f"family:{name}" for name in FOLDS[fold])


def _stream(source: str, seed: int) -> np.random.SeedSequence:
    """A seed sequence of a stable hash of the source and the seed: Python's own hash() differs by process."""
    digest = hashlib.sha256(source.encode()).digest()[:16]
    return np.random.SeedSequence([*np.frombuffer(digest, "<u4").tolist(), seed])


def render_dry(source: str, rng: np.random.Generator, rate: int, seconds: float) -> Sound:
    """The dry sound of one source. An unknown source raises ValueError."""
    sort, _, name = source.partition(":")
    if sort == "family" and name in FAMILIES:
        return FAMILIES[name].generate(rng, rate, seconds)
    if sort == "second" and name in SECOND:
        return SECOND[name](rng, rate, seconds)
    if sort == "kind" and name.isdecimal() and int(name) < KINDS:
        return render_kind(int(name), rng, rate, seconds)
    raise ValueError(f"unknown source {source!r}: family:NAME, second:NAME or kind:0..{KINDS - 1}")


def _distractor(rng: np.random.Generator, not_this: str, rate: int, seconds: float) -> tuple[str, np.ndarray]:
    """A quieter second sound: half the time a composed kind, else a seen family."""
    names = [n for n in SEEN if n in FAMILIES and not not_this.endswith(f":{n}")]
    use_kind = rng.uniform() < 0.5 or not names
    source = f"kind:{rng.integers(KINDS)}" if use_kind else f"family:{names[rng.integers(len(names))]}"
    return source, render_dry(source, rng, rate, seconds).audio


def make_clip(
    source: str,
    seed: int,
    rate: int = 16000,
    seconds: float = CLIP_SECONDS,
    scene: bool | SceneSettings = True,
    near: bool | None = None,
) -> Clip:
    """Render one clip. scene: True for the default SceneSettings, False for the dry sound at -6 dBFS peak.

    near forces the distance. Raises ValueError for an unknown source, and for a sound that came out silent.
    """
    settings = scene if isinstance(scene, SceneSettings) else SceneSettings()
    parts = source.split(" + ")
    sound_seed, scene_seed, second_seed = _stream(source, seed).spawn(3)
    scene_rng, second_rng = np.random.default_rng(scene_seed), np.random.default_rng(second_seed)
    streams = [np.random.default_rng(s) for s in sound_seed.spawn(len(parts))]
    sounds = [render_dry(p, rng, rate, seconds) for p, rng in zip(parts, streams, strict=True)]
    drawn: SceneTraits | None = None
    if scene is False:
        audio = sum(s.audio / active_rms(s.audio, rate) for s in sounds)
        audio = audio * (0.5 / np.abs(audio).max())
    else:
        second = None
        if len(parts) > 1:
            second = (parts[1], sounds[1].audio)
            settings = replace(settings, second_below_db=_MIXTURE_BELOW_DB)
        elif second_rng.uniform() < settings.second_share:
            second = _distractor(second_rng, source, rate, seconds)
        audio, drawn = place_in_scene(sounds[0].audio, scene_rng, rate, seconds, settings, near, second)
    audio = (np.round(np.clip(audio, -1.0, 32767 / 32768) * 32768.0) / 32768.0).astype(np.float32)
    descriptions = tuple(_describe(p, s, drawn) for p, s in zip(parts, sounds, strict=True))
    return Clip(audio, rate, source, seed, descriptions, drawn)


def _describe(source: str, sound: Sound, scene: SceneTraits | None) -> Description:
    sort, _, name = source.partition(":")
    near = scene.near if scene else None
    if sort == "kind":
        return Description(None, int(name), sound.traits, near)
    return Description(name, None, sound.traits, near)


def mixture(first: str, second: str, seed: int, rate: int = 16000, seconds: float = CLIP_SECONDS) -> Clip:
    """Two sources in one scene at nearly equal level; clip.descriptions holds both, so both captions are true."""
    return make_clip(f"{first} + {second}", seed, rate, seconds)


def _job(job: tuple[str, int], transform: Callable[[Clip], Any] | None, options: dict[str, Any]) -> Any:
    clip = make_clip(job[0], job[1], **options)
    return clip if transform is None else transform(clip)


def _default_signals() -> None:
    """A fork keeps the parent's handlers; one that survives the SIGTERM of the pool's end would hang the parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it ends the pool


def render_many(
    jobs: Sequence[tuple[str, int]],
    processes: int = 1,
    transform: Callable[[Clip], Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Iterator[Any]:
    """Yield the clips of (source, seed) jobs in order; the result does not depend on `processes`.

    transform runs in the worker (a log-mel there saves moving the audio) and must be a module-level function that does
    not use torch, whose threads do not survive a fork. progress(done, total) is called after each clip. options go to
    make_clip (rate, seconds, scene).
    """
    work = partial(_job, transform=transform, options=options)
    if processes <= 1:
        for done, job in enumerate(jobs, 1):
            yield work(job)
            if progress:
                progress(done, len(jobs))
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with context.Pool(processes, _default_signals) as pool:
        for done, result in enumerate(pool.imap(work, jobs, chunksize=16), 1):
            yield result
            if progress:
                progress(done, len(jobs))
