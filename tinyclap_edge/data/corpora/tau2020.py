"""TAU Urban Acoustic Scenes 2020 Mobile, development set: 10 scenes, nine devices, segments of 10 s.

    TAU-urban-acoustic-scenes-2020-mobile-development/     <- this folder
    ├── audio/{scene}-{city}-{location}-{segment}-{device}.wav      44.1 kHz, 24 bit, mono
    ├── meta.csv                            filename <tab> scene_label <tab> identifier <tab> source_label
    └── evaluation_setup/
        ├── fold1_train.csv                 filename <tab> scene_label
        ├── fold1_test.csv                  filename
        └── fold1_evaluate.csv              filename <tab> scene_label

Protocol: the one given split, accuracy on `test`, with a breakdown by device (Clip.group: a, b, c, s1 ... s6; s4 to s6
only test). Segments in neither list are the split "unused". Heittola et al., DCASE 2020.
"""

from __future__ import annotations

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table
from tinyclap_edge.errors import CorruptFile

CLASSES = (
    "airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall", "street_pedestrian",
    "street_traffic", "tram",
)  # fmt: skip


class Tau2020Mobile(FileCorpus):
    """See the module."""

    name, title = "tau2020", "TAU Urban Acoustic Scenes 2020 Mobile"
    landmarks = ("meta.csv", "audio", "evaluation_setup")

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, CLASSES, "one given split, accuracy on test, by device", "not commercial",
            "TAU-urban-acoustic-scenes-2020-mobile-development/{audio, meta.csv, evaluation_setup}",
            splits=("train", "test", "unused"), metric="accuracy",
        )  # fmt: skip

    def _listed(self) -> list[Clip]:
        setup = self.root / "evaluation_setup"
        split_of: dict[str, str] = {}
        for split, table in (("train", "fold1_train.csv"), ("test", "fold1_evaluate.csv")):
            for row in read_table(setup / table, ("filename", "scene_label"), "\t"):
                if split_of.setdefault(row["filename"], split) != split:
                    raise CorruptFile(f"{setup / table}: {row['filename']} is for training too", "copy it again")
        clips = []
        for row in read_table(self.root / "meta.csv", ("filename", "scene_label", "source_label"), "\t"):
            file = inside(self.root, row["filename"])
            split = split_of.get(row["filename"], "unused")
            clips.append(Clip(file.stem, file, (row["scene_label"],), split=split, group=row["source_label"]))
        return clips
