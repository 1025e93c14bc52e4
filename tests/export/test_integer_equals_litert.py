"""The integer reference gives the bytes of LiteRT's reference kernels, in every intermediate tensor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_graphs import KINDS, codes, graph_of, inverted_residuals, random_graph, windows
from tinyclap_export import kernels_weighted, tflite_writer
from tinyclap_export.calibrate import calibrate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.integer import quantize_input, run_integer
from tinyclap_export.interpreters import TFLM_LACKS, run_litert, run_tflm, tflm_available
from tinyclap_export.quantize import quantize
from tinyclap_export.requant import requantize_once
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

FIXTURES = Path(__file__).parents[1] / "fixtures"


def differing(graph: Graph, x: np.ndarray) -> dict[str, int]:
    """Differing bytes of each activation, those with any."""
    ours = run_integer(graph, x, keep=True)
    theirs = run_litert(write_tflite(graph), graph, x, keep=True)
    counts = {name: int(np.count_nonzero(ours[name] != theirs[name])) for name in ours}
    return {name: n for name, n in counts.items() if n}


@pytest.mark.parametrize("kind", KINDS)
def test_every_operator_kind_gives_litert_bytes(kind):
    for seed in range(25):
        graph = graph_of(kind, seed)
        assert not differing(graph, codes(graph, 3, seed)), f"{kind} seed {seed}: {graph.ops}"


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**31), st.integers(2, 7))
def test_random_graphs_give_litert_bytes_everywhere(seed, length):
    graph = random_graph(seed, length=length)
    assert not differing(graph, codes(graph, 2, seed))


@pytest.mark.parametrize("gate", ["HARD_SIGMOID", "LOGISTIC"])
@pytest.mark.parametrize("activation", ["HARD_SWISH", "RELU6"])
def test_a_quantised_network_gives_litert_bytes_everywhere(gate, activation):
    graph = inverted_residuals(gate, activation)
    x = windows(graph, 12)
    int8 = quantize(graph, calibrate(graph, x))
    assert not differing(int8, quantize_input(x, int8.tensors["x"].quant))


def test_gelu_is_the_interpreters_table_at_any_scale():
    """Of 153,600 entries at 600 drawn scales none differed; 40 are drawn here."""
    rng = np.random.default_rng(0)
    every = np.arange(-128, 128).astype(np.int8).reshape(1, 1, 1, 16, 16)
    for _ in range(40):
        scale = np.float32(10 ** rng.uniform(-3, 0))
        graph = Graph("gelu")
        graph.add_input("x", (1, 1, 16, 16), "int8", Quant(scale, rng.integers(-128, 128)))
        out = Quant(np.float32(scale * 10 ** rng.uniform(-1, 1)), rng.integers(-128, 128))
        graph.tensors["y"] = replace(graph.tensors[graph.add_op("GELU", ["x"], "y")], quant=out)
        graph.outputs = ["y"]
        assert not differing(graph, every)


def test_gelu_in_its_tanh_form_is_refused():
    graph = Graph("gelu")
    graph.add_input("x", (1, 1, 2, 2), "int8", Quant(0.1, 0))
    graph.tensors["y"] = replace(graph.tensors[graph.add_op("GELU", ["x"], "y")], quant=Quant(0.1, -100))
    graph.outputs = ["y"]
    exact = write_tflite(graph)
    assert read_tflite(exact).ops[0].kind == "GELU"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite_writer, "_options", lambda s, op: _tanh(s))
        approximate = write_tflite(graph)
    with pytest.raises(ExportError, match="tanh form"):
        read_tflite(approximate)


def _tanh(schema):
    options = schema.GeluOptionsT()
    options.approximate = True
    return options


def test_the_committed_phinet_gives_its_recorded_outputs():
    graph = read_tflite((FIXTURES / "phinet_s_int8.tflite").read_bytes())
    io = np.load(FIXTURES / "phinet_s_int8_io.npz")
    out = run_integer(graph, io["inputs"])
    assert out.shape == (8, 256)
    assert np.array_equal(out, io["outputs"].reshape(8, 256))


@pytest.mark.skipif(not tflm_available(), reason="the tflite_micro wheel is not installed")
def test_tflm_gives_the_same_bytes_and_its_own_rounding_of_dense_layers():
    # it does not rescale in RELU6, and saturates LOGISTIC and TANH early on coarse scales
    kinds = tuple(k for k in KINDS if k not in (*TFLM_LACKS, "RELU6", "LOGISTIC", "TANH"))
    for seed in range(60):
        graph = random_graph(1000 + seed, kinds, length=3)
        x = codes(graph, 2, seed)
        ours = run_integer(graph, x, dense_rounds_once=False)
        theirs = run_tflm(write_tflite(graph), graph, x)
        assert np.array_equal(ours, theirs), f"seed {1000 + seed}: {[op.kind for op in graph.ops]}"


def test_the_comparison_notices_a_wrong_rounding_rule(monkeypatch):
    monkeypatch.setattr(kernels_weighted, "requantize", requantize_once)
    graph = inverted_residuals("LOGISTIC", "RELU6")
    x = windows(graph, 12)
    int8 = quantize(graph, calibrate(graph, x))
    assert differing(int8, quantize_input(x, int8.tensors["x"].quant))


def test_large_filters_are_accumulated_exactly():
    """Beyond 2**24 a float32 sum would round; the reference must switch to float64."""
    graph = Graph("wide")
    graph.add_input("x", (1, 1, 1, 3000), "int8", Quant(0.05, -128))
    w = np.full((4, 1, 1, 3000), 127, np.int8)
    w[1:] -= np.random.default_rng(0).integers(0, 3, (3, 1, 1, 3000)).astype(np.int8)
    graph.add_const("w", w, Quant(np.full(4, 0.01), np.zeros(4), 0))
    out = graph.add_op("CONV_2D", ["x", "w"], "y")
    graph.tensors[out] = replace(graph.tensors[out], quant=Quant(25.0, -128))
    graph.outputs = [out]
    assert not differing(graph, codes(graph, 4))


def test_chunks_do_not_change_the_bytes(monkeypatch):
    graph = inverted_residuals()
    x = windows(graph, 9)
    int8 = quantize(graph, calibrate(graph, x))
    q = quantize_input(x, int8.tensors["x"].quant)
    whole = run_integer(int8, q)
    monkeypatch.setattr("tinyclap_export.samples.CHUNK_ELEMENTS", 1)
    assert np.array_equal(run_integer(int8, q), whole)


def test_an_operator_of_constants_alone_serves_every_sample():
    graph = Graph("constants")
    quant = Quant(0.1, 3)
    graph.add_input("x", (1, 2, 2, 1), "int8", quant)
    for name in ("a", "b"):
        graph.add_const(name, codes(graph, 1, 1)[0], quant)
    for inputs, out in ((("a", "b"), "c"), (("x", "c"), "y")):
        graph.add_op("ADD", inputs, out)
        graph.tensors[out] = replace(graph.tensors[out], quant=quant)
    graph.outputs = ["y"]
    kept = run_integer(graph, codes(graph, 5), keep=True)
    assert kept["c"].shape == kept["y"].shape == (5, 1, 2, 2, 1)
    assert not differing(graph, codes(graph, 5))
