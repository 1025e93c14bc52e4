"""A gate's C: what micromlgen writes becomes one C11 function of whole numbers, and nothing else passes for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyclap_edge.errors import CorruptFile, NumbersDiffer
from tinyclap_edge.gate.check import check_vectors, require_equal
from tinyclap_edge.gate.model import GateModel, Leaf, Split, as_c, from_sklearn, parse
from tinyclap_edge.gate.statistics import FEATURES
from tinyclap_edge.gate.train import leaf_scores, with_decisions

ONE_SPLIT = Path(__file__).with_name("one_split.h").read_text(encoding="utf-8")


def grown(seed: int = 0, leaves: int = 24):
    """A tree on noise in 20 integers, and the integers."""
    tree = pytest.importorskip("sklearn.tree")
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 30_000, (600, len(FEATURES)))
    y = ((x[:, 3] + x[:, 7] > 30_000) ^ (rng.uniform(size=600) < 0.1)).astype(int)
    made = tree.DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=5, random_state=seed).fit(x, y)
    return made, x


@pytest.mark.parametrize("seed", range(2))
def test_scikit_learn_the_c_and_the_parsed_tree_answer_alike(seed):
    pytest.importorskip("micromlgen")
    tree, x = grown(seed)
    decided = with_decisions(tree, 0.5)
    model = from_sklearn(decided)
    assert require_equal(decided, model, x, seed) == 1000
    assert 0 < model.opens(x).mean() < 1


def test_decisions_leave_the_scores_order_and_join_what_answers_alike():
    tree, x = grown()
    scores = leaf_scores(tree)[tree.apply(x)]
    for least in (0.05, 0.3, 0.9):
        decided = with_decisions(tree, least)
        assert np.array_equal(decided.predict(x).astype(bool), scores >= least)
        assert decided.tree_.node_count <= tree.tree_.node_count
        assert (decided.tree_.threshold[decided.tree_.children_left >= 0] % 1 == 0).all()
    assert with_decisions(tree, 0.0).tree_.node_count == 1


def test_a_c_that_answers_otherwise_is_refused_with_the_vector():
    pytest.importorskip("micromlgen")
    tree, x = grown()
    decided = with_decisions(tree, 0.5)
    model = from_sklearn(decided)
    last = model.splits[-1]
    moved = parse(model.source.replace(f"<= {last.threshold})", f"<= {last.threshold + 1})", 1))
    with pytest.raises(NumbersDiffer, match="disagree on .* of 1000 vectors; the first: low_mean="):
        require_equal(decided, moved, x)


def test_vectors_stand_on_the_thresholds_and_beside_them():
    model = parse(ONE_SPLIT)
    split = model.splits[0]
    vectors = check_vectors(model, np.zeros((1, 20), np.int32))
    assert set(vectors[:, split.feature]) == {0, split.threshold - 1, split.threshold, split.threshold + 1}
    assert vectors.shape == (1000, 20)


def test_the_tree_is_read_from_the_c_itself():
    model = parse(ONE_SPLIT)
    assert model.root == Split(18, 1217, Leaf(False), Leaf(True))
    assert model.opens(np.eye(20, dtype=int)[[18, 18]] * [[1217], [1218]]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 0;", "return system(0);"),
        ("return 0;", "return 2;"),
        ("x[18]", "x[20]"),
        ("x[18]", "x[17]"),
        ("1217", "-1"),
        ("1217", "65536"),
        ("1217", "1217.5"),
        ("} else {", "}"),
        ("#define TCE_GATE 1", "#define TCE_GATE 1\n#include </dev/zero>"),
        ("#endif\n", "#endif\nint x;\n"),
        ("    }\n}", "    }\n    return 1;\n}"),
        ("    }\n}", "}"),
    ],
)
def test_a_model_that_this_tool_did_not_write_is_refused(old, new):
    assert old in ONE_SPLIT
    with pytest.raises(CorruptFile):
        parse(ONE_SPLIT.replace(old, new))


def test_a_tree_deeper_than_any_is_refused_without_a_crash():
    head, tail = ONE_SPLIT.split("    if", 1)[0], "}\n\n#endif\n"
    with pytest.raises(CorruptFile):
        parse(head + "    if (x[18] <= 1217) { /* crest_range */\n" * 900 + tail)


@pytest.mark.parametrize("line", ["if (x[0] <= 12.5) {", "votes[1] += 1;", "return 3;"])
def test_a_line_that_is_no_tree_of_whole_numbers_is_refused(line):
    with pytest.raises(NumbersDiffer, match="no part of a tree"):
        as_c("int predict(float *x) {\n" + line + "\n}\nprotected:")


def test_an_empty_class_is_refused():
    with pytest.raises(NumbersDiffer, match="no decision tree"):
        as_c("class Gate {};")


def test_an_answer_alone_is_a_model():
    model = parse(as_c("int predict(float *x) {\nreturn 1;\n}\n\nprotected:\n};"))
    assert isinstance(model, GateModel) and model.splits == [] and model.opens(np.zeros((2, 20))).all()
