"""From float to int8: ranges, scales, folding, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_graphs import FloatBuilder, inverted_residuals, windows
from tinyclap_export.calibrate import calibrate
from tinyclap_export.errors import ExportError
from tinyclap_export.float_run import run_float
from tinyclap_export.fold import fold_hard_sigmoid, fuse_activations
from tinyclap_export.graph import Graph
from tinyclap_export.integer import dequantize, quantize_input, run_integer
from tinyclap_export.quantize import UNIT_INTERVAL, activation_quant, quantize
from tinyclap_export.tflite_writer import write_tflite


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def drift(graph: Graph, x: np.ndarray, method: str = "minmax") -> np.ndarray:
    """Cosine of int8 to float outputs, one a window."""
    int8 = quantize(graph, calibrate(graph, x, method))
    out = run_integer(int8, quantize_input(x, int8.tensors["x"].quant))
    return cosines(run_float(graph, x), dequantize(out, int8.tensors[int8.outputs[0]].quant))


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize("gate", ["HARD_SIGMOID", "LOGISTIC"])
def test_int8_keeps_the_embedding(gate, method):
    graph = inverted_residuals(gate)
    similarity = drift(graph, windows(graph, 48), method)
    assert similarity.mean() > 0.998
    assert similarity.min() > 0.99


def test_clipping_methods_survive_an_outlier_that_minmax_does_not():
    graph = inverted_residuals(activation="RELU6")
    x = windows(graph, 96)
    loud = x.copy()
    loud[0, 0, 0, 0] = 3000.0  # one broken sample in the calibration set
    clean = run_float(graph, x)

    def cosine(method: str) -> float:
        int8 = quantize(graph, calibrate(graph, loud, method))
        out = run_integer(int8, quantize_input(x, int8.tensors["x"].quant))
        return float(np.nanmean(cosines(clean, dequantize(out, int8.tensors["embedding"].quant))))

    assert cosine("percentile") > cosine("minmax") + 0.01
    assert cosine("mse") > cosine("minmax")


def test_ranges_include_zero_and_every_value_for_minmax():
    graph = inverted_residuals()
    x = windows(graph, 8)
    ranges = calibrate(graph, x)
    for name, value in run_float(graph, x, keep=True).items():
        low, high = ranges[name]
        assert low <= min(0.0, float(value.min())) and high >= max(0.0, float(value.max()))


@pytest.mark.parametrize("method", ["percentile", "mse"])
def test_clipped_ranges_lie_inside_minmax(method):
    graph = inverted_residuals()
    x = windows(graph, 8)
    whole, clipped = calibrate(graph, x), calibrate(graph, x, method)
    assert all(whole[n][0] <= clipped[n][0] <= 0 <= clipped[n][1] <= whole[n][1] for n in whole)
    assert clipped != whole


def test_zero_is_a_code_of_every_range():
    for low, high in ((-1.0, 3.0), (0.5, 2.0), (-7.0, -1.0), (0.0, 0.0), (-1e-12, 1e-12)):
        q = activation_quant(low, high)
        assert -128 <= q.z <= 127 and q.s > 0


def test_the_same_graph_gives_the_same_bytes():
    def once() -> bytes:
        graph = inverted_residuals()
        return write_tflite(quantize(graph, calibrate(graph, windows(graph, 8), "mse")))

    assert once() == once()


def test_a_hard_sigmoid_costs_no_operator_and_clamps_by_saturation():
    graph = inverted_residuals("HARD_SIGMOID")
    int8 = quantize(graph, calibrate(graph, windows(graph, 8)))
    assert "HARD_SIGMOID" not in {op.kind for op in int8.ops}
    gate = int8.tensors["gate1"].quant
    assert (gate.s, gate.z) == (UNIT_INTERVAL.s, UNIT_INTERVAL.z)
    producer = int8.producer("gate1")
    assert producer is not None and producer.kind == "CONV_2D" and producer.attrs["activation"] == "NONE"


def test_a_hard_sigmoid_without_its_own_convolution_is_refused():
    b = FloatBuilder("bad", (1, 4, 4, 2))
    b.graph.outputs = [b.graph.add_op("HARD_SIGMOID", [b.x], "y")]
    with pytest.raises(ExportError, match="hard-sigmoid"):
        fold_hard_sigmoid(b.graph)


def test_fusing_activations_changes_no_value():
    graph = inverted_residuals(activation="RELU6")
    fused = fuse_activations(graph)
    assert not {"RELU", "RELU6"} & {op.kind for op in fused.ops}
    x = windows(graph, 4)
    assert np.array_equal(run_float(graph, x), run_float(fused, x))


def test_an_activation_with_another_reader_stays_an_operator():
    b = FloatBuilder("shared", (1, 4, 4, 2))
    y = b.conv(b.x, 3, 1, "c")
    z = b.graph.add_op("ADD", [b.graph.add_op("RELU6", [y], "r"), y], "z")
    b.graph.outputs = [z]
    assert [op.kind for op in fuse_activations(b.graph).ops] == ["CONV_2D", "RELU6", "ADD"]


def test_codes_pass_unchanged_through_pad_pool_concat_and_reshape():
    b = FloatBuilder("same scales", (1, 6, 6, 3))
    g = b.graph
    p = g.add_op("PAD", [b.x], "p", pads=((0, 0), (1, 1), (1, 1), (0, 0)))
    c = g.add_op("CONCATENATION", [p, b.conv(p, 2, 1, "c")], "cat", axis=3)
    m = g.add_op("MAX_POOL_2D", [c], "pool", filter=(2, 2), stride=(2, 2))
    g.outputs = [g.add_op("RESHAPE", [m], "r", new_shape=(1, 80))]
    x = windows(g, 1).repeat(3, axis=3)
    int8 = quantize(g, calibrate(g, x))
    scales = {(float(int8.tensors[n].quant.s), int8.tensors[n].quant.z) for n in ("x", "p", "c", "cat", "pool", "r")}
    assert len(scales) == 1


def test_a_prescribed_scale_is_rescaled_before_concatenation():
    b = FloatBuilder("fixed scale", (1, 6, 6, 3))
    g = b.graph
    y = b.conv(b.x, 2, 1, "c")
    g.outputs = [g.add_op("CONCATENATION", [g.add_op("LOGISTIC", [y], "s"), y], "cat", axis=3)]
    x = windows(g, 4).repeat(3, axis=3)
    int8 = quantize(g, calibrate(g, x))
    assert "QUANTIZE" in {op.kind for op in int8.ops}
    got = dequantize(run_integer(int8, quantize_input(x, int8.tensors["x"].quant)), int8.tensors["cat"].quant)
    assert np.abs(got - run_float(g, x)).max() < 0.1


def test_a_dead_filter_keeps_its_bias():
    b = FloatBuilder("dead", (1, 4, 4, 1))
    y = b.conv(b.x, 3, 1, "c")
    dead = b.graph.tensors["c_w"].data.copy()
    dead[1] = 0.0
    b.graph.tensors["c_w"] = replace(b.graph.tensors["c_w"], data=dead)
    b.graph.tensors["c_b"] = replace(b.graph.tensors["c_b"], data=np.array([0.1, 2.5, -0.3], np.float32))
    b.graph.outputs = [y]
    x = windows(b.graph, 4)
    int8 = quantize(b.graph, calibrate(b.graph, x))
    out = dequantize(run_integer(int8, quantize_input(x, int8.tensors["x"].quant)), int8.tensors[y].quant)
    assert np.abs(out[..., 1] - 2.5).max() < float(int8.tensors[y].quant.s)


@pytest.mark.parametrize(
    ("method", "inputs", "code"), [("median", 2, 2), ("minmax", 0, 2)], ids=["unknown method", "empty set"]
)
def test_a_bad_calibration_request_is_a_usage_error(method, inputs, code):
    graph = inverted_residuals()
    with pytest.raises(ExportError) as error:
        calibrate(graph, windows(graph, 2)[:inputs], method)
    assert error.value.exit_code == code


def test_infinite_weights_are_refused():
    graph = inverted_residuals()
    ranges = calibrate(graph, windows(graph, 2))
    bad = graph.tensors["head_w"].data.copy()
    bad[0, 0, 0, 0] = np.inf
    graph.tensors["head_w"] = replace(graph.tensors["head_w"], data=bad)
    with pytest.raises(ExportError, match="not finite"):
        quantize(graph, ranges)
    with pytest.raises(ExportError, match="not finite"):
        calibrate(graph, windows(graph, 2))


def test_a_missing_range_is_named():
    graph = inverted_residuals()
    ranges = calibrate(graph, windows(graph, 2))
    del ranges["project1"]
    with pytest.raises(ExportError, match="project1"):
        quantize(graph, ranges)
