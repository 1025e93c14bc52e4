"""One model on one corpus: every clip is heard once for each window and distortion, and what cannot be read is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinyclap_edge.data.corpora import Clip, Corpus
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.evaluate.examinee import Examinee
from tinyclap_edge.evaluate.prompts import PromptSet, class_vectors
from tinyclap_edge.evaluate.protocols import Protocol
from tinyclap_edge.evaluate.shifts import ROBUSTNESS, Shift, distort

CLEAN = ROBUSTNESS[0]
BATCH = 32  # clips at a time
KEPT_BYTES = 512 << 20  # of audio, so that a second distortion need not read the files again


@dataclass(frozen=True)
class Heard:
    """Clips that could be read, and their embeddings (n, dim) float32."""

    clips: list[Clip]
    vectors: np.ndarray


@dataclass
class Session:
    """split: what is scored (None: every clip); window_s None: the model's own; advance is called with clips heard."""

    examinee: Examinee
    corpus: Corpus
    protocol: Protocol
    prompts: PromptSet
    split: str | None = None
    window_s: float | None = None
    advance: Callable[[int], None] = lambda count: None
    _heard: dict[tuple[str | None, float | None, Shift], Heard] = field(default_factory=dict)
    _audio: dict[str, np.ndarray] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    _kept: int = 0

    def clips(self, split: str | None) -> list[Clip]:
        """Of a split, without those that turned out to be unreadable."""
        return [clip for clip in self.corpus.clips(split) if clip.id not in self._broken]

    def hear(self, split: str | None = None, window_s: float | None = None, distortion: Shift = CLEAN) -> Heard:
        """Embeddings of a split (default: the scored one). UsageError (2) where not one clip can be read."""
        key = (split or self.split, window_s or self.window_s, distortion)
        if key not in self._heard:
            self._heard[key] = self._embed(*key)
        return self._heard[key]

    def _embed(self, split: str | None, window_s: float | None, distortion: Shift) -> Heard:
        clips, parts = [], []
        waiting: list[np.ndarray] = []
        for clip in self.clips(split):
            audio = self._read(clip)
            if audio is None:
                continue
            clips.append(clip)
            waiting.append(distort(audio, distortion, self.examinee.rate_hz, clip.id))
            if len(waiting) == BATCH:
                parts.append(self.examinee.embed_clips(waiting, window_s))
                self.advance(len(waiting))
                waiting = []
        if waiting:
            parts.append(self.examinee.embed_clips(waiting, window_s))
            self.advance(len(waiting))
        if not parts:
            raise UsageError(
                f"{self.corpus.card.title} has no clip to score", "; ".join(self.corpus.report.sentences())
            )
        return Heard(clips, np.concatenate(parts))

    def _read(self, clip: Clip) -> np.ndarray | None:
        if clip.id in self._audio:
            return self._audio[clip.id]
        try:
            audio = self.corpus.read(clip, self.examinee.rate_hz)
        except CorruptFile as error:  # one bad file must not end an hour of scoring; it is counted and named
            self.corpus.report.broken.setdefault(clip.id, error.fact)
            self._broken.add(clip.id)
            return None
        if self._kept + audio.nbytes < KEPT_BYTES:
            self._audio[clip.id] = audio
            self._kept += audio.nbytes
        return audio

    def share_audio(self, other: Session) -> None:
        """Hear what `other` has read already, where both models want the same rate."""
        if self.examinee.rate_hz == other.examinee.rate_hz:
            self._audio, self._broken, self._kept = other._audio, other._broken, KEPT_BYTES

    def require_words(self) -> None:
        """UsageError (2), in the model's own words, where it has no text side; asked before an hour of hearing."""
        if not self.examinee.speaks:
            self.examinee.embed_text(["sound"])

    def classes(self, clips: list[Clip]) -> tuple[str, ...]:
        """The classes that are asked for, in the corpus' order. UsageError (2) for a corpus without labels."""
        present = {label for clip in clips for label in clip.labels}
        names = self.corpus.card.classes or tuple(sorted(present))
        if self.protocol.only_present:
            names = tuple(name for name in names if name in present)
        if not names or not present:
            raise UsageError(f"{self.corpus.card.title} has no labels", "its captions serve --task retrieval")
        return names

    def class_rows(self, names: tuple[str, ...]) -> np.ndarray:
        """(classes, dim) of their prompts, as the model compares with them."""
        card = self.corpus.card
        spoken = dict(zip(card.classes, card.spoken, strict=True))
        words = [spoken.get(n) or " ".join(n.replace("_", " ").lower().split()) for n in names]
        return self.examinee.class_rows(class_vectors(words, self.prompts, self.examinee.embed_text))

    @property
    def multi_label(self) -> bool:
        """Whether a clip may have several of the classes, so that mAP is the measure."""
        metric = self.corpus.card.metric
        return metric == "mAP" or (
            metric != "accuracy" and any(len(clip.labels) > 1 for clip in self.corpus.clips(self.split))
        )
