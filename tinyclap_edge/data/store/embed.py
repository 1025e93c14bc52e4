"""Embed a corpus by a teacher into a store: once, shard by shard, in an order that a kill and a second start do not change.

A row's place depends on the corpus and on what is finished, never on time: the store of a run that was killed and started
again has the bytes of one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip, Corpus
from tinyclap_edge.data.store.disk import FileMark, only_writer, write_folder
from tinyclap_edge.data.store.embedding_store import EmbeddingStore, Progress, require_teacher
from tinyclap_edge.data.store.features import write_features
from tinyclap_edge.data.store.manifest import (
    EMBEDDINGS,
    MANIFEST,
    ROWS,
    Manifest,
    Shard,
    Source,
    StoredTeacher,
    read_manifest,
)
from tinyclap_edge.data.store.reading import LoadedClip, Reader, read_clips
from tinyclap_edge.data.store.rows import Row, orphan, read_rows, shard_files
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

SHARD_ROWS = (256, 4096)  # least and most
SHARD_SHARE = 16  # a shard is a sixteenth of what is finished: that much, at most, a kill can cost


@dataclass(frozen=True)
class EmbedRequest:
    """What to embed, and how. teacher: of teachers/registry.py; part: (i, n) of --shard; spec: log-mels for it too."""

    teacher: Any
    corpus: Corpus
    out: Path
    split: str | None = None
    segment_s: float | None = None
    part: tuple[int, int] = (0, 1)
    batch: int = 16
    spec: FrontendSpec | None = None
    workers: int = 0


@dataclass(frozen=True)
class EmbedResult:
    """rows: in the store now; added: by this run; finished: clips of this part that were there before."""

    rows: int
    added: int
    finished: int
    missing: tuple[str, ...]
    broken: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def embed_corpus(request: EmbedRequest, progress: Progress | None = None) -> EmbedResult:
    """Embed what is not in the store yet. Broken clips are named in the manifest and tried again by the next run.

    UsageError (2) for a request that makes no sense or a disk that takes no more, CorruptFile (7) for a store of another
    teacher or with a shard missing.
    """
    _check(request)
    begun = time.monotonic()
    stored = StoredTeacher(request.teacher.card.name, request.teacher.identity, int(request.teacher.card.dim))
    source = Source(request.corpus.spec, request.split, request.segment_s)
    everything = request.corpus.clips(request.split)
    i, n = request.part
    mine = everything[i % n :: n]
    with only_writer(request.out):
        manifest = _opened(request.out, stored)
        index = manifest.index_of(source)
        state = manifest.sources[index]
        _adopt(request.out, manifest, source, index)
        done = _finished(request.out, manifest, index)
        left = [clip for clip in mine if clip.id not in done]
        state.missing = sorted(request.corpus.report.missing)
        before = manifest.rows
        writer = _Writer(request, manifest, source, index)
        broken = {name: why for name, why in request.corpus.report.broken.items() if name not in done}
        state.broken = {name: why for name, why in {**state.broken, **broken}.items() if name not in done}
        for number, loaded in enumerate(read_clips(_reader(request), left, request.workers), 1):
            state.broken.pop(loaded.clip.id, None)
            if loaded.trouble:
                state.broken[loaded.clip.id] = loaded.trouble
            else:
                writer.add(loaded)
            if progress:
                progress(number, len(left))
        writer.flush()
        manifest.write(request.out)
    if not manifest.rows:
        raise CorruptFile(f"no clip of {request.corpus.spec} could be embedded", next(iter(state.broken.values()), ""))
    if request.spec:  # of rows that an earlier run embedded without them
        EmbeddingStore(request.out, manifest).features(request.spec, None, request.workers, progress)
    seconds = time.monotonic() - begun
    return EmbedResult(
        manifest.rows, manifest.rows - before, len(mine) - len(left), tuple(state.missing), dict(state.broken), seconds
    )


def _check(request: EmbedRequest) -> None:
    i, n = request.part
    if not (1 <= n <= 100_000 and 0 <= i <= n):
        raise UsageError(
            f"--shard {i}/{n} is no part of a corpus", f"parts are 0/{n} to {n - 1}/{n} (or 1/{n} to {n}/{n})"
        )
    if request.segment_s is not None and not 0.05 <= request.segment_s <= 36_000:
        raise UsageError(f"--segment {request.segment_s:g} s is outside 0.05 to 36,000 s")
    if request.batch < 1:
        raise UsageError(f"--batch {request.batch} holds no clip")
    if request.segment_s is not None and request.teacher.card.kind == "embeddings":
        raise UsageError("embeddings made elsewhere cannot be cut into segments", "leave --segment out")


def _reader(request: EmbedRequest) -> Reader:
    listens = request.teacher.card.kind != "embeddings"
    return Reader(
        request.corpus, request.teacher.card.sample_rate if listens else None, request.segment_s, request.spec
    )


def _opened(out: Path, teacher: StoredTeacher) -> Manifest:
    """The manifest to go on with: that of `out`, or a new one. No shard may be missing."""
    if not (out / MANIFEST).is_file():
        return Manifest(teacher)
    manifest = read_manifest(out)
    require_teacher(out, manifest.teacher, teacher)
    for shard in manifest.shards:
        for file in shard.files:
            if not (out / shard.name / file).is_file():
                raise CorruptFile(
                    f"{out / shard.name / file} is missing", "copy the store again, or give another --out"
                )
    return manifest


def _adopt(out: Path, manifest: Manifest, source: Source, index: int) -> None:
    """Take up a shard that a kill left between its renaming and the manifest's."""
    folder = out / manifest.next_name()
    if folder.is_dir():
        found = orphan(folder, manifest.teacher, source, index)
        if found:
            manifest.shards.append(found)
            manifest.write(out)


