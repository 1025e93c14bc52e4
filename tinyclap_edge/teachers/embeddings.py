"""`embeddings:DIR`: what was embedded elsewhere, by any model at all, M2D among them, as a teacher that only looks up.

Two layouts are read: a store that `tinyclap-edge embed` wrote (tinyclap_edge.data.store), and one .npz a clip with an
array `embed`, as S-SONDO keeps them (.../embed/SPLIT/ID.npz).
"""

from __future__ import annotations

import functools
import hashlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.teachers.card import TeacherCard

ARRAY = "embed"
MANIFEST = "manifest.json"
MAX_FILE_BYTES = 256 << 20
MAX_DIM = 65536
PROBED = 64


class Embeddings(ABC):
    """A folder of embeddings. ids: one a clip; `embeddings` looks them up; there is nothing to run on audio."""

    card: TeacherCard
    ids: list[str]

    @property
    @abstractmethod
    def identity(self) -> str:
        """16 hex digits: see card.Teacher."""

    @abstractmethod
    def embeddings(self, ids: Sequence[str]) -> np.ndarray:
        """(n, dim) float32, as stored. UsageError (2) names an id that is not there, CorruptFile (7) a bad file."""

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """UsageError (2): the model that made these embeddings is not here."""
        raise UsageError(
            f"{self.card.name} holds embeddings, it cannot embed new audio",
            "use a corpus whose clips it holds, or a teacher of `tinyclap-edge teachers list`",
        )

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """UsageError (2): there is no text side."""
        raise UsageError(
            f"{self.card.name} holds embeddings of audio, it has no text side",
            "words need a CLAP teacher: `tinyclap-edge teachers list`",
        )


class ClipFiles(Embeddings):
    """One .npz a clip. An id is the path below the folder without its ending; the bare file name will do if unique.

    An array of several rows (one a segment) stands for their mean.
    """

    def __init__(self, folder: Path, paths: list[Path]) -> None:
        self._paths = {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}
        self.ids = list(self._paths)
        self._by_stem: dict[str, list[str]] = {}
        for name in self.ids:
            self._by_stem.setdefault(name.rpartition("/")[2], []).append(name)
        self.card = _card(folder, _read_clip(paths[0]).size)

    def embeddings(self, ids: Sequence[str]) -> np.ndarray:
        out = np.zeros((len(ids), self.card.dim), np.float32)
        for row, name in zip(out, ids, strict=True):
            path = self._paths[self._find(name)]
            value = _read_clip(path)
            if value.size != row.size:
                raise CorruptFile(
                    f"{path} holds {value.size} entries, the first file {row.size}", "do not mix teachers in a folder"
                )
            row[:] = value
        return out

    def _find(self, name: str) -> str:
        if name in self._paths:
            return name
        found = self._by_stem.get(name.rpartition("/")[2], [])
        if len(found) != 1:
            raise UsageError(
                f"{self.card.name} has {'no' if not found else len(found)} embeddings of the clip {name!r}",
                f"its ids look like {self.ids[0]!r}",
            )
        return found[0]

    @functools.cached_property
    def identity(self) -> str:  # type: ignore[override]
        """16 hex digits over every name and size, and the contents of up to 64 files spread over the folder.

        Two million clips are 30 GB: reading all of them for an identity would take longer than training.
        """
        digest = hashlib.sha256()
        for name, path in self._paths.items():
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        for i in np.unique(np.linspace(0, len(self.ids) - 1, min(PROBED, len(self.ids))).astype(int)):
            digest.update(_read_clip(self._paths[self.ids[i]]).tobytes())
        return digest.hexdigest()[:16]


class StoreRows(Embeddings):
    """A store of our own; the ids of its segments look like "id@start"."""

    def __init__(self, folder: Path) -> None:
        from tinyclap_edge.data.store import EmbeddingStore

        self._store: Any = EmbeddingStore.open(folder)
        self.ids = list(self._store.ids)
        self.card = _card(folder, int(self._store.teacher.dim))
        self._rows = {name: i for i, name in enumerate(self.ids)}

    @property
    def identity(self) -> str:
        """The identity of the teacher that the store was made with."""
        return str(self._store.teacher.identity)

    def embeddings(self, ids: Sequence[str]) -> np.ndarray:
        missing = [name for name in ids if name not in self._rows]
        if missing:
            raise UsageError(
                f"{self.card.name} has no embedding of the clip {missing[0]!r}", f"its ids look like {self.ids[0]!r}"
            )
        return np.asarray(self._store.embeddings(np.array([self._rows[name] for name in ids], np.int64)), np.float32)


def open_embeddings(folder: Path) -> Embeddings:
    """UsageError (2) for a folder that is not there or holds neither layout; CorruptFile (7) for damaged files."""
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}", "write embeddings:DIR, DIR being a store or a folder of .npz files"
        )
    if (folder / MANIFEST).is_file():
        return StoreRows(folder)
    paths = sorted(folder.rglob("*.npz"))
    if not paths:
        raise UsageError(
            f"{folder} holds neither a {MANIFEST} nor .npz files",
            "give the folder that `tinyclap-edge embed` wrote, or one with a .npz for each clip",
        )
    return ClipFiles(folder, paths)


def _read_clip(path: Path) -> np.ndarray:
    """(dim,) float32; no pickled array is ever loaded."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError("it is larger than 256 MiB")
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_FILE_BYTES:
                raise ValueError("it unpacks to more than 256 MiB")
        with np.load(path, allow_pickle=False) as arrays:
            if ARRAY not in arrays:
                raise ValueError(f"it has no array {ARRAY!r}, only {', '.join(arrays.files) or 'nothing'}")
            value = np.asarray(arrays[ARRAY])
        if value.dtype.kind != "f" or value.ndim == 0 or not 0 < value.shape[-1] <= MAX_DIM or value.size == 0:
            raise ValueError(f"{ARRAY!r} is {value.dtype} of shape {value.shape}")
        value = value.reshape(-1, value.shape[-1]).astype(np.float32).mean(0)
        if not np.isfinite(value).all():
            raise ValueError(f"{ARRAY!r} holds NaN or infinity")
        return value
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise CorruptFile(f"{path} is not a readable embedding ({error})", "embed that clip again") from error


def _card(folder: Path, dim: int) -> TeacherCard:
    return TeacherCard(
        name=f"embeddings:{folder}",
        title="Embeddings made elsewhere",
        kind="embeddings",
        dim=dim,
        sample_rate=0,
        window_s=0.0,
        licence="that of the model that made them",
        source=str(folder),
        family="embeddings",
    )
