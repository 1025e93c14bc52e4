"""Scores: the integer cosine, the same in Python and C, and close to the real one."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import reciprocal_norm, score


def pack_of(rows: np.ndarray) -> LabelPack:
    names = tuple(f"label {i}" for i in range(len(rows)))
    return LabelPack("0" * 16, "0" * 16, names, rows, np.zeros(len(rows), np.int16))


def real_cosines(pack: LabelPack, embeddings: np.ndarray, zero_point: int) -> np.ndarray:
    values, rows = embeddings.astype(float) - zero_point, pack.rows.astype(float)
    norms = np.linalg.norm(values, axis=1)[:, None] * np.linalg.norm(rows, axis=1)
    return values @ rows.T / np.where(norms == 0, 1, norms)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 80), st.integers(1, 5), st.integers(-128, 127))
def test_c_and_python_give_the_same_scores(native, data, dim, labels, zero_point):
    rows = data.draw(hnp.arrays(np.int8, (labels, dim), elements=st.integers(-127, 127)))
    rows[~rows.any(1), 0] = 1
    embeddings = data.draw(hnp.arrays(np.int8, (3, dim), elements=st.integers(-128, 127)))
    pack = pack_of(rows)
    code, view, held = native.open(pack.to_bytes(), data.draw(st.integers(0, 3)))
    assert code == 0 and held.size
    scores = score(pack, embeddings, zero_point)
    assert np.array_equal(native.score(view, embeddings, zero_point), scores)
    assert np.abs(scores - 32768 * real_cosines(pack, embeddings, zero_point)).max() <= 2


@pytest.mark.parametrize("dim", [1, 2, 64, 127, 1024])
@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
def test_many_embeddings_score_alike_and_close_to_the_real_cosine(native, dim, zero_point):
    rng = np.random.default_rng(dim)
    rows = rng.integers(-127, 128, (16, dim)).astype(np.int8)
    rows[:, 0] = 127
    width = rng.integers(1, 128, (100, 1))  # from nearly nothing to full range
    embeddings = np.clip(zero_point + rng.integers(-width, width + 1, (100, dim)), -128, 127).astype(np.int8)
    pack = pack_of(rows)
    _, view, held = native.open(pack.to_bytes())
    scores = score(pack, embeddings, zero_point)
    assert held.size and np.array_equal(native.score(view, embeddings, zero_point), scores)
    assert np.abs(scores - 32768 * real_cosines(pack, embeddings, zero_point)).max() <= 2


def test_the_extremes_of_every_operand_do_not_overflow(native):
    pack = pack_of(np.stack([np.full(1024, 127, np.int8), np.full(1024, -127, np.int8)]))
    _, view, held = native.open(pack.to_bytes())
    for code, zero_point in ((127, -128), (-128, 127)):
        embeddings = np.full((1, 1024), code, np.int8)
        scores = score(pack, embeddings, zero_point)
        assert held.size and np.array_equal(native.score(view, embeddings, zero_point), scores)
        assert sorted(np.abs(scores).ravel()) >= [32766, 32766] and scores[0, 0] == -scores[0, 1]


def test_an_embedding_of_zeros_scores_zero(native, make_pack):
    pack = make_pack(4, 10)
    _, view, held = native.open(pack.to_bytes())
    embeddings = np.full((1, 10), -7, np.int8)
    assert held.size and not score(pack, embeddings, -7).any() and not native.score(view, embeddings, -7).any()


def test_a_zero_point_outside_int8_is_refused(native, make_pack):
    pack = make_pack(2, 4)
    _, view, held = native.open(pack.to_bytes())
    embedding, out = np.zeros((1, 4), np.int8), np.zeros(2, np.int16)
    code = native.lib.tce_labels_score(ctypes.byref(view), embedding.ctypes.data, 128, out.ctypes.data)
    assert code == -1 and held.size
    with pytest.raises(ValueError, match="zero point"):
        score(pack, embedding, 128)
    with pytest.raises(ValueError, match="the pack needs"):
        score(pack, np.zeros((1, 5), np.int8), 0)


def test_the_reciprocal_norm_is_close_over_its_whole_range():
    sums = np.unique(np.r_[np.arange(1, 5000), np.geomspace(1, (1 << 26) - 1, 5000).astype(np.int64)])
    exact = 2.0**30 / np.sqrt(sums)
    assert np.abs(reciprocal_norm(sums) / exact - 1).max() < 2**-15.4
    assert reciprocal_norm(1) == 1 << 30 and reciprocal_norm((1 << 26) - 1) == 1 << 17
