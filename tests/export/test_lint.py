"""The lint passes what we write, and notices what is wrong with a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_graphs import codes, graph_of, inverted_residuals, windows
from tinyclap_export.calibrate import calibrate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.integer import quantize_input, run_integer
from tinyclap_export.interpreters import tflm_available
from tinyclap_export.lint import lint
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_writer import write_tflite

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def exported() -> tuple[Graph, np.ndarray]:
    graph = inverted_residuals("LOGISTIC")
    x = windows(graph, 8)
    int8 = quantize(graph, calibrate(graph, x))
    return int8, quantize_input(x, int8.tensors["x"].quant)


def test_our_own_file_passes_on_every_interpreter(exported):
    graph, x = exported
    report = lint(write_tflite(graph), x, run_integer(graph, x)).require()
    names = [check.name for check in report.checks]
    assert report.ok and names[:2] == ["integer reference", "LiteRT BUILTIN_REF"]
    assert ("TFLM" in names) == tflm_available() and ("TFLM" in report.skipped) != tflm_available()
    assert report.operators["CONV_2D"] == 10


def test_a_wrong_golden_byte_is_noticed(exported):
    graph, x = exported
    golden = run_integer(graph, x).copy()
    golden[3, 5] ^= 1
    report = lint(write_tflite(graph), x, golden, tflm=False)
    assert not report.ok and report.skipped == ("TFLM",)
    assert all(check.differing == 1 for check in report.checks)
    with pytest.raises(ExportError) as error:
        report.require()
    assert error.value.exit_code == 6


def test_an_operator_outside_the_whitelist_is_noticed(exported):
    graph, x = exported
    report = lint(write_tflite(graph), x, run_integer(graph, x), allowed=("CONV_2D",), tflm=False)
    assert any("LOGISTIC" in finding for finding in report.findings)
    with pytest.raises(ExportError) as error:
        report.require()
    assert error.value.exit_code == 5


def test_per_tensor_convolution_weights_are_noticed():
    graph = next(g for s in range(50) if (g := graph_of("CONV_2D", s)).tensors["w0"].shape[0] > 1)
    weights = graph.tensors["w0"]
    graph.tensors["w0"] = replace(weights, quant=Quant(weights.quant.scale[:1], 0))
    x = codes(graph, 2)
    report = lint(write_tflite(graph), x, run_integer(graph, x), tflm=False)
    assert any("per channel" in finding for finding in report.findings)
    assert all(check.agrees for check in report.checks)


@pytest.mark.skipif(not tflm_available(), reason="the tflite_micro wheel is not installed")
def test_the_known_difference_of_dense_layers_is_stated_and_checked_exactly():
    io = np.load(FIXTURES / "phinet_s_int8_io.npz")
    report = lint((FIXTURES / "phinet_s_int8.tflite").read_bytes(), io["inputs"], io["outputs"].reshape(8, -1))
    assert all(check.agrees for check in report.checks)
    assert any("FULLY_CONNECTED" in note for note in report.notes)
