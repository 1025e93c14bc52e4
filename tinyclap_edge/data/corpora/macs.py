"""MACS: captions and tags for 3,930 clips of 10 s from TAU Urban Acoustic Scenes 2019 (airport, public square, park).

    MACS/                                       <- this folder
    ├── MACS.yaml                               files: [{filename, annotations: [{annotator_id, sentence, tags: [...]}]}]
    ├── data/*.wav                              or audio/*.wav, or the folder `audio` of TAU 2019 development
    └── MACS_competence.csv                     (not needed)

Protocol: none; it serves training only. Labels are the tags that at least two annotators gave, their order being that of the
alphabet. Martín-Morató and Mesaros, DCASE 2021.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_yaml
from tinyclap_edge.errors import CorruptFile

_FOLDERS = ("data", "audio", "TAU_2019/audio", "TAU-urban-acoustic-scenes-2019-development/audio")
_AGREEING = 2


class Macs(FileCorpus):
    """See the module."""

    name, title = "macs", "MACS"
    landmarks = ("MACS.yaml",)

    def _card(self) -> CorpusCard:
        classes = tuple(sorted({tag for record in self._records for tag in _tags(record)}))
        return CorpusCard(
            self.name, self.title, classes, "no split: training only", "captions: not commercial, with attribution",
            "MACS/{MACS.yaml, data/*.wav}", splits=("train",), template="{}",
        )  # fmt: skip

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        path = self.root / "MACS.yaml"
        content = read_yaml(path)
        records = content.get("files") if isinstance(content, dict) else None
        if not isinstance(records, list):
            raise CorruptFile(f"{path} has no list of files", "copy it again")
        for number, record in enumerate(records, 1):
            if not _sound(record):
                raise CorruptFile(f"{path}: file {number} has no filename, or its annotations are damaged")
        return records

    def _listed(self) -> list[Clip]:
        folders = [self.root / name for name in _FOLDERS]
        folder = next((f for f in folders if f.is_dir()), folders[0])
        clips = []
        for record in self._records:
            file = inside(folder, record["filename"])
            captions = tuple(str(a["sentence"]) for a in record["annotations"])
            clips.append(Clip(file.stem, file, _tags(record), captions, "train"))
        return clips


def _sound(record: Any) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("filename"), str):
        return False
    told = record.get("annotations")
    return isinstance(told, list) and all(
        isinstance(a, dict) and "sentence" in a and isinstance(a.get("tags") or [], list) for a in told
    )


def _tags(record: dict[str, Any]) -> tuple[str, ...]:
    counted = Counter(str(tag) for a in record["annotations"] for tag in {str(t) for t in a.get("tags") or []})
    return tuple(sorted(tag for tag, count in counted.items() if count >= _AGREEING))
