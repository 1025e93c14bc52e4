"""WebDataset: samples in plain .tar shards; the files of one sample share a name and differ in their extension.

    train-{0000..0012}.tar          <- `webdataset:DIR/train-{0000..0012}.tar`, or with * and ?
    ├── 000017.flac                 the sound: wav, flac, ogg, opus, mp3
    ├── 000017.json                 {"labels": [...]} or {"label": ...}, {"caption": ...}, {"text": ...}; optional
    ├── 000017.txt                  a caption; optional
    ├── 000017.cls                  a class, name or number; optional
    └── 000018.flac ...

No protocol. Shards are indexed once by their headers and then read at the byte where a sample lies; nothing is unpacked, so no
name in a shard becomes a path. Compressed shards cannot be read like that and are refused.
"""

from __future__ import annotations

import glob
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.audio import read_mono
from tinyclap_edge.data.corpora.clip import Clip, CorpusCard, CorpusReport
from tinyclap_edge.data.corpora.file_corpus import check_labels, stretch
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError

SOUNDS = ("wav", "flac", "ogg", "opus", "mp3")
MAX_SHARDS = 100_000
MAX_TEXT_BYTES = 1 << 20
MAX_SOUND_BYTES = 1 << 30
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


class TarShards:
    """See the module. Missing shards of a {0000..0012} range and broken samples are counted in `report`."""

    def __init__(self, pattern: str) -> None:
        self.spec = f"webdataset:{Path(pattern).absolute()}"
        self.report = CorpusReport()
        self._places: dict[str, tuple[int, int, str]] = {}  # clip id -> offset, size, extension
        self._clips: list[Clip] = []
        for shard in expand(pattern):
            if not shard.is_file():
                self.report.missing.append(str(shard))
                continue
            self._index(shard)
        self.report.listed = len(self._clips) + len(self.report.broken) + len(self.report.missing)
        if not self._clips:
            raise UsageError(f"webdataset: no sample with a sound in {pattern}", "give the .tar files, or a pattern")
        classes = sorted({label for clip in self._clips for label in clip.labels}, key=_number_first)
        self.card = CorpusCard(
            "webdataset", "WebDataset shards", tuple(classes), "none: all samples, no splits", "that of its samples",
            "SHARDS-{0000..0012}.tar of NAME.{flac,json,txt,cls}", metric="accuracy",
        )  # fmt: skip
        check_labels(self._clips, self.card)

    def clips(self, split: str | None = None) -> list[Clip]:
        """See Corpus.clips."""
        if split is not None:
            raise UsageError(f"webdataset has no split {split!r}", "give the shards of the split")
        return list(self._clips)

    def read(self, clip: Clip, sample_rate: int) -> np.ndarray:
        """See Corpus.read."""
        assert clip.path is not None
        offset, size, extension = self._places[clip.id]
        try:
            with clip.path.open("rb") as shard, tempfile.NamedTemporaryFile(suffix=f".{extension}") as sound:
                shard.seek(offset)
                sound.write(shard.read(size))
                sound.flush()
                audio = read_mono(sound.name, sample_rate)[0]
        except TinyclapError as error:
            fact = error.fact.replace(sound.name, clip.id)
            self.report.broken[clip.id] = fact
            raise type(error)(fact, error.hint) from error
        return stretch(audio, clip, sample_rate)

    def _index(self, shard: Path) -> None:
        """The samples of one shard, in their order. CorruptFile (7) for what is not a whole tar."""
        with shard.open("rb") as file:
            if file.read(6).startswith(_COMPRESSED):
                raise CorruptFile(f"{shard} is compressed", "unpack it to a plain .tar: sounds hardly shrink")
        samples: dict[str, dict[str, tarfile.TarInfo]] = {}
        texts: dict[tuple[str, str], bytes] = {}
        try:
            with tarfile.open(shard, "r:") as tar:
                for member in tar:
                    folder, slash, base = member.name.rpartition("/")
                    stem, dot, extension = base.partition(".")
                    extension = extension.lower()
                    if not member.isfile() or not dot or not stem:
                        continue
                    key = folder + slash + stem
                    samples.setdefault(key, {})[extension] = member
                    if extension in ("json", "txt", "cls") and member.size <= MAX_TEXT_BYTES:
                        held = tar.extractfile(member)
                        texts[key, extension] = held.read() if held else b""
                whole = tar.offset
        except (tarfile.TarError, OSError, EOFError) as error:
            raise CorruptFile(f"{shard} is not a whole tar file ({error})", "copy it again") from error
        if whole > shard.stat().st_size:
            raise CorruptFile(f"{shard} is cut off", "copy it again")
        for key, members in samples.items():
            clip_id = f"{shard.stem}/{key}"
            extension = next((e for e in SOUNDS if e in members), "")
            if not extension:
                self.report.broken[clip_id] = "it has no sound"
                continue
            member = members[extension]
            if member.size == 0 or member.size > MAX_SOUND_BYTES:
                self.report.broken[clip_id] = f"its sound has {member.size:,} bytes"
                continue
            labels, captions = _told({e: texts[key, e] for e in ("json", "txt", "cls") if (key, e) in texts}, clip_id)
            self._places[clip_id] = member.offset_data, member.size, extension
            self._clips.append(Clip(clip_id, shard, labels, captions))


def expand(pattern: str) -> list[Path]:
    """Shards of a pattern: {0000..0012} counts, * ? and [] match files. UsageError (2) where nothing matches."""
    braces = _BRACES.search(pattern)
    if braces:
        first, last = (int(text) for text in braces.groups())
        if last < first or last - first >= MAX_SHARDS:
            raise UsageError(f"webdataset: {braces.group()} counts no shards", "write it like {0000..0012}")
        width = len(braces.group(1))
        names = (f"{pattern[: braces.start()]}{i:0{width}}{pattern[braces.end() :]}" for i in range(first, last + 1))
        return [shard for name in names for shard in expand(name)]
    if Path(pattern).is_dir():
        pattern = str(Path(glob.escape(pattern)) / "*.tar")
    if not glob.has_magic(pattern):
        return [Path(pattern)]
    found = sorted(Path(name) for name in glob.glob(pattern))  # noqa: PTH207  (the pattern may be absolute)
    if not found:
        raise UsageError(f"webdataset: no shard matches {pattern}", "give the .tar files, or a pattern in quotes")
    return found


def _told(texts: dict[str, bytes], clip_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and captions of a sample's side files."""
    labels: list[str] = []
    captions: list[str] = []
    if "json" in texts:
        try:
            record: Any = json.loads(texts["json"])
        except (ValueError, RecursionError) as error:
            raise CorruptFile(f"the .json of {clip_id} is not JSON ({error})", "write the shard again") from error
        if isinstance(record, dict):
            for key in ("labels", "label", "tags", "class"):
                labels += _strings(record.get(key))
            for key in ("captions", "caption", "text"):
                captions += _strings(record.get(key))
    if "cls" in texts:
        labels.append(texts["cls"].decode("utf-8", "replace").strip())
    if "txt" in texts:
        captions.append(texts["txt"].decode("utf-8", "replace").strip())
    return tuple(dict.fromkeys(labels)), tuple(dict.fromkeys(captions))


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(v) for v in values if isinstance(v, (str, int)) and not isinstance(v, bool) and str(v)]


def _number_first(label: str) -> tuple[int, int, str]:
    """Numbered classes by number, named ones by name."""
    return (0, int(label), "") if label.isascii() and label.isdigit() else (1, 0, label)
