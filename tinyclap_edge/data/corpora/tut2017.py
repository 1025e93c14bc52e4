"""TUT Acoustic Scenes 2017: 15 scenes, segments of 10 s; four folds on the development set, and an evaluation set.

    (parent)/                                       <- this folder, or either of the two below
    ├── TUT-acoustic-scenes-2017-development/
    │   ├── audio/*.wav                             44.1 kHz, 24 bit, stereo
    │   ├── meta.txt                                audio/x.wav <tab> scene <tab> recording, no header
    │   ├── error.txt                               segments with faults, kept by the protocol
    │   └── evaluation_setup/fold{1..4}_{train,test,evaluate}.txt
    └── TUT-acoustic-scenes-2017-evaluation/
        ├── audio/*.wav
        ├── meta.txt                                where present, else the list below
        └── evaluation_setup/evaluate.txt           audio/x.wav <tab> scene

Protocol: development: four folds, mean accuracy (fold k tests what fold{k}_evaluate.txt lists; the folds are disjoint).
tinyCLAP scores the evaluation set zero-shot. Mesaros et al., EUSIPCO 2016 and DCASE 2017.
"""

from __future__ import annotations

from pathlib import Path

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import holds, inside
from tinyclap_edge.data.corpora.tables import read_table
from tinyclap_edge.errors import CorruptFile

CLASSES = (
    "beach", "bus", "cafe/restaurant", "car", "city_center", "forest_path", "grocery_store", "home", "library",
    "metro_station", "office", "park", "residential_area", "train", "tram",
)  # fmt: skip
FOLDS = 4
_SETS = {
    "development": "TUT-acoustic-scenes-2017-development",
    "evaluation": "TUT-acoustic-scenes-2017-evaluation",
}


class Tut2017(FileCorpus):
    """See the module. Splits: development (with folds) and evaluation, as far as they are there."""

    name, title = "tut2017", "TUT Acoustic Scenes 2017"
    landmarks: tuple[str, ...] = ("audio", "evaluation_setup")

    def __init__(self, root: Path | str) -> None:
        if any((Path(root) / folder / "audio").is_dir() for folder in _SETS.values()):
            self.landmarks = ("TUT-acoustic-scenes-2017-*/audio",)
        super().__init__(root)

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, CLASSES, "4 folds on development, mean accuracy; zero-shot on evaluation",
            "academic use only, not commercial", "TUT-acoustic-scenes-2017-{development,evaluation}/{audio, meta.txt, "
            "evaluation_setup}", splits=tuple(self._roots()), folds=FOLDS, metric="accuracy",
        )  # fmt: skip

    def _roots(self) -> dict[str, Path]:
        if holds(self.root, Tut2017.landmarks):
            development = (self.root / "evaluation_setup" / "fold1_train.txt").is_file()
            return {"development" if development else "evaluation": self.root}
        return {split: self.root / folder for split, folder in _SETS.items() if (self.root / folder).is_dir()}

    def _listed(self) -> list[Clip]:
        clips = []
        for split, root in self._roots().items():
            table = root / "meta.txt"
            if split == "evaluation" and not table.is_file():
                table = root / "evaluation_setup" / "evaluate.txt"
            folds = _folds(root) if split == "development" else {}
            for row in read_table(table, ("file", "scene"), "\t", header=False):
                if folds and row["file"] not in folds:
                    raise CorruptFile(f"{table}: {row['file']} is in no fold's evaluation list", "copy it again")
                file = inside(root, row["file"])
                clips.append(Clip(f"{split}/{file.stem}", file, (row["scene"],), (), split, folds.get(row["file"])))
        return clips


def _folds(root: Path) -> dict[str, int]:
    """File -> the fold that tests it."""
    found: dict[str, int] = {}
    for fold in range(1, FOLDS + 1):
        path = root / "evaluation_setup" / f"fold{fold}_evaluate.txt"
        for row in read_table(path, ("file", "scene"), "\t", header=False):
            if row["file"] in found:
                raise CorruptFile(f"{path}: {row['file']} is tested by fold {found[row['file']]} too", "copy it again")
            found[row["file"]] = fold
    return found
