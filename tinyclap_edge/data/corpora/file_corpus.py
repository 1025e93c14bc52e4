"""A corpus of sound files: which of the listed files are there, and how one is read."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from tinyclap_edge.audio import read_mono
from tinyclap_edge.data.corpora.clip import Clip, CorpusCard, CorpusReport
from tinyclap_edge.data.corpora.location import check_location
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError


class FileCorpus(ABC):
    """A loader says where its landmarks are and lists its clips; this class finds their files and reads them.

    Folders are listed once, not asked file by file: two million clips on a network disk would take hours otherwise.
    """

    name: str  # of the registry: "esc50"
    title: str
    landmarks: tuple[str, ...]

    def __init__(self, root: Path | str) -> None:
        self.root = check_location(Path(root), self.landmarks, self.title)
        self.spec = f"{self.name}:{self.root.resolve()}"
        self.report = CorpusReport()
        self.card = self._card()
        self._found: list[Clip] | None = None

    @abstractmethod
    def _card(self) -> CorpusCard:
        """The card; it may read tables of classes."""

    @abstractmethod
    def _listed(self) -> list[Clip]:
        """Every clip that the tables name, whether its file is there or not."""

    def clips(self, split: str | None = None) -> list[Clip]:
        """See Corpus.clips. UsageError (2) for a split that the corpus does not have."""
        if self._found is None:
            listed = self._listed()
            check_labels(listed, self.card)
            self._found = _present(listed, self.root, self.report)
            if not self._found:
                what = f"none of the {len(listed):,} files is there" if listed else "there is no sound file in it"
                raise UsageError(f"{self.title}: {what}", self._hint_empty(listed))
        return of_split(self._found, split, self.card)

    def read(self, clip: Clip, sample_rate: int) -> np.ndarray:
        """See Corpus.read."""
        if clip.path is None:
            raise UsageError(f"clip {clip.id} has no file")
        try:
            audio = read_mono(clip.path, sample_rate)[0]
        except TinyclapError as error:
            self.report.broken[clip.id] = error.fact
            raise
        return stretch(audio, clip, sample_rate)

    def _hint_empty(self, listed: list[Clip]) -> str:
        return f"the first should be {listed[0].path}" if listed else "give a folder with WAV, FLAC, OGG or MP3 files"


def stretch(audio: np.ndarray, clip: Clip, sample_rate: int) -> np.ndarray:
    """The stretch of `audio` (samples,) that the clip names. CorruptFile (7) where nothing is there."""
    begin = round(clip.start_s * sample_rate)
    end = None if clip.duration_s is None else begin + max(1, round(clip.duration_s * sample_rate))
    audio = audio[begin:end]
    if audio.size == 0:
        raise CorruptFile(f"{clip.path}: nothing is left of it at {clip.start_s:g} s", "its table names a later start")
    return np.ascontiguousarray(audio, np.float32)


def of_split(clips: list[Clip], split: str | None, card: CorpusCard) -> list[Clip]:
    """Those of one split; UsageError (2) for an unknown one."""
    if split is None:
        return list(clips)
    if split not in card.splits:
        known = f"its splits are {', '.join(card.splits)}" if card.splits else "it has none"
        raise UsageError(f"{card.name} has no split {split!r}", known)
    return [clip for clip in clips if clip.split == split]


def check_labels(clips: list[Clip], card: CorpusCard) -> None:
    """CorruptFile (7) for a label that is not a class, or for an id that stands twice."""
    classes, seen = set(card.classes), set()
    for clip in clips:
        if clip.id in seen:
            raise CorruptFile(f"{card.title}: {clip.id} is listed twice", "copy its tables again")
        seen.add(clip.id)
        for label in clip.labels if classes else ():
            if label not in classes:
                raise CorruptFile(f"{card.title}: {clip.id} has the label {label!r}, which is not one of its classes")


def _present(listed: list[Clip], root: Path, report: CorpusReport) -> list[Clip]:
    folders: dict[Path, dict[str, int]] = {}
    found = []
    report.listed = len(listed)
    for clip in listed:
        assert clip.path is not None
        folder = clip.path.parent
        if folder not in folders:
            folders[folder] = _sizes(folder)
        size = folders[folder].get(clip.path.name)
        if size is None:
            report.missing.append(_short(clip.path, root))
        elif size == 0:
            report.broken[clip.id] = f"{_short(clip.path, root)} is empty (0 bytes)"
        else:
            found.append(clip)
    return found


def _short(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _sizes(folder: Path) -> dict[str, int]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    except OSError:
        return {}
