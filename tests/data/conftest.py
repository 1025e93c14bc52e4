"""Fixtures of the store: small shards, and a folder of sounds to embed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from data.tiny_corpora import sound


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four rows, the front end without a compiler, and no waiting for the disk (a kill loses no page)."""
    from tinyclap_edge.data.store import disk, embed, features
    from tinyclap_edge.frontend.fixed import logmel_q8

    monkeypatch.setattr(embed, "SHARD_ROWS", (4, 8))
    monkeypatch.setattr(disk.os, "fsync", lambda handle: None)
    monkeypatch.setattr(features, "_front_end", lambda spec: partial(logmel_q8, spec=spec))


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """Eleven sounds of 0.10 to 0.30 s."""
    for i in range(11):
        sound(tmp_path / "sounds" / ("dog", "rain")[i % 2] / f"{i:02}.wav", seconds=0.1 + 0.02 * i, hz=200 + 50 * i)
    return tmp_path / "sounds"
