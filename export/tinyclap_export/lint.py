"""After writing: is the .tflite what we promise, and do other interpreters give its golden bytes?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.flatview import File
from tinyclap_export.graph import Graph
from tinyclap_export.integer import run_integer
from tinyclap_export.interpreters import TFLM_LACKS, run_litert, run_tflm, tflm_available
from tinyclap_export.schema import BUILTIN, FILE_IDENTIFIER, TENSOR_TYPES
from tinyclap_export.tflite_reader import read_tflite

FULLY_CONNECTED_NOTE = (
    "FULLY_CONNECTED rounds once in LiteRT and twice in TFLM: TFLM was compared with the twice-rounding reference"
)


@dataclass(frozen=True)
class InterpreterCheck:
    """How many of `values` output bytes an interpreter gives differently from the bytes that it should give."""

    name: str
    samples: int
    values: int
    differing: int
    largest: int

    @property
    def agrees(self) -> bool:
        return self.differing == 0


@dataclass(frozen=True)
class LintReport:
    """findings: broken promises (none when all is well). checks: interpreters that ran. skipped: those that did not."""

    operators: dict[str, int]
    findings: tuple[str, ...] = ()
    checks: tuple[InterpreterCheck, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.findings and all(c.agrees for c in self.checks)

    def require(self) -> LintReport:
        """Self, or ExportError: exit code 5 for a broken promise, 6 for differing bytes."""
        if self.findings:
            raise ExportError(f"lint: {self.findings[0]}", f"{len(self.findings)} findings in all", exit_code=5)
        for check in self.checks:
            if not check.agrees:
                raise ExportError(f"lint: {check.name} differs in {check.differing} of {check.values} output bytes",
                                  "do not ship this file; report it with the model", exit_code=6)  # fmt: skip
        return self


def lint(
    tflite: bytes,
    inputs: np.ndarray,
    expected: np.ndarray,
    allowed: tuple[str, ...] = tuple(BUILTIN),
    tflm: bool = True,
) -> LintReport:
    """Check a written .tflite.

    inputs: (n, T, M, 1) int8 golden inputs; expected: (n, r) int8 golden outputs of the integer reference.
    allowed: operator whitelist. Interpreters checked: our integer reference on the file as read back, LiteRT
    BUILTIN_REF, and TFLM's wheel when it can be imported (and tflm is true).
    """
    graph = read_tflite(tflite)
    expected = np.asarray(expected)
    operators: dict[str, int] = {}
    for op in graph.ops:
        operators[op.kind] = operators.get(op.kind, 0) + 1
    findings = [f"operator {kind} is not on the whitelist" for kind in operators if kind not in allowed]
    findings += _foreign_tensors(tflite) + _weights(graph) + _ends(graph)
    checks = [_compare("integer reference", run_integer(graph, inputs), expected),
              _compare("LiteRT BUILTIN_REF", run_litert(tflite, graph, inputs), expected)]  # fmt: skip
    skipped, notes = [], []
    unknown = [kind for kind in operators if kind in TFLM_LACKS]
    if unknown:
        skipped.append("TFLM")
        notes.append(f"TFLM has no {unknown[0]}: it cannot run this file")
    elif tflm and tflm_available():
        should = expected
        if "FULLY_CONNECTED" in operators:
            should = np.asarray(run_integer(graph, inputs, dense_rounds_once=False))
            notes.append(FULLY_CONNECTED_NOTE)
        checks.append(_compare("TFLM", run_tflm(tflite, graph, inputs), should))
    else:
        skipped.append("TFLM")
    return LintReport(operators, tuple(findings), tuple(checks), tuple(skipped), tuple(notes))


def _compare(name: str, got: np.ndarray | dict, expected: np.ndarray) -> InterpreterCheck:
    assert isinstance(got, np.ndarray)
    if got.shape != expected.shape:
        raise ExportError(f"lint: {name} gives shape {list(got.shape)}, expected {list(expected.shape)}", exit_code=6)
    difference = np.abs(got.astype(np.int32) - expected)
    largest = int(difference.max(initial=0))
    return InterpreterCheck(name, len(got), got.size, int(np.count_nonzero(difference)), largest)


def _foreign_tensors(tflite: bytes) -> list[str]:
    """Every tensor of the file, used or not, must be int8 or int32."""
    subgraph = File(tflite, FILE_IDENTIFIER).root().tables(2)[0]
    allowed = {TENSOR_TYPES["int8"], TENSOR_TYPES["int32"]}
    return [f"tensor {index} ({t.text(3)}) has type {t.integer(1, 'b')}, neither int8 nor int32"
            for index, t in enumerate(subgraph.tables(0)) if t.integer(1, "b") not in allowed]  # fmt: skip


def _weights(graph: Graph) -> list[str]:
    """Convolutions of more than one filter carry one scale a filter."""
    findings = []
    for op in graph.ops:
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weights = graph.tensors[op.inputs[1]]
            channels = weights.shape[3 if op.kind == "DEPTHWISE_CONV_2D" else 0]
            if weights.quant is None or weights.quant.scale.size != channels:
                findings.append(f"{op.kind} {op.name}: weights of {channels} filters are not quantised per channel")
    return findings


def _ends(graph: Graph) -> list[str]:
    return [f"graph {side} {name} is {graph.tensors[name].dtype}, not int8"
            for side, names in (("input", graph.inputs), ("output", graph.outputs))
            for name in names if graph.tensors[name].dtype != "int8"]  # fmt: skip
