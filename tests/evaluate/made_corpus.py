"""A corpus of tones in memory, and a model that hears them without any weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyclap_edge.data.corpora import Clip, CorpusCard, CorpusReport
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.evaluate.zeroshot import unit

CLASSES = ("low_hum", "mid_tone", "high_whistle", "top_squeak")
BINS = 8  # of the model's spectrum
RATE = 1600


def tone(kind: int, seed: int, seconds: float, rate: int, noise: float = 0.01) -> np.ndarray:
    """A sine in the middle of bin 2 * kind, with a little noise."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng([kind, seed])
    frequency = (2 * kind + 0.5) / BINS * RATE / 2
    return (0.3 * np.sin(2 * np.pi * frequency * t) + noise * rng.standard_normal(len(t))).astype(np.float32)


@dataclass
class MadeCorpus:
    """per_class clips of each class in folds 1, 2, 3; `several` adds the next class to each clip as a second label."""

    per_class: int = 6
    seconds: float = 1.0
    several: bool = False
    captions: bool = False
    masked: bool = False
    splits: bool = False
    broken: frozenset[str] = frozenset()
    noise: float = 0.01
    spec: str = "made:"
    report: CorpusReport = field(default_factory=CorpusReport)

    @property
    def card(self) -> CorpusCard:
        """As a loader's."""
        return CorpusCard(
            "made", "Made tones", CLASSES, "three folds", "none", "in memory", ("train", "test") if self.splits else (),
            0 if self.splits else 3, "mAP" if self.several else "accuracy", "hear {}",
        )  # fmt: skip

    def clips(self, split: str | None = None) -> list[Clip]:
        """See Corpus."""
        out = []
        for i in range(self.per_class):
            for kind, name in enumerate(CLASSES):
                labels = (name, CLASSES[(kind + 1) % len(CLASSES)]) if self.several else (name,)
                told = (f"hear {name.replace('_', ' ')}",) if self.captions else ()
                known = (name, CLASSES[(kind + 2) % len(CLASSES)], *labels[1:]) if self.masked else None
                part = ("train" if i % 2 else "test") if self.splits else ""
                fold = None if self.splits else i % 3 + 1
                out.append(Clip(f"{name}-{i}", None, labels, told, part, fold, known=known))
        return [clip for clip in out if split is None or clip.split == split]

    def read(self, clip: Clip, sample_rate: int) -> np.ndarray:
        """See Corpus."""
        if clip.id in self.broken:
            raise CorruptFile(f"{clip.id} is cut off")
        name, _, i = clip.id.rpartition("-")
        audio = tone(CLASSES.index(name), int(i), self.seconds, sample_rate, self.noise)
        if self.several:
            audio = audio + tone((CLASSES.index(name) + 1) % len(CLASSES), int(i), self.seconds, sample_rate)
        return audio


@dataclass
class MadeModel:
    """Embeds a clip as its energy in BINS bands, words as the band that they name."""

    name: str = "made"
    form: str = "float"
    identity: str = "0" * 16
    dim: int = BINS
    rate_hz: int = RATE
    speaks: bool = True
    heard: int = 0

    def embed_clips(self, clips: Sequence[np.ndarray], window_s: float | None) -> np.ndarray:
        """See Examinee."""
        from tinyclap_edge.evaluate.windows import mean_over_windows

        self.heard += len(clips)
        return mean_over_windows(clips, round((window_s or 1.0) * RATE), self._bands)

    def _bands(self, windows: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(windows, n=max(2 * BINS, windows.shape[1]), axis=1)[:, :-1]) ** 2
        starts = np.arange(BINS) * power.shape[1] // BINS
        return np.sqrt(np.add.reduceat(power, starts, axis=1))

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """See Examinee."""
        if not self.speaks:
            raise UsageError("made has no text side")
        rows = np.full((len(texts), BINS), 0.01, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for kind, name in enumerate(CLASSES):
                if name.replace("_", " ") in text:
                    row[2 * kind] = 1.0
        return unit(rows)

    def class_rows(self, classes: np.ndarray) -> np.ndarray:
        """See Examinee."""
        return classes

    def cost(self, window_s: float | None) -> dict[str, Any]:
        """See Examinee."""
        return {"window_s": window_s or 1.0, "macs": round(1000 * (window_s or 1.0)), "peak_elements": 64}
