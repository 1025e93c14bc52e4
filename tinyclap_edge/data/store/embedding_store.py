"""A store of embeddings as it is read: mapped, whole, and of the teacher that it says."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from tinyclap_edge.data.corpora.clip import Corpus
from tinyclap_edge.data.store.features import OPEN_SHARDS, FeatureCache, missing_features
from tinyclap_edge.data.store.manifest import EMBEDDINGS, ROWS, Manifest, StoredTeacher, read_manifest
from tinyclap_edge.data.store.rows import Row, read_rows
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

Progress = Callable[[int, int], None]  # clips done, clips in all


class EmbeddingStore:
    """One row is one clip, or one segment of it. `open` checks that every shard is there and whole by its size."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._ends = np.cumsum([shard.rows for shard in manifest.shards], dtype=np.int64)
        self._mapped: OrderedDict[int, np.ndarray] = OrderedDict()

    @staticmethod
    def open(path: Path | str, teacher: StoredTeacher | None = None) -> EmbeddingStore:
        """The store at `path`. UsageError (2) where there is none; CorruptFile (7), by name, for a shard that is missing
        or cut off, for a changed manifest, and for a store that is not of `teacher`."""
        path = Path(path)
        manifest = read_manifest(path)
        for shard in manifest.shards:
            for file, mark in shard.files.items():
                found = path / shard.name / file
                size = found.stat().st_size if found.is_file() else None
                if size != mark.size:
                    what = "is missing" if size is None else f"has {size:,} bytes instead of {mark.size:,}"
                    raise CorruptFile(
                        f"{found} {what}",
                        "copy the store again, or embed into a new folder; `embed verify` names all damage",
                    )
        if teacher is not None:
            require_teacher(path, manifest.teacher, teacher)
        return EmbeddingStore(path, manifest)

    @property
    def teacher(self) -> StoredTeacher:
        """Whose embeddings these are."""
        return self.manifest.teacher

    @property
    def dim(self) -> int:
        """Entries of an embedding."""
        return self.manifest.teacher.dim

    def __len__(self) -> int:
        return self.manifest.rows

    @cached_property
    def rows(self) -> list[Row]:
        """What each embedding belongs to, with its labels."""
        return [row for shard in self.manifest.shards for row in read_rows(self.path / shard.name / ROWS)]

    @cached_property
    def ids(self) -> list[str]:
        """The ids of the rows: a clip's, or "clip@start"."""
        return [row.id for row in self.rows]

    def index_of(self, ids: list[str]) -> np.ndarray:
        """(k,) the rows of these ids. UsageError (2) names one that is not there."""
        for name in ids:
            if name not in self._index:
                raise UsageError(f"{self.path} has no row of {name!r}", f"its ids look like {self.ids[:1]}")
        return np.array([self._index[name] for name in ids], np.int64)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.ids)}

    def embeddings(self, picks: np.ndarray) -> np.ndarray:
        """(k, dim) float32, as the teacher gave them; any order, read in the order of the disk."""
        picks = np.asarray(picks, np.int64)
        if picks.size and not (picks.min() >= 0 and picks.max() < len(self)):
            raise IndexError(f"row {picks.max()} of a store of {len(self)}")
        out = np.empty((len(picks), self.dim), np.float32)
        shard = np.searchsorted(self._ends, picks, side="right")
        for number in np.unique(shard):
            where = np.flatnonzero(shard == number)
            local = picks[where] - (self._ends[number - 1] if number else 0)
            order = np.argsort(local, kind="stable")
            out[where[order]] = self._array(int(number))[local[order]]
        return out

    def _array(self, number: int) -> np.ndarray:
        if number in self._mapped:
            self._mapped.move_to_end(number)
            return self._mapped[number]
        shard = self.manifest.shards[number]
        path = self.path / shard.name / EMBEDDINGS
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CorruptFile(f"{path} is damaged ({error})", "`embed verify` names all damage") from error
        if array.shape != (shard.rows, self.dim) or array.dtype != np.float32:
            raise CorruptFile(f"{path} holds {array.dtype} {array.shape}, not float32 {(shard.rows, self.dim)}")
        self._mapped[number] = array
        if len(self._mapped) > OPEN_SHARDS:
            self._mapped.popitem(last=False)
        return array

    def features(
        self, spec: FrontendSpec, corpus: Corpus | None = None, workers: int = 0, progress: Progress | None = None
    ) -> FeatureCache:
        """Log-mels of the same rows for one front end; where they are missing they are computed once, from `corpus` or
        from the corpora that the store names, and cached beside the embeddings."""
        if missing_features(self.path, spec, self.manifest.shards):
            from tinyclap_edge.data.store.add_features import add_features

            add_features(self, spec, corpus, workers, progress)
        return FeatureCache(self.path, spec, self.manifest.shards)


def require_teacher(path: Path, found: StoredTeacher, wanted: StoredTeacher) -> None:
    """CorruptFile (7) unless the store at `path` is of the teacher that is wanted, weights and all."""
    if found == wanted:
        return
    if found.name == wanted.name:
        what = f"other weights of {found.name} ({found.identity}, dim {found.dim}), not {wanted.identity}"
    else:
        what = f"{found.name} ({found.identity}), not {wanted.name} ({wanted.identity})"
    raise CorruptFile(f"{path} holds embeddings of {what}", "give another folder, or the teacher that it was made with")
