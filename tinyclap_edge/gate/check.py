"""The proof before a gate is accepted: its C, compiled for this PC, answers as scikit-learn does on 1,000 vectors."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.device.toolchain import ZIG_INSTALL, find_host_cc
from tinyclap_edge.errors import NumbersDiffer, ToolMissing
from tinyclap_edge.gate.model import GateModel, Leaf, Split
from tinyclap_edge.gate.statistics import FEATURES, LARGEST
from tinyclap_edge.resources import firmware_dir

VECTORS = 1000
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror", "-fPIC", "-shared")
_CALLER = """#include "tce_gate.h"
void gate_answers(const int32_t *x, int32_t count, uint8_t *answers);
void gate_answers(const int32_t *x, int32_t count, uint8_t *answers) {
    for (int32_t i = 0; i < count; ++i) {
        answers[i] = (uint8_t)tce_gate_model(x + i * TCE_GATE_FEATURES);
    }
}
"""


_Turns = tuple[tuple[Split, bool], ...]


class NativeGate:
    """The firmware's gate with one model, as a shared library. ToolMissing where no compiler is, or it refuses."""

    def __init__(self, model: GateModel, folder: Path) -> None:
        compiler = find_host_cc()
        if compiler is None:
            raise ToolMissing("no C compiler for this PC is installed, a gate cannot be checked", ZIG_INSTALL)
        (folder / "tce_gate_model.h").write_text(model.source, encoding="utf-8")
        (folder / "caller.c").write_text(_CALLER, encoding="utf-8")
        for name in ("tce_gate.h", "tce_gate.c"):  # beside the model: "" includes look there first
            (folder / name).write_bytes((firmware_dir() / "gate" / name).read_bytes())
        out = folder / "gate.so"
        sources = [str(folder / "caller.c"), str(folder / "tce_gate.c")]
        done = subprocess.run(
            [*compiler, *FLAGS, *sources, "-o", str(out)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ToolMissing(f"the gate's C does not compile here: {done.stderr.strip()[:300]}", ZIG_INSTALL)
        self.library = ctypes.CDLL(str(out))

    def opens(self, features: np.ndarray) -> np.ndarray:
        """(n,) bool of (n, 20) integers, by the C."""
        x = np.ascontiguousarray(features, np.int32)
        out = np.zeros(len(x), np.uint8)
        pointer = ctypes.c_void_p
        self.library.gate_answers(pointer(x.ctypes.data), ctypes.c_int32(len(x)), pointer(out.ctypes.data))
        return out.astype(bool)


def check_vectors(model: GateModel, heard: np.ndarray, seed: int = 0, count: int = VECTORS) -> np.ndarray:
    """(count, 20) int32: windows that were heard, half of them led to a comparison, onto its threshold or one beside it.

    heard: (n, 20), n >= 1.
    """
    rng = np.random.default_rng(seed)
    vectors = heard[rng.integers(0, len(heard), count)].astype(np.int32)
    paths = list(_paths(model.root, ()))
    for i in range(0, count if paths else 0, 2):
        split, before = paths[i // 2 % len(paths)]
        for turn, left in before:
            value = vectors[i, turn.feature]
            vectors[i, turn.feature] = min(value, turn.threshold) if left else max(value, turn.threshold + 1)
        vectors[i, split.feature] = np.clip(split.threshold + rng.integers(-1, 2), 0, LARGEST)
    return vectors


def _paths(node: Split | Leaf, before: _Turns) -> Iterator[tuple[Split, _Turns]]:
    """Every comparison with those that lead to it, and whether to their left."""
    if isinstance(node, Split):
        yield node, before
        yield from _paths(node.left, (*before, (node, True)))
        yield from _paths(node.right, (*before, (node, False)))


def require_equal(tree: Any, model: GateModel, heard: np.ndarray, seed: int = 0) -> int:
    """How many vectors were compared: scikit-learn's `tree`, the C, and the model read from the C.

    NumbersDiffer (6) names the first vector on which they do not agree.
    """
    vectors = check_vectors(model, heard, seed)
    wanted = np.asarray(tree.predict(vectors)).astype(bool)
    with tempfile.TemporaryDirectory(prefix="tce-gate-") as work:
        by_c = NativeGate(model, Path(work)).opens(vectors)
    for who, answers in (("the compiled C", by_c), ("the parsed tree", model.opens(vectors))):
        wrong = np.flatnonzero(answers != wanted)
        if wrong.size:
            at = int(wrong[0])
            shown = ", ".join(f"{name}={value}" for name, value in zip(FEATURES, vectors[at], strict=True))
            raise NumbersDiffer(
                f"{who} and scikit-learn disagree on {wrong.size} of {len(vectors)} vectors; the first: {shown}",
                "the gate is not accepted; report it with the recordings: this is a bug of ours",
            )
    return len(vectors)