def _finished(out: Path, manifest: Manifest, index: int) -> set[str]:
    """Clips of a source that have their rows."""
    shards = [shard for shard in manifest.shards if shard.source == index]
    return {row.clip for shard in shards for row in read_rows(out / shard.name / ROWS)}


class _Writer:
    """Collects clips up to a shard, has the teacher embed them batch by batch, and writes."""

    def __init__(self, request: EmbedRequest, manifest: Manifest, source: Source, index: int) -> None:
        self.request, self.manifest, self.source, self.index = request, manifest, source, index
        self._clear()

    def _clear(self) -> None:
        least, most = SHARD_ROWS
        self.target = min(most, max(least, self.manifest.rows // SHARD_SHARE))
        self.rows: list[Row] = []
        self.vectors: list[np.ndarray] = []
        self.features: list[tuple[np.ndarray, float]] = []
        self.waiting: list[tuple[Clip, Row, np.ndarray]] = []

    def add(self, loaded: LoadedClip) -> None:
        """All rows of a clip into the same shard."""
        if self.request.teacher.card.kind == "embeddings":
            try:
                self.vectors.append(_look_up(self.request.teacher, loaded.clip)[None])
            except UsageError as error:
                self.manifest.sources[self.index].broken[loaded.clip.id] = error.fact
                return
        else:
            self.waiting += [(loaded.clip, row, audio) for row, audio in zip(loaded.rows, loaded.audio, strict=True)]
        self.rows += loaded.rows
        self.features += loaded.features
        while len(self.waiting) >= self.request.batch:
            self._embed(self.request.batch)
        if len(self.rows) >= self.target:
            self.flush()

    def _embed(self, count: int) -> None:
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        vectors = np.asarray(self.request.teacher.embed_audio([audio for _, _, audio in batch]), np.float32)
        if vectors.shape != (len(batch), self.manifest.teacher.dim):
            raise CorruptFile(f"{self.manifest.teacher.name} gives embeddings of shape {vectors.shape}")
        bad = np.flatnonzero(~np.isfinite(vectors).all(1))
        if bad.size:
            raise CorruptFile(
                f"{self.manifest.teacher.name} gives NaN for {batch[bad[0]][1].id}", "its weights are damaged"
            )
        self.vectors.append(vectors)

    def flush(self) -> None:
        """Write what was collected: log-mels first, so that a shard with embeddings has them."""
        while self.waiting:
            self._embed(self.request.batch)
        if not self.rows:
            return
        out, name = self.request.out, self.manifest.next_name()
        files = shard_files(self.manifest.teacher, self.source, self.rows, np.concatenate(self.vectors))
        marks = {file: FileMark.of_bytes(data) for file, data in files.items()}
        if self.request.spec:
            write_features(out, name, marks[ROWS], self.request.spec, self.features)
        write_folder(out / name, files)
        self.manifest.shards.append(Shard(name, self.index, len(self.rows), {f: marks[f] for f in (EMBEDDINGS, ROWS)}))
        self.manifest.write(out)
        self._clear()


def _look_up(teacher: Any, clip: Clip) -> np.ndarray:
    """(dim,) float32: by the clip's id, else by the name of its file. UsageError (2) where neither is there."""
    names: Sequence[str] = (clip.id, *((clip.path.stem,) if clip.path else ()))
    error: UsageError | None = None
    for name in names:
        try:
            return np.asarray(teacher.embeddings([name]), np.float32)[0]
        except UsageError as missing:
            error = error or missing
    assert error is not None
    raise error


def parts_of(text: str) -> tuple[int, int]:
    """(i, n) of "i/n". UsageError (2) for anything else."""
    numbers: Iterator[str] = iter(text.split("/"))
    first, second, rest = next(numbers, ""), next(numbers, ""), next(numbers, None)
    if rest is not None or not all(p.isascii() and p.isdigit() and len(p) < 9 for p in (first, second)):
        raise UsageError(f"--shard {text!r} is not i/n", "write it like 0/4, for the first of four parts")
    return int(first), int(second)
