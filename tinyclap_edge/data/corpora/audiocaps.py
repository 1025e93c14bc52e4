"""AudioCaps: captions of AudioSet clips; only tables are published, the audio is from YouTube.

    AudioCaps/ (or AudioCaps/data)              <- this folder
    ├── train.csv, val.csv, test.csv            audiocap_id,youtube_id,start_time,caption
    │                                           (also csv/train.csv ..., or dataset/train.csv ...)
    └── train/, val/, test/                     {youtube_id}_{start_time}.flac, {youtube_id}.wav or Y{youtube_id}.wav;
                                                also in audio/train/ ..., or all in audio/

Protocol: one caption a clip in train, five in val and test (one row each); captioning and retrieval. Of 49,838, 495 and 975
clips some have left YouTube: they are counted, not hidden. Kim et al., NAACL 2019.
"""

from __future__ import annotations

import os
from pathlib import Path

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table, whole_number
from tinyclap_edge.errors import UsageError

_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_TABLES = ("{}.csv", "csv/{}.csv", "dataset/{}.csv")
_FOLDERS = ("{}", "audio/{}", "audio")
_NAMES = ("{id}_{start}.{ext}", "{id}.{ext}", "Y{id}.{ext}", "Y{id}_{start}.{ext}")
_EXTENSIONS = ("flac", "wav", "ogg", "mp3")


class AudioCaps(FileCorpus):
    """See the module."""

    name, title = "audiocaps", "AudioCaps"
    landmarks = ("train.csv",)

    def __init__(self, root: Path | str) -> None:
        self.landmarks = next(
            ((pattern.format(split),) for pattern in _TABLES for split in _SPLITS
             if (Path(root) / pattern.format(split)).is_file()),
            AudioCaps.landmarks,
        )  # fmt: skip
        super().__init__(root)

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, (), "captions: 1 in train, 5 in validation and test; captioning and retrieval",
            "captions MIT; audio of its uploaders", "AudioCaps/{train,val,test}.csv and {train,val,test}/<youtube_id>.*",
            splits=tuple(_SPLITS[split] for split in self._tables()), metric="recall", template="{}",
        )  # fmt: skip

    def _tables(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for split in _SPLITS:
            tables = [self.root / pattern.format(split) for pattern in _TABLES]
            there = [path for path in tables if path.is_file()]
            if there:
                found[split] = there[0]
        return found

    def _listed(self) -> list[Clip]:
        clips = []
        for split, table in self._tables().items():
            captions: dict[tuple[str, str], list[str]] = {}
            for row in read_table(table, ("youtube_id", "start_time", "caption")):
                whole_number(row["start_time"], table, "start_time")
                captions.setdefault((row["youtube_id"], row["start_time"]), []).append(row["caption"])
            files = _files(self.root, split)
            fallback = self.root / split
            for (video, start), told in captions.items():
                names = [n.format(id=video, start=start, ext=e) for e in _EXTENSIONS for n in _NAMES]
                path = next((files[name] for name in names if name in files), inside(fallback, f"{video}.wav"))
                clips.append(Clip(f"{split}/{video}_{start}", path, (), tuple(told), _SPLITS[split]))
        if not clips:
            raise UsageError(f"{self.title}: the tables of {self.root} list nothing")
        return clips


def _files(root: Path, split: str) -> dict[str, Path]:
    """File name -> path, of every folder in which the split's audio may lie."""
    found: dict[str, Path] = {}
    for pattern in _FOLDERS[::-1]:
        folder = root / pattern.format(split)
        if folder.is_dir():
            with os.scandir(folder) as entries:
                found |= {entry.name: folder / entry.name for entry in entries}
    return found
