"""Log-mels for a store that has none of a front end yet: its clips are read again, shard by shard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip, Corpus
from tinyclap_edge.data.corpora.registry import open_corpus
from tinyclap_edge.data.store.disk import only_writer
from tinyclap_edge.data.store.features import missing_features, write_features
from tinyclap_edge.data.store.manifest import ROWS
from tinyclap_edge.data.store.reading import Reader, read_clips
from tinyclap_edge.data.store.rows import read_rows
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

if TYPE_CHECKING:
    from tinyclap_edge.data.store.embedding_store import EmbeddingStore, Progress


def add_features(
    store: EmbeddingStore,
    spec: FrontendSpec,
    corpus: Corpus | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write the feature shards that are missing. UsageError (2) or CorruptFile (7) where a clip of a row is gone."""
    with only_writer(store.path):
        todo = missing_features(store.path, spec, store.manifest.shards)
        total, done = sum(shard.rows for shard in todo), 0
        clips: dict[int, dict[str, Clip]] = {}
        corpora: dict[int, Corpus] = {}
        for shard in todo:
            source = store.manifest.sources[shard.source].source
            if shard.source not in clips:
                corpora[shard.source] = corpus or open_corpus(source.corpus)
                clips[shard.source] = {c.id: c for c in corpora[shard.source].clips(source.split)}
            wanted = [row.clip for row in read_rows(store.path / shard.name / ROWS)]
            names = list(dict.fromkeys(wanted))
            gone = [name for name in names if name not in clips[shard.source]]
            if gone:
                raise UsageError(
                    f"{source.corpus} has no clip {gone[0]} any more, whose log-mel is needed",
                    f"bring it back, or embed anew: {Path(store.path).name} still knows it",
                )
            rows: list[tuple[np.ndarray, float]] = []
            reader = Reader(corpora[shard.source], None, source.segment_s, spec)
            for loaded in read_clips(reader, [clips[shard.source][name] for name in names], workers):
                if loaded.trouble:
                    raise CorruptFile(loaded.trouble, "bring the file back, or embed into a new folder")
                rows += loaded.features
                done += len(loaded.rows)
                if progress:
                    progress(done, total)
            if len(rows) != len(wanted):
                raise CorruptFile(
                    f"{source.corpus} gives {len(rows)} rows for {shard.name}, which has {len(wanted)}",
                    "its sound files were changed: embed into a new folder",
                )
            write_features(store.path, shard.name, shard.files[ROWS], spec, rows)
