"""ESC-50: 2,000 recordings of 5 s, 50 classes, five given folds.

    ESC-50-master/                              <- this folder
    ├── audio/
    │   └── {fold}-{source}-{take}-{target}.wav     44.1 kHz mono
    └── meta/
        └── esc50.csv                           filename,fold,target,category,esc10,src_file,take

Protocol: accuracy as the mean over the five folds; zero-shot on all clips. Piczak, ACM Multimedia 2015.
"""

from __future__ import annotations

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table, whole_number
from tinyclap_edge.errors import CorruptFile

CLASSES = (
    "airplane", "breathing", "brushing_teeth", "can_opening", "car_horn", "cat", "chainsaw", "chirping_birds",
    "church_bells", "clapping", "clock_alarm", "clock_tick", "coughing", "cow", "crackling_fire", "crickets",
    "crow", "crying_baby", "dog", "door_wood_creaks", "door_wood_knock", "drinking_sipping", "engine",
    "fireworks", "footsteps", "frog", "glass_breaking", "hand_saw", "helicopter", "hen", "insects",
    "keyboard_typing", "laughing", "mouse_click", "pig", "pouring_water", "rain", "rooster", "sea_waves", "sheep",
    "siren", "sneezing", "snoring", "thunderstorm", "toilet_flush", "train", "vacuum_cleaner",
    "washing_machine", "water_drops", "wind",
)  # fmt: skip
FOLDS = 5


class Esc50(FileCorpus):
    """See the module."""

    name, title = "esc50", "ESC-50"
    landmarks = ("meta/esc50.csv", "audio")

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, CLASSES, "5 given folds, mean accuracy; zero-shot on all clips", "CC BY-NC 3.0",
            "ESC-50-master/{audio/*.wav, meta/esc50.csv}", folds=FOLDS, metric="accuracy",
        )  # fmt: skip

    def _listed(self) -> list[Clip]:
        path = self.root / "meta" / "esc50.csv"
        clips = []
        for row in read_table(path, ("filename", "fold", "target", "category")):
            fold = whole_number(row["fold"], path, "fold")
            if not 1 <= fold <= FOLDS:
                raise CorruptFile(f"{path}: {row['filename']} is in fold {fold} of {FOLDS}", "copy it again")
            file = inside(self.root / "audio", row["filename"])
            clips.append(Clip(file.stem, file, (row["category"],), fold=fold))
        return clips
