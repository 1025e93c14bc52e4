"""FSD50K: 51,197 Freesound clips of 0.3 to 30 s, 200 classes of the AudioSet ontology, many labels a clip.

    FSD50K/                                     <- this folder
    ├── FSD50K.dev_audio/{id}.wav               40,966 files, 44.1 kHz mono
    ├── FSD50K.eval_audio/{id}.wav              10,231 files
    ├── FSD50K.ground_truth/
    │   ├── dev.csv                             fname,labels,mids,split       (split: train or val)
    │   ├── eval.csv                            fname,labels,mids
    │   └── vocabulary.csv                      index,label,mid, no header
    └── FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json     {id: {title, description, tags, license, uploader}}

Protocol: train and val from the development set, macro mAP on eval; labels are already smeared up the ontology.
As captions: "title. description", as tinyCLAP trains with, where the metadata are there. Fonseca et al., TASLP 2022.
"""

from __future__ import annotations

from typing import Any

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_json, read_table
from tinyclap_edge.errors import CorruptFile

_SPLITS = {"train": "train", "val": "validation"}


class Fsd50k(FileCorpus):
    """See the module."""

    name, title = "fsd50k", "FSD50K"
    landmarks = ("FSD50K.ground_truth", "FSD50K.*_audio")

    def _card(self) -> CorpusCard:
        vocabulary = self.root / "FSD50K.ground_truth" / "vocabulary.csv"
        classes = tuple(row["label"] for row in read_table(vocabulary, ("index", "label", "mid"), header=False))
        return CorpusCard(
            self.name, self.title, classes, "train and val from dev, macro mAP on eval", "CC BY 4.0; clips by their own",
            "FSD50K/{FSD50K.dev_audio, FSD50K.eval_audio, FSD50K.ground_truth, FSD50K.metadata}",
            splits=("train", "validation", "test"), metric="mAP",
        )  # fmt: skip

    def _listed(self) -> list[Clip]:
        clips = []
        for part, columns in (("dev", ("fname", "labels", "split")), ("eval", ("fname", "labels"))):
            table = self.root / "FSD50K.ground_truth" / f"{part}.csv"
            told = self._told(part)
            for row in read_table(table, columns):
                split = _SPLITS.get(row["split"], "") if part == "dev" else "test"
                if not split:
                    raise CorruptFile(f"{table}: {row['fname']} has the split {row['split']!r}", "copy it again")
                file = inside(self.root / f"FSD50K.{part}_audio", f"{row['fname']}.wav")
                clips.append(
                    Clip(row["fname"], file, tuple(row["labels"].split(",")), told.get(row["fname"], ()), split)
                )
        return clips

    def _told(self, part: str) -> dict[str, tuple[str, ...]]:
        """id -> its title and description as one caption."""
        path = self.root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
        if not path.is_file():
            return {}
        info = read_json(path)
        if not isinstance(info, dict):
            raise CorruptFile(f"{path} does not map ids to records", "copy it again")
        return {str(name): _caption(record, path) for name, record in info.items()}


def _caption(record: Any, path: Any) -> tuple[str, ...]:
    if not isinstance(record, dict):
        raise CorruptFile(f"{path} holds a record that is not an object", "copy it again")
    parts = [" ".join(str(record.get(field) or "").split()) for field in ("title", "description")]
    text = ". ".join(part for part in parts if part)
    return (text,) if text else ()
