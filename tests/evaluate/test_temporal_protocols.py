"""Accuracy against the window on the corpora of the temporal-support study, by their own protocols, in miniature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data.tiny_corpora import LAYOUTS
from evaluate.made_corpus import MadeModel

from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.run import Request, evaluate

WINDOWS_S = (0.02, 0.05)


def curve(name: str, root: Path, speaks: bool = True) -> dict[str, Any]:
    """The record of two windows."""
    task = "zero-shot" if speaks else "probe"
    return evaluate(
        MadeModel(speaks=speaks), open_corpus(f"{name}:{LAYOUTS[name](root)}"), Request((task,), windows=WINDOWS_S)
    )


@pytest.mark.parametrize(
    ("name", "measure", "split", "scored"),
    [("esc50", "accuracy", "all", 10), ("tau2020", "accuracy", "test", 2), ("openmic", "mAP", "test", 2)],
)
def test_each_corpus_is_scored_on_its_split_at_every_window(
    name: str, measure: str, split: str, scored: int, tmp_path: Path
) -> None:
    record = curve(name, tmp_path / "corpus")
    support = record["temporal support"]
    assert (support["by"], support["measure"]) == ("zero-shot", measure)
    assert [row["window_s"] for row in support["rows"]] == list(WINDOWS_S)
    assert {row[measure]["n"] for row in support["rows"]} == {scored}
    assert (record["corpus"]["split"], record["corpus"]["clips"]) == (split, scored)


def test_a_model_without_words_learns_from_the_split_or_the_folds_of_the_protocol(tmp_path: Path) -> None:
    for name, scored in (("esc50", 10), ("tau2020", 2)):
        support = curve(name, tmp_path / name, speaks=False)["temporal support"]
        assert support["by"] == "probe"
        assert {row["accuracy"]["n"] for row in support["rows"]} == {scored}


def test_sounds_of_ten_seconds_give_windows_of_any_length(tmp_path: Path) -> None:
    corpus = open_corpus("sounds:1:3:4")
    clip = corpus.clips("fresh")[0]
    assert clip.duration_s == 4 and corpus.read(clip, 16000).size == 64_000
    assert corpus.spec == "sounds:1:3:4" and open_corpus("sounds:1:3").spec == "sounds:1:3"


@pytest.mark.parametrize("spec", ["sounds:1:3:0", "sounds:1:3:61", "sounds:1:3:2.5", "sounds:1:2:3:4"])
def test_sounds_of_no_such_length_are_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        open_corpus(spec)
