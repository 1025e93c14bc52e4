"""AudioSet: clips of 10 s from YouTube, 527 classes; tables are published, the audio is not.

    audioset/                                   <- this folder
    ├── balanced_train_segments.csv             three lines that begin with #, then
    ├── unbalanced_train_segments.csv           YTID, start_seconds, end_seconds, "mid,mid"
    ├── eval_segments.csv
    ├── class_labels_indices.csv                index,mid,display_name
    └── balanced_train/, unbalanced_train/, eval/     {YTID}.*, Y{YTID}.*, {YTID}_{start}.* or {YTID}_{start ms}.*;
                                                      also in audio/<split>/, or all in audio/

Protocol: macro mAP on eval. Any of the three tables may be absent; clips whose video is gone are counted.
Gemmeke et al., ICASSP 2017.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_table, seconds
from tinyclap_edge.errors import CorruptFile

_SPLITS = ("balanced_train", "unbalanced_train", "eval")
_FOLDERS = ("{}", "{}_segments", "audio/{}", "audio/{}_segments", "audio")
_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3", ".opus")
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")


class AudioSet(FileCorpus):
    """See the module. A clip's id is its YTID and start, as one video may serve several clips."""

    name, title = "audioset", "AudioSet"
    landmarks = ("class_labels_indices.csv", "*_segments.csv")

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, tuple(self._names.values()), "macro mAP on eval", "tables CC BY 4.0; audio of its uploaders",
            "audioset/{class_labels_indices.csv, <split>_segments.csv, <split>/<YTID>.*}",
            splits=tuple(split for split in _SPLITS if self._table(split).is_file()), metric="mAP",
        )  # fmt: skip

    @cached_property
    def _names(self) -> dict[str, str]:
        """mid -> display name, in the order of the index."""
        rows = read_table(self.root / "class_labels_indices.csv", ("index", "mid", "display_name"))
        return {row["mid"]: row["display_name"] for row in rows}

    def _table(self, split: str) -> Path:
        return self.root / f"{split}_segments.csv"

    def _listed(self) -> list[Clip]:
        clips = []
        columns = ("YTID", "start_seconds", "end_seconds", "positive_labels")
        for split in self.card.splits:
            table = self._table(split)
            files = self._files(split)
            for row in read_table(table, columns, header=False, comments=True):
                video, start = row["YTID"], seconds(row["start_seconds"], table, "start_seconds")
                if not _VIDEO.fullmatch(video):
                    raise CorruptFile(f"{table}: {video!r} is not a YouTube id", "copy it again")
                mids = [mid for mid in row["positive_labels"].split(",") if mid]
                unknown = [mid for mid in mids if mid not in self._names]
                if unknown:
                    raise CorruptFile(f"{table}: {video} has the label {unknown[0]!r}, which is no class")
                names = (f"{video}_{start:g}", f"{video}_{round(start * 1000)}", video)
                stems = [prefix + name for name in names for prefix in ("", "Y")]
                path = next((files[stem] for stem in stems if stem in files), inside(self.root / split, f"{video}.wav"))
                labels = tuple(self._names[mid] for mid in mids)
                clips.append(Clip(f"{video}_{start:g}", path, labels, split=split))
        return clips

    def _files(self, split: str) -> dict[str, Path]:
        """Stem -> path, of every folder in which the split's audio may lie."""
        found: dict[str, Path] = {}
        for pattern in _FOLDERS[::-1]:
            folder = self.root / pattern.format(split)
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    paths = [folder / entry.name for entry in entries]
                found |= {path.stem: path for path in paths if path.suffix.lower() in _EXTENSIONS}
        return found
