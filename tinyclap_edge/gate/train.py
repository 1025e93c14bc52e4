"""Learning a gate: a small decision tree, and which of its leaves may stay shut at the chosen miss rate.

The tree is grown on one part of the recordings. Its leaves are ordered by their share of events, and on a second part
the threshold is chosen: of n events the k-th lowest score, k = floor(rate (n + 1)). An event like these is then missed
with a probability of at most the rate (split conformal prediction, Papadopoulos and others 2002), so k must be 1 at
least. A third part, which nothing has seen, says what the gate does.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyclap_edge.errors import GateFailed, ToolMissing, UsageError
from tinyclap_edge.evaluate.intervals import Share, share
from tinyclap_edge.gate.check import require_equal
from tinyclap_edge.gate.examples import PARTS, Part
from tinyclap_edge.gate.model import INSTALL, GateModel, from_sklearn

MAX_LEAVES, MAX_DEPTH, MIN_LEAF = 24, 8, 5


@dataclass(frozen=True)
class Trained:
    """missed: of the examined events; shut: of the examined ambient windows; vectors: on which C equals scikit-learn."""

    model: GateModel
    miss_rate: float
    missed: Share
    shut: Share
    vectors: int
    ambient_s: float
    versions: dict[str, str]


def check_rate(miss_rate: float) -> None:
    """UsageError unless 0 < miss_rate < 0.5."""
    if not 0 < miss_rate < 0.5:  # also refuses NaN
        raise UsageError(
            f"a miss rate of {miss_rate:g} cannot be kept",
            "choose one above 0 and below 0.5, for example 0.02: no gate misses nothing",
        )


def events_needed(miss_rate: float) -> int:
    """Event recordings from which a miss rate can be promised: enough that one of those to choose by may be missed."""
    return math.ceil(math.ceil(1 / miss_rate - 1 - 1e-9) / PARTS["choose"])


def train_gate(parts: dict[str, Part], miss_rate: float, seed: int = 0) -> Trained:
    """A checked gate. GateFailed (1) when no leaf may stay shut; NumbersDiffer (6) when the C is not scikit-learn's tree."""
    check_rate(miss_rate)
    try:
        import micromlgen  # noqa: F401  (before the work, not after it)
        import sklearn
        from sklearn.tree import DecisionTreeClassifier
    except ImportError as error:
        raise ToolMissing(f"the package {error.name} is not installed", INSTALL) from error
    learn, choose, examine = (parts[name] for name in ("learn", "choose", "examine"))
    for part in (learn, choose, examine):
        if not (len(part.events) and len(part.ambient)):
            raise UsageError("there are too few event recordings", f"give {events_needed(miss_rate)}, or more")
    x = np.concatenate([learn.ambient, learn.events])
    y = np.repeat([0, 1], [len(learn.ambient), len(learn.events)])
    tree = DecisionTreeClassifier(
        max_leaf_nodes=MAX_LEAVES,
        max_depth=MAX_DEPTH,
        min_samples_leaf=MIN_LEAF,
        class_weight="balanced",
        random_state=seed,
    ).fit(x, y)
    least = choose_threshold(_scores(tree, choose.events), miss_rate)
    decided = with_decisions(tree, least)
    model = from_sklearn(decided)
    if not model.splits:
        raise GateFailed(
            "a gate that misses so few events never stays shut: events and ambient sound look alike to it",
            "allow a larger --miss-rate, or record events that stand out from the place",
        )
    heard = np.concatenate([choose.ambient, choose.events, examine.ambient, examine.events])
    vectors = require_equal(decided, model, heard, seed)
    return Trained(
        model,
        miss_rate,
        share(~model.opens(examine.events)),
        share(~model.opens(examine.ambient)),
        vectors,
        sum(part.seconds for part in parts.values()),
        {"scikit-learn": sklearn.__version__, "micromlgen": _version("micromlgen")},
    )


def choose_threshold(scores: np.ndarray, miss_rate: float) -> float:
    """The score from which the gate opens: the k-th lowest of the events' (n,), k = floor(miss_rate (n + 1)).

    UsageError where k is 0: so few events say nothing of so low a rate.
    """
    k = math.floor(miss_rate * (len(scores) + 1) + 1e-9)
    if k < 1:
        raise UsageError(
            f"{len(scores)} events to choose by cannot promise a miss rate of {miss_rate:g}",
            f"give {events_needed(miss_rate)} event recordings in all, or --miss-rate {math.ceil(1e3 / (len(scores) + 1)) / 1e3:g}",
        )
    return float(np.sort(scores)[k - 1])


def with_decisions(tree: Any, least: float) -> Any:
    """The tree with whole thresholds whose leaves say 1 where their score reaches `least`, else 0.

    For integers x <= 7.5 is x <= 7. Where both sides of a comparison say the same, it is gone.
    """
    make, arguments, state = tree.tree_.__reduce__()
    nodes, scores = state["nodes"], leaf_scores(tree)
    kept: list[np.void] = []
    answers: list[tuple[float, float]] = []

    def grow(at: int) -> tuple[int, bool | None]:
        """Index of the node copied, and its answer where it is a leaf."""
        here = len(kept)
        kept.append(nodes[at].copy())
        answers.append((1.0, 0.0))
        if nodes[at]["left_child"] == nodes[at]["right_child"]:
            opens = bool(scores[at] >= least)
            answers[here] = (0.0, 1.0) if opens else (1.0, 0.0)
            return here, opens
        (left, says), (right, too) = grow(int(nodes[at]["left_child"])), grow(int(nodes[at]["right_child"]))
        if says is not None and says == too:
            leaf = kept[left]
            del kept[here + 1 :], answers[here + 1 :]
            kept[here] = leaf
            answers[here] = (0.0, 1.0) if says else (1.0, 0.0)
            return here, says
        kept[here]["left_child"], kept[here]["right_child"] = left, right
        kept[here]["threshold"] = math.floor(nodes[at]["threshold"])
        return here, None

    grow(0)
    state = dict(state)
    state["nodes"] = np.array(kept, nodes.dtype)
    state["values"] = np.array(answers, np.float64)[:, None, :]  # (nodes, 1, 2)
    state["node_count"] = len(kept)
    decided = deepcopy(tree)
    decided.tree_ = make(*arguments)
    decided.tree_.__setstate__(state)
    return decided


def leaf_scores(tree: Any) -> np.ndarray:
    """(nodes,) share of events among the balanced training windows that reached each node, by Laplace's rule of succession.

    So a leaf that many ambient windows reached and no event ranks below one that few did.
    """
    values, weight = tree.tree_.value[:, 0, :], tree.tree_.weighted_n_node_samples
    return np.asarray((values[:, 1] / values.sum(1) * weight + 1) / (weight + 2))


def _scores(tree: Any, features: np.ndarray) -> np.ndarray:
    return leaf_scores(tree)[tree.apply(features)]


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
