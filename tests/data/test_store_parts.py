"""Parts of a corpus in stores of their own, and their merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.plain_teacher import PlainTeacher
from data.small_store import SPEC, everything, run

from tinyclap_edge.data.store import EmbeddingStore
from tinyclap_edge.data.store.embed import parts_of
from tinyclap_edge.data.store.merge import merge_stores
from tinyclap_edge.data.store.verify import verify_store
from tinyclap_edge.errors import CorruptFile, UsageError

pytestmark = pytest.mark.usefixtures("small_shards")


def test_parts_are_disjoint_and_merge_to_the_whole(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "whole", spec=SPEC)
    parts = [tmp_path / f"part-{i}" for i in range(3)]
    for i, part in enumerate(parts):
        run(corpus_folder, part, part=(i, 3), spec=SPEC)
    sets = [set(EmbeddingStore.open(part).ids) for part in parts]
    assert sum(map(len, sets)) == len(set().union(*sets)) == 11
    done = merge_stores(parts, tmp_path / "joined")
    assert (done.rows, done.known) == (11, 0)
    whole, joined = EmbeddingStore.open(tmp_path / "whole"), EmbeddingStore.open(tmp_path / "joined")
    order = joined.index_of(whole.ids)
    np.testing.assert_array_equal(joined.embeddings(order), whole.embeddings(np.arange(11)))
    picks = np.array([9, 2, 5])
    np.testing.assert_array_equal(joined.features(SPEC).gather(order[picks]), whole.features(SPEC).gather(picks))
    assert not verify_store(tmp_path / "joined").damaged
    before = everything(tmp_path / "joined")
    again = merge_stores(parts, tmp_path / "joined")
    assert (again.added, again.known) == (0, done.added) and everything(tmp_path / "joined") == before
    assert run(corpus_folder, tmp_path / "joined").added == 0


def test_counting_parts_from_one_means_the_same_parts(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "a", part=parts_of("0/2"))
    run(corpus_folder, tmp_path / "b", part=parts_of("2/2"))
    assert EmbeddingStore.open(tmp_path / "a").ids == EmbeddingStore.open(tmp_path / "b").ids
    for wrong in ("3/2", "0/0"):
        with pytest.raises(UsageError, match="no part"):
            run(corpus_folder, tmp_path / "c", part=parts_of(wrong))
    for wrong in ("half", "1/2/3", "-1/2", ""):
        with pytest.raises(UsageError, match="is not i/n"):
            parts_of(wrong)


def test_a_merge_refuses_the_same_clip_twice_and_another_teacher(corpus_folder: Path, tmp_path: Path) -> None:
    run(corpus_folder, tmp_path / "a")
    run(corpus_folder, tmp_path / "b", part=(0, 2))
    run(corpus_folder, tmp_path / "c", PlainTeacher("other"))
    with pytest.raises(UsageError, match=r"dog/00\.wav is in .*a and in .*b"):
        merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    with pytest.raises(CorruptFile, match=r"c holds embeddings of other .* not plain"):
        merge_stores([tmp_path / "a", tmp_path / "c"], tmp_path / "joined-2")
