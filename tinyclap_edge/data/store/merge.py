"""Stores of one teacher into one: their shards are copied as they are, under new numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinyclap_edge.data.store.disk import FileMark, only_writer, write_file, write_folder
from tinyclap_edge.data.store.embedding_store import EmbeddingStore, require_teacher
from tinyclap_edge.data.store.features import MARK, read_mark
from tinyclap_edge.data.store.manifest import MANIFEST, ROWS, Manifest, Shard, read_manifest
from tinyclap_edge.data.store.rows import orphan, read_rows
from tinyclap_edge.errors import CorruptFile, UsageError


@dataclass(frozen=True)
class MergeResult:
    """rows: in the store now; added: shards that were copied; known: shards that were there already."""

    rows: int
    added: int
    known: int


def merge_stores(parts: Sequence[Path], out: Path, progress: Callable[[int, int], None] | None = None) -> MergeResult:
    """Join `parts` into `out`, which may be one that an earlier merge began. Every copied file is checked by its hash.

    CorruptFile (7) for stores of different teachers, and for damage; UsageError (2) where two of them hold the same clip.
    """
    stores = [EmbeddingStore.open(part) for part in parts]
    if not stores:
        raise UsageError("nothing to merge", "name the stores, then --out")
    if out.resolve() in {store.path.resolve() for store in stores}:
        raise UsageError(f"{out} is one of the stores to merge", "give a new folder as --out")
    with only_writer(out):
        manifest = read_manifest(out) if (out / MANIFEST).is_file() else Manifest(stores[0].teacher)
        for store in stores:
            require_teacher(store.path, store.teacher, manifest.teacher)
        known = {(s.source, s.files[ROWS].sha256) for s in manifest.shards}
        owner: dict[tuple[int, str], Path] = {}
        for shard in manifest.shards:
            owner |= {(shard.source, row.id): out for row in read_rows(out / shard.name / ROWS)}
        total, number, added = sum(len(store.manifest.shards) for store in stores), 0, 0
        for store in stores:
            indices = [manifest.index_of(state.source) for state in store.manifest.sources]
            for state, index in zip(store.manifest.sources, indices, strict=True):
                mine = manifest.sources[index]
                mine.missing = sorted({*mine.missing, *state.missing})
                mine.broken |= state.broken
            for shard in store.manifest.shards:
                number += 1
                index = indices[shard.source]
                if (index, shard.files[ROWS].sha256) not in known:
                    rows = [(index, row.id) for row in read_rows(store.path / shard.name / ROWS)]
                    twice = next((row for row in rows if row in owner), None)
                    if twice:
                        raise UsageError(
                            f"{twice[1]} is in {owner[twice]} and in {store.path}",
                            "merge parts of --shard i/n, or leave one out",
                        )
                    owner |= dict.fromkeys(rows, store.path)
                    _copy(store, shard, out, manifest, index)
                    known.add((index, shard.files[ROWS].sha256))
                    added += 1
                if progress:
                    progress(number, total)
        done = {(index, name) for index, name in owner}
        for index, state in enumerate(manifest.sources):
            state.broken = {name: why for name, why in state.broken.items() if (index, name) not in done}
        manifest.write(out)
    return MergeResult(manifest.rows, added, total - added)


def _copy(store: EmbeddingStore, shard: Shard, out: Path, manifest: Manifest, index: int) -> None:
    """One shard with its log-mels, as the next of `out`."""
    name = manifest.next_name()
    left = (
        orphan(out / name, manifest.teacher, manifest.sources[index].source, index) if (out / name).is_dir() else None
    )
    if left is None or left.files != shard.files:
        for folder in sorted(store.path.glob(f"features-*/{shard.name}")):
            marks = read_mark(folder)[1]
            place = out / folder.parent.name
            place.mkdir(parents=True, exist_ok=True)
            write_file(place / "frontend.json", (folder.parent / "frontend.json").read_bytes())
            files = {file: _checked(folder / file, mark) for file, mark in marks.items()}
            write_folder(place / name, {**files, MARK: (folder / MARK).read_bytes()})
        write_folder(out / name, {f: _checked(store.path / shard.name / f, mark) for f, mark in shard.files.items()})
    manifest.shards.append(replace(shard, name=name, source=index))
    manifest.write(out)


def _checked(path: Path, mark: FileMark) -> bytes:
    data = path.read_bytes()
    if FileMark.of_bytes(data) != mark:
        raise CorruptFile(f"{path} is damaged", "`tinyclap-edge embed verify` names all damage; copy it again")
    return data
