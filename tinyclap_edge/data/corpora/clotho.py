"""Clotho 2.1: 5,929 Freesound clips of 15 to 30 s, five captions of 8 to 20 words each.

    clotho/                                     <- this folder
    ├── development/*.wav  validation/*.wav  evaluation/*.wav       44.1 kHz (also clotho_audio_<split>/, or data/ for one)
    ├── clotho_captions_{development,validation,evaluation}.csv     file_name,caption_1 ... caption_5
    └── clotho_metadata_{...}.csv                                   keywords and licences; not needed

Protocol: 3,839 development, 1,045 validation and 1,045 evaluation clips; captioning and retrieval on evaluation.
File names may begin with a space. Drossos et al., ICASSP 2020.
"""

from __future__ import annotations

from pathlib import Path

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table

_SPLITS = {"development": "train", "validation": "validation", "evaluation": "test"}
_FOLDERS = ("{}", "clotho_audio_{}", "data/{}", "data")


class Clotho(FileCorpus):
    """See the module. Splits by the usual names: train, validation, test."""

    name, title = "clotho", "Clotho"
    landmarks = ("clotho_captions_*.csv",)

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, (), "5 captions a clip; captioning and retrieval on evaluation",
            "captions: not commercial, with attribution; clips by their own",
            "clotho/{development,validation,evaluation}/*.wav and clotho_captions_<split>.csv",
            splits=tuple(_SPLITS[split] for split in self._tables()), metric="recall", template="{}",
        )  # fmt: skip

    def _tables(self) -> dict[str, Path]:
        paths = {split: self.root / f"clotho_captions_{split}.csv" for split in _SPLITS}
        return {split: path for split, path in paths.items() if path.is_file()}

    def _listed(self) -> list[Clip]:
        clips = []
        for split, table in self._tables().items():
            folders = [self.root / pattern.format(split) for pattern in _FOLDERS]
            folder = next((f for f in folders if f.is_dir()), folders[0])
            for row in read_table(table, ("file_name", *(f"caption_{i}" for i in range(1, 6)))):
                captions = tuple(row[f"caption_{i}"] for i in range(1, 6) if row[f"caption_{i}"].strip())
                file = inside(folder, row["file_name"])
                clips.append(Clip(f"{split}/{row['file_name']}", file, (), captions, _SPLITS[split]))
        return clips
