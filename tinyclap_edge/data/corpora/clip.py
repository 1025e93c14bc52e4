"""What a corpus is: clips with their labels, a card with its protocol, and an account of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from tinyclap_edge.errors import CorruptFile

NAMED = 5  # files that a sentence names; the report holds them all


@dataclass(frozen=True)
class Clip:
    """One recording of a corpus, or a stretch of one.

    known: the classes of which is known whether they are in it, None for all of them (OpenMIC has label masks).
    group: what an official breakdown goes by, as the device of TAU 2020 Mobile.
    """

    id: str
    path: Path | None  # None where the audio is not a file of its own
    labels: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    split: str = ""
    fold: int | None = None
    start_s: float = 0.0
    duration_s: float | None = None  # None: to the end
    known: tuple[str, ...] | None = None
    group: str = ""


@dataclass(frozen=True)
class CorpusCard:
    """Facts of a corpus. classes: in the order of the protocol; spoken: the same as words for prompts."""

    name: str
    title: str
    classes: tuple[str, ...]
    protocol: str
    licence: str
    layout: str
    splits: tuple[str, ...] = ()
    folds: int = 0
    metric: str = ""
    template: str = "this is the sound of {}"  # the prompt of the published zero-shot results

    @property
    def spoken(self) -> tuple[str, ...]:
        """The classes as a prompt says them: underscores as spaces, lower case."""
        return tuple(" ".join(c.replace("_", " ").lower().split()) for c in self.classes)


@dataclass
class CorpusReport:
    """What a corpus lists, and what of it is not there or cannot be read; grows while clips are read."""

    listed: int = 0
    missing: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # name -> why

    def sentences(self) -> list[str]:
        """One line for each sort of trouble, with counts and the first names; none when all is well."""
        lines = []
        if self.missing:
            lines.append(f"{len(self.missing):,} of {self.listed:,} files are missing: {_first(self.missing)}")
        if self.broken:
            first = next(iter(self.broken.items()))
            lines.append(
                f"{len(self.broken):,} of {self.listed:,} files are broken: {_first(list(self.broken))} ({first[1]})"
            )
        return lines


def _first(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


class Corpus(Protocol):
    """What a loader offers. `spec` opens the same corpus again; `report` says what was missing or broken."""

    spec: str
    card: CorpusCard
    report: CorpusReport

    def clips(self, split: str | None = None) -> list[Clip]:
        """The clips of a split that are there, in the official order; None: of all of them."""
        ...

    def read(self, clip: Clip, sample_rate: int) -> np.ndarray:
        """Mono audio (samples,) float32 in [-1, 1]; channels averaged. CorruptFile (7) where it cannot be read."""
        ...


def label_matrix(clips: Sequence[Clip], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """targets (n, classes) bool and mask (n, classes) bool; a False in the mask means that nobody knows.

    CorruptFile (7) for a label outside `classes`.
    """
    index = {name: i for i, name in enumerate(classes)}
    targets = np.zeros((len(clips), len(classes)), bool)
    mask = np.ones_like(targets)
    for row, clip in enumerate(clips):
        for name in (*clip.labels, *(clip.known or ())):
            if name not in index:
                raise CorruptFile(f"clip {clip.id} has the label {name!r}, which is none of the {len(classes)} classes")
        targets[row, [index[name] for name in clip.labels]] = True
        if clip.known is not None:
            mask[row] = False
            mask[row, [index[name] for name in clip.known]] = True
    return targets, mask
