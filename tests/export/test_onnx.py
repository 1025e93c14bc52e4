"""ONNX: float equal to the float graph, QDQ close to the integer reference by cosine."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from made_graphs import KINDS, FloatBuilder, codes, inverted_residuals, random_graph, windows
from tinyclap_export.calibrate import calibrate
from tinyclap_export.float_run import run_float
from tinyclap_export.graph import Graph
from tinyclap_export.integer import dequantize, quantize_input, run_integer
from tinyclap_export.onnx_writer import OPSET, write_onnx
from tinyclap_export.quantize import quantize

ort = pytest.importorskip("onnxruntime")


def run_onnx(data: bytes, graph: Graph, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    shape = graph.tensors[graph.inputs[0]].shape
    name = session.get_inputs()[0].name
    rows = [session.run(None, {name: sample.reshape(shape)})[0] for sample in x]
    return np.stack(rows).reshape(len(x), *rows[0].shape[1:] if rows[0].shape[0] == 1 else rows[0].shape)


@pytest.mark.parametrize("gate", ["HARD_SIGMOID", "LOGISTIC"])
def test_the_float_graph_gives_the_same_values(gate):
    graph = inverted_residuals(gate)
    x = windows(graph, 4)
    assert np.allclose(run_onnx(write_onnx(graph), graph, x), run_float(graph, x), atol=1e-4)


@pytest.mark.parametrize("gate", ["HARD_SIGMOID", "LOGISTIC"])
@pytest.mark.parametrize("activation", ["HARD_SWISH", "RELU6"])
def test_qdq_agrees_with_the_integer_reference(gate, activation):
    graph = inverted_residuals(gate, activation)
    x = windows(graph, 24)
    int8 = quantize(graph, calibrate(graph, x))
    q = quantize_input(x, int8.tensors["x"].quant)
    quant = int8.tensors["embedding"].quant
    ours, theirs = (dequantize(v, quant) for v in (run_integer(int8, q), run_onnx(write_onnx(int8), int8, q)))
    cosine = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosine.min() >= 0.999


def test_scales_and_weights_are_those_of_the_int8_graph():
    graph = inverted_residuals()
    int8 = quantize(graph, calibrate(graph, windows(graph, 4)))
    model = onnx.load_from_string(write_onnx(int8))
    assert model.opset_import[0].version == OPSET <= 21
    constants = {i.name.split("#")[0]: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    weights = int8.tensors["head_w"]
    assert constants["head_w"].dtype == np.int8
    assert np.array_equal(constants["head_w"], weights.data.transpose(0, 3, 1, 2))
    assert np.array_equal(constants["head_w/scale"], weights.quant.scale)
    assert constants["expand0/scale"] == int8.tensors["expand0"].quant.s
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT8
    assert model.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.INT8


def test_the_same_graph_gives_the_same_bytes():
    graph = inverted_residuals()
    int8 = quantize(graph, calibrate(graph, windows(graph, 4)))
    assert write_onnx(int8) == write_onnx(int8)


def test_random_graphs_agree_to_a_few_codes():
    """Operators that only move or scale codes: layout mistakes would show as gross differences."""
    kinds = tuple(k for k in KINDS if k not in ("QUANTIZE", "HARD_SWISH", "LOGISTIC", "TANH"))
    for seed in range(60):
        graph = random_graph(seed, kinds, length=2)
        x = codes(graph, 2, seed)
        ours = run_integer(graph, x).astype(int).reshape(2, -1)
        theirs = run_onnx(write_onnx(graph), graph, x).astype(int).reshape(2, -1)
        far = np.abs(ours - theirs) > 3
        assert far.mean() < 0.02, f"seed {seed}: {[op.kind for op in graph.ops]}"


def test_mean_without_kept_axes_flattens_in_the_order_of_the_tflite():
    b = FloatBuilder("means", (1, 6, 5, 3))
    for axes in ((1,), (2,), (3,), (1, 2), (2, 3)):
        g = Graph(f"mean{axes}")
        g.add_input("x", (1, 6, 5, 3))
        g.outputs = [g.add_op("MEAN", ["x"], "y", axes=axes, keep_dims=False)]
        x = b.rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
        assert np.allclose(run_onnx(write_onnx(g), g, x), run_float(g, x), atol=1e-6), axes
