"""The float executor against loops that say the definition, and the graph's own checks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_graphs import FloatBuilder, inverted_residuals, windows
from tinyclap_export.errors import ExportError
from tinyclap_export.float_run import run_float
from tinyclap_export.graph import Graph, Op


def slow_conv(x: np.ndarray, w: np.ndarray, stride, dilation, padding: str, depthwise: bool) -> np.ndarray:
    """x (h, w, c) by the definition; SAME pads the smaller half before, as TFLite does."""
    (h, width, c), (kh, kw) = x.shape, w.shape[1:3]
    size, pad = [], []
    for n, k, s, d in ((h, kh, stride[0], dilation[0]), (width, kw, stride[1], dilation[1])):
        span = (k - 1) * d + 1
        out = -(-n // s) if padding == "SAME" else (n - span) // s + 1
        size.append(out)
        pad.append(max((out - 1) * s + span - n, 0) // 2 if padding == "SAME" else 0)
    channels = w.shape[3] if depthwise else w.shape[0]
    result = np.zeros((*size, channels))
    for i, j, o in np.ndindex(*size, channels):
        for a, b in np.ndindex(kh, kw):
            row, col = i * stride[0] - pad[0] + a * dilation[0], j * stride[1] - pad[1] + b * dilation[1]
            if 0 <= row < h and 0 <= col < width:
                pixel = x[row, col].astype(np.float64)
                result[i, j, o] += pixel[o // (channels // c)] * w[0, a, b, o] if depthwise else pixel @ w[o, a, b]
    return result


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_convolutions_follow_their_definition(data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    depthwise, padding = data.draw(st.booleans()), data.draw(st.sampled_from(["SAME", "VALID"]))
    kernel, stride, dilation = (draw(1, 3), draw(1, 3)), (draw(1, 3), draw(1, 3)), (draw(1, 2), draw(1, 2))
    shape = (1, draw(5, 8), draw(5, 8), draw(1, 3))
    multiplier = draw(1, 2)
    rng = np.random.default_rng(draw(0, 99))
    w_shape = (1, *kernel, shape[3] * multiplier) if depthwise else (draw(1, 4), *kernel, shape[3])
    graph = Graph("c")
    graph.add_input("x", shape)
    graph.add_const("w", rng.normal(size=w_shape).astype(np.float32))
    attrs = {"depth_multiplier": multiplier} if depthwise else {}
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    graph.outputs = [graph.add_op(kind, ["x", "w"], "y", stride=stride, dilation=dilation, padding=padding, **attrs)]
    x = rng.normal(size=(2, *shape[1:])).astype(np.float32)
    expected = np.stack([slow_conv(s, graph.tensors["w"].data, stride, dilation, padding, depthwise) for s in x])
    assert np.allclose(run_float(graph, x), expected, atol=1e-5)


def test_average_pools_divide_by_the_elements_inside():
    graph = Graph("pool")
    graph.add_input("x", (1, 3, 3, 1))
    graph.outputs = [graph.add_op("AVERAGE_POOL_2D", ["x"], "y", filter=(2, 2), stride=(2, 2), padding="SAME")]
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    assert run_float(graph, x).ravel().tolist() == [2.0, 3.5, 6.5, 8.0]


def test_a_batch_gives_what_its_samples_give():
    graph = inverted_residuals()
    x = windows(graph, 5)
    together = run_float(graph, x)
    assert together.shape == (5, 16)
    assert np.allclose(together, np.concatenate([run_float(graph, x[i : i + 1]) for i in range(5)]), atol=1e-5)


def test_an_input_of_the_wrong_shape_says_which_is_right():
    graph = inverted_residuals()
    with pytest.raises(ExportError, match=r"\[1, 24, 16, 1\]") as error:
        run_float(graph, np.zeros((2, 16, 24, 1), np.float32))
    assert error.value.exit_code == 2


def test_multiply_accumulates_are_counted_by_layer():
    b = FloatBuilder("macs", (1, 8, 8, 1))
    y = b.depthwise(b.conv(b.x, 4, 3, "c", stride=(2, 2)), "d")
    b.graph.outputs = [y]
    assert b.graph.macs() == 16 * 4 * 9 + 16 * 4 * 9


@pytest.mark.parametrize(
    "damage",
    [
        lambda g: g.ops.reverse(),
        lambda g: g.outputs.append("nowhere"),
        lambda g: g.tensors.update(stem=replace(g.tensors["stem"], shape=(1, 2, 3, 4))),
        lambda g: g.ops.append(g.ops[-1]),
        lambda g: g.inputs.clear(),
    ],
    ids=["order", "missing output", "wrong shape", "written twice", "no input"],
)
def test_a_broken_graph_is_refused(damage):
    graph = inverted_residuals()
    damage(graph)
    with pytest.raises(ExportError):
        graph.validate()


def test_an_unknown_kind_or_attribute_is_refused():
    with pytest.raises(ExportError, match="LSTM"):
        Op("LSTM", ("x",), ("y",))
    with pytest.raises(ExportError, match="strides"):
        Op("CONV_2D", ("x", "w"), ("y",), {"strides": (1, 1)})
    with pytest.raises(ExportError, match="axes"):
        Op("MEAN", ("x",), ("y",))
