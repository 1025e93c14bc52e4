"""The procedural sounds as a corpus: `sounds:COUNT[:SEED[:SECONDS]]`, rendered when they are read; the same clips everywhere.

Splits, each of COUNT clips:

    train                            seen families, composed kinds and mixtures (11, 6 and 3 of 20), what training uses
    fresh                            seen families, from seeds that training never draws
    validation, related,             the held-out families of data/sounds/folds.py
    random-a, random-b

Asked for no split, the corpus is its train clips alone: nothing of a held-out family gets into a training set by mistake.
Labels are names of families (a composed kind has none); fold goes round by five over the labelled clips of a split.
Clips are rendered at 16 kHz whatever the rate, and resampled, so that a teacher and a student hear the same sound. They last
as long as one window of the reference front end, 2.572 s, unless SECONDS says otherwise; others are other sounds.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard, CorpusReport
from tinyclap_edge.errors import UsageError

RATE_HZ = 16_000
MAX_COUNT = 1_000_000
LONGEST_S = 60
FOLDS = 5
_TRAIN_SEEDS = (2_000_000, 38_000_000)  # first and how many: apart from the reference teacher's, which begin at 0
_FRESH_SEED = 60_000_000  # the fixed examination sets (evaluate/sets.py) end below
_STRIDE = 1_000_003
_PATTERN = "fkfmfkffkfmfkffkfmfk"  # family, kind, mixture: 11, 6, 3 of 20


class ProceduralSounds:
    """See the module. UsageError (2) for a specification that is not COUNT, COUNT:SEED or COUNT:SEED:SECONDS."""

    def __init__(self, text: str) -> None:
        from tinyclap_edge.data.sounds.corpus import CLIP_SECONDS
        from tinyclap_edge.data.sounds.folds import FOLDS as FAMILY_FOLDS

        parts = text.split(":")
        if not 1 <= len(parts) <= 3 or not all(p.isascii() and p.isdigit() and len(p) <= 9 for p in parts):
            raise UsageError(
                f"sounds:{text} is not sounds:COUNT, sounds:COUNT:SEED or sounds:COUNT:SEED:SECONDS",
                "write it like sounds:5000:1, whole numbers all",
            )
        self.count, self.seed = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
        self.seconds = float(parts[2]) if len(parts) > 2 else CLIP_SECONDS
        if not 1 <= self.seconds <= LONGEST_S:
            raise UsageError(f"sounds:{text} asks for clips of {self.seconds:g} s", f"clips last 1 to {LONGEST_S} s")
        if not 1 <= self.count <= MAX_COUNT:
            raise UsageError(f"sounds:{text} asks for {self.count:,} clips", f"ask for 1 to {MAX_COUNT:,}")
        self.spec = f"sounds:{self.count}:{self.seed}" + (f":{self.seconds:g}" if len(parts) > 2 else "")
        self.report = CorpusReport(listed=self.count)
        self._families = FAMILY_FOLDS
        self.card = CorpusCard(
            "sounds", "Procedural sounds", tuple(name for names in FAMILY_FOLDS.values() for name in names),
            "train on seen families, kinds and mixtures; examine fresh seeds and held-out families", "Apache-2.0",
            "sounds:COUNT[:SEED[:SECONDS]], no files", splits=("train", "fresh", *(f for f in FAMILY_FOLDS if f != "seen")),
            folds=FOLDS, metric="accuracy", template="the sound of {}",
        )  # fmt: skip
        self._last: tuple[str, np.ndarray] | None = None

    def clips(self, split: str | None = None) -> list[Clip]:
        """See Corpus.clips; None means train."""
        split = split or "train"
        if split not in self.card.splits:
            raise UsageError(f"sounds has no split {split!r}", f"its splits are {', '.join(self.card.splits)}")
        clips: list[Clip] = []
        met: Counter[str] = Counter()  # clips of a family so far: each family goes round the folds by itself
        for i in range(self.count):
            source = self._train_source(i) if split == "train" else self._family(split, i)
            labels = tuple(part.removeprefix("family:") for part in source.split(" + ") if part.startswith("family:"))
            fold = met[labels[0]] % FOLDS + 1 if labels else None
            met.update(labels[:1])
            seed = self._number(split, i)
            clips.append(Clip(f"{source}#{seed}", None, labels, (), split, fold, duration_s=self.seconds))
        return clips

    def read(self, clip: Clip, sample_rate: int) -> np.ndarray:
        """See Corpus.read."""
        from tinyclap_edge.data.sounds.corpus import make_clip

        if self._last is None or self._last[0] != clip.id:  # read at the teacher's rate, then at the student's
            source, _, seed = clip.id.rpartition("#")
            self._last = clip.id, make_clip(source, int(seed), RATE_HZ, self.seconds).audio
        audio = self._last[1]
        if sample_rate != RATE_HZ:
            import soxr

            audio = soxr.resample(audio, RATE_HZ, sample_rate, quality="HQ")
        return np.asarray(audio, np.float32)

    def _number(self, split: str, i: int) -> int:
        first, span = _TRAIN_SEEDS
        if split == "train":
            return first + (self.seed * _STRIDE + i) % span
        return _FRESH_SEED + self.seed * _STRIDE + i

    def _family(self, split: str, i: int) -> str:
        names = self._families["seen" if split == "fresh" else split]
        return f"family:{names[i % len(names)]}"

    def _train_source(self, i: int) -> str:
        """The source of training clip i: families in turn, kinds and second sounds drawn by (SEED, i)."""
        from tinyclap_edge.data.sounds.composition import KINDS

        seen, sort = self._families["seen"], _PATTERN[i % len(_PATTERN)]
        rounds, at = divmod(i, len(_PATTERN))
        turn = rounds * _PATTERN.count("f") + _PATTERN[:at].count("f")
        if sort == "f":
            return f"family:{seen[turn % len(seen)]}"
        rng = np.random.default_rng([self.seed, 21, i])
        kind = f"kind:{rng.integers(KINDS)}"
        if sort == "k":
            return kind
        first, second = (f"family:{seen[j]}" for j in rng.choice(len(seen), 2, replace=False))
        if rng.uniform() < 0.6:
            return f"{first} + {second}"
        return f"{first} + {kind}" if rng.uniform() < 0.5 else f"{kind} + {first}"
