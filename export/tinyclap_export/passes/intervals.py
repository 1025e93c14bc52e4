"""Bounds of every int8 code, channel by channel: interval arithmetic through the integer operators.

A channel is a position on a tensor's last axis; its bounds hold at every other position and for every int8 input.
Every integer rule here is monotone in its accumulator, so the bounds of an accumulator go through the rule itself. A
channel whose bounds meet has one value, whatever goes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyclap_export import requant
from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.kernels_integer import add_tables, mean_count, op_table, quant_of
from tinyclap_export.kernels_weighted import weighted_parameters
from tinyclap_export.shapes import conv_padding

BLOCK = 1 << 20  # weights that are widened at a time


class Bounds(NamedTuple):
    """low, high: (channels,) int64 codes, low <= high."""

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """(channels,) bool: the channels of one value."""
        return self.low == self.high

    def whole(self, channels: int) -> Bounds:
        """The bounds of the whole tensor, repeated."""
        return Bounds(np.full(channels, self.low.min()), np.full(channels, self.high.max()))

    def with_code(self, code: int) -> Bounds:
        """Bounds that allow this code as well."""
        return Bounds(np.minimum(self.low, code), np.maximum(self.high, code))


def channels_of(tensor: Tensor) -> int:
    """Length of the last axis; 1 for a scalar."""
    return tensor.shape[-1] if tensor.shape else 1


def channel_bounds(graph: Graph) -> dict[str, Bounds]:
    """Bounds of every int8 activation and constant of a graph."""
    bounds: dict[str, Bounds] = {}
    for name, tensor in graph.tensors.items():
        if tensor.data is not None and tensor.dtype == "int8":
            rows = tensor.data.reshape(-1, channels_of(tensor)).astype(np.int64)
            bounds[name] = Bounds(rows.min(axis=0), rows.max(axis=0))
    for name in graph.inputs:
        bounds[name] = _any_code(graph.tensors[name])
    for op in graph.ops:
        bounds[op.outputs[0]] = _RULES.get(op.kind, _table)(graph, op, [bounds.get(n) for n in op.inputs])
    return bounds


def window_pads(graph: Graph, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) that a convolution or pool adds by itself."""
    x = graph.tensors[op.inputs[0]].shape
    kernel = op.attrs["filter"] if "filter" in op.attrs else graph.tensors[op.inputs[1]].shape[1:3]
    dilation = op.attrs.get("dilation", (1, 1))
    rows, cols = (
        conv_padding(x[1 + i], kernel[i], op.attrs["stride"][i], dilation[i], op.attrs["padding"]) for i in (0, 1)
    )
    return rows, cols


def pads_itself(graph: Graph, op: Op) -> bool:
    """Whether any tap of a convolution or pool lies outside the map."""
    return any(map(any, window_pads(graph, op)))


Inputs = list[Bounds | None]


def _any_code(tensor: Tensor) -> Bounds:
    channels = channels_of(tensor)
    return Bounds(np.full(channels, -128), np.full(channels, 127))


def _first(inputs: Inputs) -> Bounds:
    assert inputs[0] is not None
    return inputs[0]


def _clamped(graph: Graph, op: Op, low: np.ndarray, high: np.ndarray) -> Bounds:
    quant = quant_of(graph, op.outputs[0])
    bounds = requant.activation_range(op.attrs.get("activation", "NONE"), quant.s, quant.z)
    return Bounds(np.clip(low, *bounds).astype(np.int64), np.clip(high, *bounds).astype(np.int64))


