"""What a teacher is: a card that can be read without loading anything, and the three things that a loaded one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tinyclap_edge.teachers.logmel import TeacherFrontend

KINDS = ("clap", "audio", "embeddings")


@dataclass(frozen=True)
class TeacherFile:
    """A file of a published teacher, under the name that it has in the cache.

    sha256: pinned, or None: recorded at the first fetch and checked ever after. instead_of: this file is only wanted
    where that one is not offered. optional: embedding audio works without it.
    """

    name: str
    url: str
    sha256: str | None = None
    instead_of: str = ""
    optional: bool = False


@dataclass(frozen=True)
class TeacherCard:
    """One registry entry.

    kind: "clap" embeds audio and text into one space, "audio" only audio, "embeddings" holds what was embedded
    elsewhere. dim: entries of an embedding; sample_rate in Hz; window_s: seconds that one pass of the network covers
    (0: any length). audio_parameters, text_parameters: counted from the architecture (registry.with_parameters).
    """

    name: str
    title: str
    kind: str
    dim: int
    sample_rate: int
    window_s: float
    licence: str
    source: str
    files: tuple[TeacherFile, ...] = ()
    audio_parameters: int | None = None
    text_parameters: int | None = None
    citation: str = ""
    family: str = ""
    frontend: TeacherFrontend | None = None
    text: str = ""  # what reads the words, and up to which length

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@runtime_checkable
class Teacher(Protocol):
    """A loaded teacher. identity: 16 hex digits over its weights and every constant of its front end."""

    card: TeacherCard

    @property
    def identity(self) -> str: ...

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(n, dim) float32 of mono float32 clips at card.sample_rate, of any length from one sample on.

        Of unit length for kind "clap"; a clip longer than a window gives the mean over its windows. The same clips
        give the same bytes: nothing is cropped at random.
        """
        ...

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32 of unit length; UsageError (2) for a teacher without a text side."""
        ...
