"""A plain folder of sound files. Where the first level has folders, their names are the labels.

    sounds/                         sounds/             <- this folder
    ├── dog/                        ├── a.wav
    │   ├── 1.wav                   ├── b.flac          no labels
    │   └── session 2/2.flac        └── c.ogg
    └── rain/*.mp3

No protocol: no splits, no folds. Ids are paths without the folder and with the extension.
"""

from __future__ import annotations

import os
from pathlib import Path

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus

EXTENSIONS = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64"))


class Folder(FileCorpus):
    """See the module. Hidden files and folders are left out; links to folders are not followed."""

    name, title = "folder", "the folder"
    landmarks = ()

    def _card(self) -> CorpusCard:
        self._files = _sounds(self.root)
        labels = sorted({label for label in map(self._label, self._files) if label})
        return CorpusCard(
            self.name, "A folder", tuple(labels), "none: all clips, no splits", "that of its files",
            "FOLDER/[label/]**/*.{wav,flac,ogg,mp3,...}", metric="accuracy",
        )  # fmt: skip

    def _label(self, path: Path) -> str:
        parts = path.relative_to(self.root).parts
        return parts[0] if len(parts) > 1 else ""

    def _listed(self) -> list[Clip]:
        clips = []
        for path in self._files:
            label = self._label(path)
            clips.append(Clip(path.relative_to(self.root).as_posix(), path, (label,) if label else ()))
        return clips


def _sounds(root: Path) -> list[Path]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = (n for n in files if not n.startswith(".") and Path(n).suffix.lower() in EXTENSIONS)
        found += [Path(folder) / name for name in names]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())