def _products(weights: np.ndarray, x: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest sum of weights (channels, taps) times codes (taps,) or (channels, 1) within bounds."""
    low, high = np.empty(len(weights), np.int64), np.empty(len(weights), np.int64)
    step = max(1, BLOCK // weights.shape[1])  # some filters at a time: int64 copies of all weights may not fit
    for at in range(0, len(weights), step):
        part = slice(at, at + step)
        w = weights[part].astype(np.int64)
        lows, highs = (edge[part] if edge.ndim > 1 else edge for edge in x)
        rising = w > 0
        low[part] = (w * np.where(rising, lows, highs)).sum(axis=1)
        high[part] = (w * np.where(rising, highs, lows)).sum(axis=1)
    return low, high


def _conv(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    p, x = weighted_parameters(graph, op), _first(inputs)
    weights = p.weights  # (c_out, kh, kw, c_in)
    if weights.shape[3] != x.low.size:  # groups
        return _any_code(graph.tensors[op.outputs[0]])
    if pads_itself(graph, op):
        x = x.with_code(p.zero_point_in)
    taps = weights.shape[1] * weights.shape[2]
    x = Bounds(np.tile(x.low, taps), np.tile(x.high, taps))
    low, high = _products(weights.reshape(weights.shape[0], -1), x)
    return Bounds(p.finish(low).astype(np.int64), p.finish(high).astype(np.int64))


def _depthwise(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    p, x = weighted_parameters(graph, op), _first(inputs)
    if pads_itself(graph, op):
        x = x.with_code(p.zero_point_in)
    weights = p.weights.reshape(-1, p.weights.shape[3]).T  # (channels, taps)
    multiplier = op.attrs["depth_multiplier"]
    x = Bounds(np.repeat(x.low, multiplier)[:, None], np.repeat(x.high, multiplier)[:, None])
    low, high = _products(weights, x)
    return Bounds(p.finish(low).astype(np.int64), p.finish(high).astype(np.int64))


def _dense(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    p, x = weighted_parameters(graph, op), _first(inputs)
    weights = p.weights.astype(np.int16) - np.int16(p.weights_zero_point)  # (c_out, c_in)
    c_in = weights.shape[1]
    repeats, rest = divmod(c_in, x.low.size)
    x = x.whole(c_in) if rest else Bounds(np.tile(x.low, repeats), np.tile(x.high, repeats))
    low, high = _products(weights, x)
    return Bounds(p.finish(low).astype(np.int64), p.finish(high).astype(np.int64))


def _add(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    a, b = inputs
    assert a is not None and b is not None
    first, second, scale = add_tables(graph, op)
    if op.kind == "SUB":  # its second table falls
        b = Bounds(b.high, b.low)
    zero = quant_of(graph, op.outputs[0]).z
    low, high = (
        requant.requantize(first[x + 128] + second[y + 128], *scale) + zero
        for x, y in ((a.low, b.low), (a.high, b.high))
    )
    return _clamped(graph, op, low, high)


def _mul(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    a, b = inputs
    assert a is not None and b is not None
    qa, qb, out = (quant_of(graph, name) for name in (*op.inputs, op.outputs[0]))
    corners = np.stack([(x - qa.z) * (y - qb.z) for x in a for y in b])
    scale = requant.mul_multiplier(qa.s, qb.s, out.s)
    low, high = (requant.requantize(c, *scale) + out.z for c in (corners.min(axis=0), corners.max(axis=0)))
    return _clamped(graph, op, low, high)


def _mean(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    x = graph.tensors[op.inputs[0]]
    a, out = quant_of(graph, op.inputs[0]), quant_of(graph, op.outputs[0])
    count, bounds = mean_count(graph, op), _first(inputs)
    scale = requant.mean_multiplier(a.s, out.s, count)
    if len(x.shape) - 1 in {axis % len(x.shape) for axis in op.attrs["axes"]}:
        bounds = bounds.whole(channels_of(graph.tensors[op.outputs[0]]))
    low, high = (requant.requantize(count * (edge - a.z), *scale) + out.z for edge in bounds)
    return _clamped(graph, op, low, high)


def _pool(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    """Maximum and rounded average of codes stay between the codes: padding counts in neither."""
    return _clamped(graph, op, *_first(inputs))


def _pad(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    bounds, zero = _first(inputs), quant_of(graph, op.inputs[0]).z
    *outer, (before, after) = op.attrs["pads"]
    if any(map(any, outer)):
        bounds = bounds.with_code(zero)
    low, high = (np.pad(edge, (before, after), constant_values=zero) for edge in bounds)
    return Bounds(low, high)


def _concat(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    rank = len(graph.tensors[op.outputs[0]].shape)
    lows, highs = zip(*(bounds for bounds in inputs if bounds is not None), strict=True)
    if op.attrs["axis"] % rank == rank - 1:
        return Bounds(np.concatenate(lows), np.concatenate(highs))
    return Bounds(np.minimum.reduce(lows), np.maximum.reduce(highs))


def _reshape(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    bounds, channels = _first(inputs), channels_of(graph.tensors[op.outputs[0]])
    repeats, rest = divmod(channels, bounds.low.size)
    return bounds.whole(channels) if rest else Bounds(np.tile(bounds.low, repeats), np.tile(bounds.high, repeats))


def _transpose(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    perm, bounds = op.attrs["perm"], _first(inputs)
    return bounds if perm[-1] == len(perm) - 1 else bounds.whole(channels_of(graph.tensors[op.outputs[0]]))


def _softmax(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    return _any_code(graph.tensors[op.outputs[0]])


def _table(graph: Graph, op: Op, inputs: Inputs) -> Bounds:
    table = op_table(graph, op)
    assert table is not None
    bounds, inside = _first(inputs), np.arange(256) >= np.arange(256)[:, None]  # (from, to): to is not below from
    least = np.minimum.accumulate(np.where(inside, table.astype(np.int64), 127), axis=1)
    most = np.maximum.accumulate(np.where(inside, table.astype(np.int64), -128), axis=1)
    at = bounds.low + 128, bounds.high + 128
    return Bounds(least[at], most[at])


_RULES: dict[str, Callable[[Graph, Op, Inputs], Bounds]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": _add,
    "SUB": _add,
    "MUL": _mul,
    "MEAN": _mean,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "CONCATENATION": _concat,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
    "SOFTMAX": _softmax,
}
