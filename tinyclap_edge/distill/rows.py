"""What a run learns from: the rows of an embedding store with their log-mels, whoever keeps them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

if TYPE_CHECKING:
    from tinyclap_edge.data.store import EmbeddingStore


@dataclass(frozen=True)
class Source:
    """Where rows come from. fingerprint: SHA-256 of the store's manifest, 64 hex digits."""

    teacher: str
    identity: str  # of the teacher's weights and front end
    fingerprint: str
    path: str = ""


class Rows(Protocol):
    """n clips (or segments) with a teacher's embedding of each, and the log-mel that a student hears."""

    source: Source
    spec: FrontendSpec
    dim: int
    ids: list[str]
    lengths: np.ndarray  # (n,) frames that each row has, at least those of the front end
    labels: list[tuple[str, ...]]  # of each row; empty where the corpus has none

    def __len__(self) -> int: ...

    def embeddings(self, picks: np.ndarray) -> np.ndarray:
        """(k, dim) float32, as the teacher gave them."""
        ...

    def features(self, picks: np.ndarray, starts: np.ndarray | None = None) -> np.ndarray:
        """(k, frames, mels) int16 in 1/256 dB: a window from frame starts (k,) on, or from the middle of each row."""
        ...

    def levels(self, picks: np.ndarray) -> np.ndarray:
        """(k,) float32: RMS of each clip's audio in dB re full scale."""
        ...


@dataclass(frozen=True)
class ArrayRows:
    """Rows in arrays, which may be memory-mapped."""

    source: Source
    spec: FrontendSpec
    ids: list[str]
    targets: np.ndarray  # (n, dim)
    logmel_q8: np.ndarray  # (n, at least frames, mels) int16
    level_db: np.ndarray  # (n,)
    labels: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) frames."""
        return np.full(len(self.ids), self.logmel_q8.shape[1])

    @property
    def dim(self) -> int:
        """Entries of an embedding."""
        return int(self.targets.shape[1])

    def __len__(self) -> int:
        return len(self.ids)

    def embeddings(self, picks: np.ndarray) -> np.ndarray:
        """See Rows."""
        return np.asarray(self.targets[picks], np.float32)

    def features(self, picks: np.ndarray, starts: np.ndarray | None = None) -> np.ndarray:
        """See Rows."""
        spare = self.logmel_q8.shape[1] - self.spec.frames
        if spare == 0:
            return np.asarray(self.logmel_q8[picks])
        begin = np.full(len(picks), spare // 2) if starts is None else starts
        return np.stack([self.logmel_q8[i, b : b + self.spec.frames] for i, b in zip(picks, begin, strict=True)])

    def levels(self, picks: np.ndarray) -> np.ndarray:
        """See Rows."""
        return np.asarray(self.level_db[picks], np.float32)


class StoreRows:
    """Rows of an EmbeddingStore (data/store); the log-mels of `spec` are computed beside it where they are missing."""

    def __init__(self, store: EmbeddingStore, spec: FrontendSpec, path: Path) -> None:
        self._store, self._cache = store, store.features(spec)
        digest = hashlib.sha256(store.manifest.to_bytes()).hexdigest()
        self.source = Source(store.teacher.name, store.teacher.identity, digest, str(path))
        self.spec, self.dim, self.ids = spec, store.dim, store.ids
        self.lengths, self.labels = self._cache.lengths, [row.labels for row in store.rows]

    def __len__(self) -> int:
        return len(self.ids)

    def embeddings(self, picks: np.ndarray) -> np.ndarray:
        """See Rows."""
        return self._store.embeddings(picks)

    def features(self, picks: np.ndarray, starts: np.ndarray | None = None) -> np.ndarray:
        """See Rows."""
        return self._cache.gather(picks, starts)

    def levels(self, picks: np.ndarray) -> np.ndarray:
        """See Rows."""
        return np.asarray(self._cache.level_db[picks], np.float32)


def open_rows(path: Path, spec: FrontendSpec) -> StoreRows:
    """The rows of a store folder for a student that hears through `spec`. UsageError where there is none."""
    from tinyclap_edge.data.store import EmbeddingStore, open_store

    if not path.is_dir():
        raise UsageError(f"there is no embedding store {path}", "`tinyclap-edge embed --teacher ... --out` writes one")
    store = open_store(path)
    if not isinstance(store, EmbeddingStore):
        store.features(spec)  # says how its clips' sounds are brought together with it
        raise AssertionError
    return StoreRows(store, spec, path)


def unit_rows(x: np.ndarray) -> np.ndarray:
    """Rows of unit length; zero rows stay zero."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def mean_of_units(rows: Rows, picks: np.ndarray, block: int = 8192) -> np.ndarray:
    """(dim,) float32: the mean of the unit embeddings of `picks`, read block by block. One that is not finite is left
    out: the run stops at its clip, and not because all wanted embeddings are spoilt by it."""
    total, count = np.zeros(rows.dim), 0
    for start in range(0, len(picks), block):
        units = unit_rows(rows.embeddings(picks[start : start + block]).astype(np.float64))
        units = units[np.isfinite(units).all(1)]
        total, count = total + units.sum(0), count + len(units)
    return (total / max(1, count)).astype(np.float32)
