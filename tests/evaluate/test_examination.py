"""What an examination counts, and what it does to sound."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.data.sounds.attributes import QUERIES, VALUES
from tinyclap_edge.data.sounds.captions import all_training_texts, name_prompts
from tinyclap_edge.evaluate.attributes import attribute_accuracy
from tinyclap_edge.evaluate.harness import evaluation_texts, examine, reduce_texts
from tinyclap_edge.evaluate.intervals import balanced, share, wilson
from tinyclap_edge.evaluate.retrieval import retrieval_r1
from tinyclap_edge.evaluate.sets import EvaluationSet
from tinyclap_edge.evaluate.shifts import SHIFTS, Shift, apply_shift
from tinyclap_edge.evaluate.zeroshot import PROTOCOLS, class_matrix, prompts_of, top1

NAMES = ("dog barking", "rain", "piano")


def texts_of(names: tuple[str, ...] = NAMES, dim: int = 8) -> dict[str, np.ndarray]:
    """Every prompt of family i points along axis i."""
    rows = {}
    for i, name in enumerate(names):
        for how in PROTOCOLS:
            rows |= dict.fromkeys(prompts_of(name, how), np.eye(dim, dtype=np.float32)[i])
    return rows


def test_wilson_matches_the_published_example() -> None:
    interval = wilson(81, 263)  # Newcombe 1998, table I
    assert interval.low == pytest.approx(0.2553, abs=1e-4)
    assert interval.high == pytest.approx(0.3662, abs=1e-4)
    assert wilson(10, 10).low < 1.0


def test_balanced_accuracy_weighs_classes_not_clips() -> None:
    correct = np.array([True] * 90 + [False] * 10)
    assert share(correct).value == pytest.approx(0.9)
    assert balanced(correct, np.array([0] * 90 + [1] * 10)).value == pytest.approx(0.5)


def test_top1_counts_the_nearest_class() -> None:
    classes = class_matrix(NAMES, texts_of(), "ensemble")
    audio = np.eye(8)[[0, 1, 2, 2]]
    assert top1(audio, np.array([0, 1, 2, 0]), classes).value == pytest.approx(0.75)


def test_retrieval_is_perfect_for_perfect_embeddings_and_not_for_wrong_ones() -> None:
    audio, labels = np.eye(8)[[0, 1, 2]], np.array([0, 1, 2])
    good = retrieval_r1(audio, labels, NAMES, texts_of())
    bad = retrieval_r1(audio, labels[::-1].copy(), NAMES, texts_of())
    assert good["text_to_audio"].value == good["audio_to_text"].value == 1.0
    assert bad["text_to_audio"].value == pytest.approx(1 / 3)


def test_attributes_are_asked_only_where_they_are_true() -> None:
    texts = {}
    for by_value in QUERIES.values():
        for axis, queries in enumerate(by_value.values()):
            texts |= {q: np.eye(8)[axis] for q in queries}
    values = np.full((4, len(VALUES)), -1, np.int8)
    values[:, 0] = [0, 0, 1, -1]  # near, near, far, unknown
    got = attribute_accuracy(np.eye(8)[[0, 1, 1, 0]], values, texts)
    assert set(got) == {"distance"}
    assert got["distance"].n == 3 and got["distance"].value == pytest.approx(0.75)


def test_no_examination_text_was_ever_a_training_caption() -> None:
    taught = {t.lower() for t in all_training_texts()}
    prompts = [t for t in evaluation_texts() if ": " not in t]
    assert prompts and not [t for t in prompts if t.lower() in taught]


def test_a_reduced_examination_is_the_full_one_when_nothing_is_dropped() -> None:
    texts = texts_of()
    rotated = reduce_texts(texts, np.eye(8)[::-1].copy())
    key = name_prompts("rain")[0]
    assert np.allclose(rotated[key], texts[key][::-1])


def test_examine_needs_nothing_but_an_embedding_function() -> None:
    features = np.arange(3, dtype=np.int16)[:, None, None]
    values = np.full((3, len(VALUES)), -1, np.int8)
    sets = {"fresh": EvaluationSet(features, np.arange(3), NAMES, values)}
    table = examine(lambda f: np.eye(8)[f[:, 0, 0]], sets, texts_of(), full=False)
    assert table["fresh"]["ensemble"]["value"] == 1.0 and table["fresh"]["ensemble"]["n"] == 3


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_has_the_stated_ratio(kind: str) -> None:
    t = np.arange(48000) / 16000
    audio = (0.1 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    pcm = apply_shift(audio, Shift("x", kind, 3.0), 41152, np.random.default_rng(0)) / 32768
    noise = pcm - audio[:41152]
    ratio = 10 * np.log10(np.mean(audio[:41152] ** 2) / np.mean(noise**2))
    assert ratio == pytest.approx(3.0, abs=0.05)


def test_every_shift_gives_a_whole_window_and_changes_it() -> None:
    audio = (0.3 * np.random.default_rng(1).standard_normal(48000)).clip(-0.99, 0.99).astype(np.float32)
    clean = apply_shift(audio, SHIFTS[0], 41152, np.random.default_rng(0))
    for shift in SHIFTS[1:]:
        pcm = apply_shift(audio, shift, 41152, np.random.default_rng(0))
        assert pcm.shape == (41152,) and pcm.dtype == np.int16
        assert not np.array_equal(pcm, clean), shift.name
