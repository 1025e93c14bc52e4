"""UrbanSound8K: 8,732 excerpts of at most 4 s, 10 classes, ten given folds.

    UrbanSound8K/                               <- this folder
    ├── audio/
    │   ├── fold1/
    │   │   └── {fsID}-{classID}-{occurrence}-{slice}.wav   any rate, bit depth and channels
    │   ...
    │   └── fold10/
    └── metadata/
        └── UrbanSound8K.csv    slice_file_name,fsID,start,end,salience,fold,classID,class

Protocol: the ten folds as given, never shuffled (slices of one recording share a fold); mean accuracy. `start` and `end`
are times in the Freesound original: the files are already cut. Salamon et al., ACM Multimedia 2014.
"""

from __future__ import annotations

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table, whole_number
from tinyclap_edge.errors import CorruptFile

CLASSES = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # by classID  # fmt: skip
FOLDS = 10


class UrbanSound8K(FileCorpus):
    """See the module."""

    name, title = "urbansound8k", "UrbanSound8K"
    landmarks = ("metadata/UrbanSound8K.csv", "audio")

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, CLASSES, "10 given folds, never shuffled, mean accuracy", "CC BY-NC 3.0",
            "UrbanSound8K/{audio/fold1..10/*.wav, metadata/UrbanSound8K.csv}", folds=FOLDS, metric="accuracy",
        )  # fmt: skip

    def _listed(self) -> list[Clip]:
        path = self.root / "metadata" / "UrbanSound8K.csv"
        clips = []
        for row in read_table(path, ("slice_file_name", "fold", "classID", "class")):
            fold, number = (whole_number(row[column], path, column) for column in ("fold", "classID"))
            if not (0 <= number < len(CLASSES) and CLASSES[number] == row["class"] and 1 <= fold <= FOLDS):
                raise CorruptFile(
                    f"{path}: {row['slice_file_name']} has classID {number}, class {row['class']!r}, fold {fold}",
                    "copy it again",
                )
            file = inside(self.root / "audio", f"fold{fold}/{row['slice_file_name']}")
            clips.append(Clip(file.stem, file, (row["class"],), fold=fold))
        return clips
