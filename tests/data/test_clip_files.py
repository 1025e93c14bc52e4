"""Embeddings made elsewhere, one .npz a clip: read as a store, and joined with the sounds that they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.tiny_corpora import audioset, sound

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store import EmbeddingStore, open_store
from tinyclap_edge.data.store.embed import EmbedRequest, embed_corpus
from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    """teachers_knowledge/MATPAC_MCL/window_length_10s/embed/train/*.npz, as S-SONDO writes it: embed (1, dim)."""
    folder = tmp_path / "teachers_knowledge" / "MATPAC_MCL" / "window_length_10s" / "embed" / "train"
    folder.mkdir(parents=True)
    for number, name in enumerate(("Y--PJHxphWEs", "--ZhevVpy1s_50000")):
        np.savez(folder / f"{name}.npz", embed=np.full((1, 6), number + 0.5, np.float32))
    return folder


def test_a_folder_of_npz_files_opens_like_a_store(knowledge: Path) -> None:
    store = open_store(knowledge)
    assert len(store) == 2 and store.teacher.dim == 6 and len(store.teacher.identity) == 16
    assert sorted(store.ids) == ["--ZhevVpy1s_50000", "Y--PJHxphWEs"]
    rows = store.embeddings(np.array([store.ids.index("Y--PJHxphWEs"), store.ids.index("--ZhevVpy1s_50000")]))
    np.testing.assert_array_equal(rows[:, 0], [0.5, 1.5])
    assert open_store(f"embeddings:{knowledge}").ids == store.ids
    with pytest.raises(UsageError, match="not where their sounds are") as error:
        store.features(FrontendSpec())
    assert "embed --teacher embeddings:" in error.value.hint


def test_a_store_made_of_them_finds_each_clip_by_its_file_and_names_those_without(
    knowledge: Path, tmp_path: Path
) -> None:
    from tinyclap_edge.teachers.registry import open_teacher

    corpus = open_corpus(f"audioset:{audioset(tmp_path / 'audioset')}")
    teacher = open_teacher(f"embeddings:{knowledge}")
    done = embed_corpus(EmbedRequest(teacher, corpus, tmp_path / "store"))
    assert done.rows == 2 and list(done.broken) == ["-0RWZT-miFs_420"]
    store = EmbeddingStore.open(tmp_path / "store")
    assert store.ids == ["--PJHxphWEs_30", "--ZhevVpy1s_50"] and store.rows[0].labels == ("Speech", "Dog")
    np.testing.assert_array_equal(store.embeddings(np.array([0, 1]))[:, 0], [0.5, 1.5])
    assert store.teacher.identity == teacher.identity
    assert open_store(tmp_path / "store").ids == store.ids


def test_embeddings_made_elsewhere_have_no_segments(knowledge: Path, tmp_path: Path) -> None:
    from tinyclap_edge.teachers.registry import open_teacher

    sound(tmp_path / "sounds" / "a.wav")
    request = EmbedRequest(open_teacher(f"embeddings:{knowledge}"), open_corpus(f"folder:{tmp_path / 'sounds'}"),
                           tmp_path / "store", segment_s=1.0)  # fmt: skip
    with pytest.raises(UsageError, match="cannot be cut into segments"):
        embed_corpus(request)


def test_a_folder_of_neither_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds neither"):
        open_store(tmp_path)
