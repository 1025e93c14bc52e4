"""A gate's model: a decision tree over integers, as the C that micromlgen writes and as the nodes in that C.

The C is the one source: what a board compiles is what is evaluated here. micromlgen writes a C++ class; `as_c` takes the
tree out of it into one C11 function, line for line, and refuses any line that is not a comparison, a brace or an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyclap_edge.errors import CorruptFile, NumbersDiffer, ToolMissing
from tinyclap_edge.gate.statistics import FEATURES, LARGEST

MAX_NODES, MAX_DEPTH = 127, 16
MAX_BYTES = 1 << 16
INSTALL = "pip install 'tinyclap-edge[gate]'"

_HEAD = """/* Power gate: 1 when the encoder is to run on a window, 0 when not. A tree of scikit-learn, written by micromlgen.
 * x: TCE_GATE_FEATURES statistics of the window, tce_gate.h says which; levels in 1/256 dB. */
#ifndef TCE_GATE_MODEL_H
#define TCE_GATE_MODEL_H

#include <stdint.h>

#define TCE_GATE 1

static inline int tce_gate_model(const int32_t *x) {
"""
_TAIL = """}

#endif
"""
_CPP_TEST = re.compile(r"if \(x\[(\d+)\] <= (-?\d+)\.0\) \{")
_TEST = re.compile(r"if \(x\[(\d+)\] <= (\d+)\) \{ /\* (\w+) \*/")
_ANSWER = re.compile(r"return ([01]);")


@dataclass(frozen=True)
class Leaf:
    """An answer."""

    opens: bool


@dataclass(frozen=True)
class Split:
    """At most `threshold` goes left, all else right."""

    feature: int
    threshold: int
    left: Split | Leaf
    right: Split | Leaf


@dataclass(frozen=True)
class GateModel:
    """source: tce_gate_model.h; root: the tree in it."""

    source: str
    root: Split | Leaf

    def opens(self, features: np.ndarray) -> np.ndarray:
        """(n,) bool of (n, 20) integers."""
        out = np.zeros(len(features), bool)
        _descend(self.root, np.asarray(features), np.arange(len(features)), out)
        return out

    @property
    def splits(self) -> list[Split]:
        """Every comparison, from the root down."""
        found, rest = [], [self.root]
        while rest:
            node = rest.pop()
            if isinstance(node, Split):
                found.append(node)
                rest += [node.right, node.left]
        return found


def from_sklearn(tree: Any) -> GateModel:
    """The model of a DecisionTreeClassifier whose thresholds are whole numbers and whose class 1 opens.

    ToolMissing without micromlgen; NumbersDiffer where it writes what is not understood here.
    """
    try:
        import micromlgen
    except ImportError as error:
        raise ToolMissing("micromlgen is not installed", INSTALL) from error
    return parse(as_c(micromlgen.port(tree, classname="Gate")))


def as_c(cpp: str) -> str:
    """micromlgen's C++ class of a decision tree -> tce_gate_model.h, indented anew, each feature named."""
    body = cpp.partition("int predict(float *x) {")[2].partition("protected:")[0]
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if not lines or lines.pop() != "}":  # of the function
        raise NumbersDiffer("micromlgen wrote no decision tree", f"its version is not the one of {INSTALL}")
    out: list[str] = []
    depth = 1
    for line in lines:
        test = _CPP_TEST.fullmatch(line)
        if not (test or line in ("else {", "}") or _ANSWER.fullmatch(line)):
            raise NumbersDiffer(f"micromlgen wrote {line!r}, which is no part of a tree of whole numbers")
        depth -= line == "}"
        if test:
            line = f"if (x[{test[1]}] <= {test[2]}) {{ /* {FEATURES[int(test[1])]} */"
        if line == "else {" and out and out[-1].strip() == "}":
            out[-1] += " else {"
        else:
            out.append("    " * depth + line)
        depth += line == "else {" or test is not None
    return _HEAD + "\n".join(out) + "\n" + _TAIL


def parse(source: str) -> GateModel:
    """The tree in a tce_gate_model.h. CorruptFile for anything but what `as_c` writes: a gate file is compiled."""
    if len(source) > MAX_BYTES or not (source.startswith(_HEAD) and source.endswith(_TAIL)):
        raise CorruptFile("the gate's model is not one that this tool writes")
    lines = [line.strip() for line in source[len(_HEAD) : -len(_TAIL)].splitlines()]
    root, rest = _read(lines, 0, 0)
    model = GateModel(source, root)
    if rest != len(lines) or len(model.splits) > MAX_NODES:
        raise CorruptFile("the gate's model has lines behind its tree, or too many")
    return model


def _read(lines: list[str], at: int, depth: int) -> tuple[Split | Leaf, int]:
    """The node that begins at a line, and the line behind it."""
    line = lines[at] if at < len(lines) else ""
    if answer := _ANSWER.fullmatch(line):
        return Leaf(answer[1] == "1"), at + 1
    test = _TEST.fullmatch(line)
    if test is None or depth > MAX_DEPTH:
        raise CorruptFile(f"the gate's model holds {line[:60]!r}, which is no part of a tree")
    feature, threshold = int(test[1]), int(test[2])
    if feature >= len(FEATURES) or FEATURES[feature] != test[3] or threshold > LARGEST:
        raise CorruptFile(f"the gate's model compares feature {feature} with {threshold}")
    left, at = _read(lines, at + 1, depth + 1)
    _expect(lines, at, "} else {")
    right, at = _read(lines, at + 1, depth + 1)
    _expect(lines, at, "}")
    return Split(feature, threshold, left, right), at + 1


def _expect(lines: list[str], at: int, what: str) -> None:
    if at >= len(lines) or lines[at] != what:
        raise CorruptFile(f"the gate's model lacks {what!r} in line {at + 1} of its tree")


def _descend(node: Split | Leaf, features: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    if isinstance(node, Leaf):
        out[rows] = node.opens
        return
    left = features[rows, node.feature] <= node.threshold
    _descend(node.left, features, rows[left], out)
    _descend(node.right, features, rows[~left], out)
