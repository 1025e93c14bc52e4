"""Integer kernels with weights: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED.

The accumulators are exact: products and sums of int8 codes are integers that a float32 (or, for large filters, a
float64) represents without error, so BLAS computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op
from tinyclap_export.requant import activation_range, conv_multipliers, dense_multipliers, requantize, requantize_once
from tinyclap_export.windows import Window, fold_samples

IntegerKernel = Callable[[list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class WeightedParameters:
    """What a weighted integer operator computes: out = clamp(requant(sum x * w + offset[c]) + zero_point_out).

    weights: int8, in the graph's layout. weights_zero_point is 0 but for foreign FULLY_CONNECTED files.
    offset: (c_out,) int64, bias - zero_point_in * sum(w): padded elements carry the code zero_point_in.
    multiplier, shift: (c_out,) int32. rounds_once: the single-rounding rule (FULLY_CONNECTED).
    """

    weights: np.ndarray
    weights_zero_point: int
    offset: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point_in: int
    zero_point_out: int
    act_min: int
    act_max: int
    rounds_once: bool

    def finish(self, acc: np.ndarray) -> np.ndarray:
        """Accumulators (..., c_out) without offset to int8 codes."""
        total = acc.astype(np.int64)
        total += self.offset
        out = (requantize_once if self.rounds_once else requantize)(total, self.multiplier, self.shift)
        out += self.zero_point_out
        return np.clip(out, self.act_min, self.act_max, out=out).astype(np.int8)


def weighted_parameters(graph: Graph, op: Op) -> WeightedParameters:
    """Parameters of one weighted operator of an int8 graph; the C generator emits exactly these."""
    x, w, out = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    if w.data is None or w.quant is None or x.quant is None or out.quant is None:
        raise ExportError(f"operator {op.name}: weights are not a quantised constant", exit_code=5)
    channels = w.shape[3] if op.kind == "DEPTHWISE_CONV_2D" else w.shape[0]
    channel_axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    if w.quant.axis not in (None, channel_axis) and w.quant.scale.size > 1:
        raise ExportError(f"operator {op.name}: weights quantised along axis {w.quant.axis}", exit_code=5)
    dense = op.kind == "FULLY_CONNECTED"
    if np.any(w.quant.zero_point != 0) and (not dense or w.quant.zero_point.size > 1):
        raise ExportError(f"operator {op.name}: weights with a zero point", exit_code=5)
    multipliers = (dense_multipliers if dense else conv_multipliers)(x.quant.s, w.quant.scale, out.quant.s)
    multiplier, shift = (np.broadcast_to(m, (channels,)).copy() for m in multipliers)
    zero_w = int(w.quant.zero_point[0])
    sums = (np.moveaxis(w.data, channel_axis, 0).reshape(channels, -1).astype(np.int64) - zero_w).sum(axis=1)
    bias = np.zeros(channels, np.int64)
    if op.bias is not None:
        data = graph.tensors[op.bias].data
        if data is None:
            raise ExportError(f"operator {op.name}: its bias is not a constant", exit_code=5)
        bias = data.reshape(-1).astype(np.int64)
    low, high = activation_range(op.attrs["activation"], out.quant.s, out.quant.z)
    return WeightedParameters(w.data, zero_w, bias - x.quant.z * sums, multiplier, shift, x.quant.z, out.quant.z,
                              low, high, dense)  # fmt: skip


def _exact_dtype(weights: np.ndarray, channel_axis: int) -> type:
    """float32 where every partial sum stays below 2**24, else float64."""
    peak = np.abs(np.moveaxis(weights, channel_axis, 0)).reshape(weights.shape[channel_axis], -1).sum(axis=1).max()
    return np.float32 if peak * 128 <= 1 << 24 else np.float64


def prepare_conv(graph: Graph, op: Op) -> IntegerKernel:
    p = weighted_parameters(graph, op)
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    wide = p.weights.astype(np.int64)
    dtype = _exact_dtype(wide, 3 if depthwise else 0)
    weights: np.ndarray = wide.astype(dtype)
    window = Window(op, graph.tensors[op.inputs[0]].shape[1:3], p.weights.shape[1:3])
    run = window.depthwise if depthwise else window.conv

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        x = args[0]
        out = p.finish(run(fold_samples(x).astype(dtype), weights, p.zero_point_in))
        return out.reshape(*x.shape[:2], *out.shape[1:])

    return kernel


def prepare_dense(graph: Graph, op: Op, rounds_once: bool = True) -> IntegerKernel:
    p = replace(weighted_parameters(graph, op), rounds_once=rounds_once)
    wide = p.weights.astype(np.int64) - p.weights_zero_point
    dtype = _exact_dtype(wide, 0)
    weights = wide.astype(dtype).T  # (c_in, c_out)

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        x = args[0]
        return p.finish(x.reshape(x.shape[0], -1, weights.shape[0]).astype(dtype) @ weights)

    return kernel
