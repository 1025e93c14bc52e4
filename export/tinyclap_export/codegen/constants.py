"""Numbers that a kernel wants, from numbers that a graph holds: folded biases, bounds, windows, collapsed shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyclap_export import requant
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.kernels_weighted import weighted_parameters
from tinyclap_export.shapes import conv_padding

ACCUMULATOR_LIMIT = 1 << 30  # tce_requant.h: |value| * 2^max(shift, 0) must stay below


def refuse(op: Op, why: str, hint: str = "") -> ExportError:
    return ExportError(f"operator {op.name} ({op.kind}): {why}", hint, exit_code=5)


def quant_of(op: Op, tensor: Tensor) -> tuple[np.float32, int]:
    """(scale, zero point) of an int8 per-tensor activation."""
    if tensor.dtype != "int8" or tensor.quant is None or tensor.quant.axis is not None:
        raise refuse(op, f"tensor {tensor.name} is not int8 with one scale", "quantize the graph to int8 first")
    return tensor.quant.s, tensor.quant.z


def same_quant(op: Op, *tensors: Tensor) -> None:
    """Operators that only move values need one quantisation throughout, as TFLite does."""
    if len({quant_of(op, t) for t in tensors}) != 1:
        raise refuse(op, "input and output have different scales or zero points", "give them the same quantisation")


def check_bound(op: Op, bound: int, shift: int) -> None:
    """Refuse a layer whose accumulators could leave the range in which the kernels' rounding is exact."""
    if bound << max(shift, 0) >= ACCUMULATOR_LIMIT:
        raise refuse(
            op,
            f"its accumulator may reach {bound} and is then shifted left by {max(shift, 0)}: 30 bits are not enough",
            "the output scale is far too small for its inputs; recalibrate this layer",
        )


@dataclass(frozen=True)
class Product:
    """A weighted layer's constants. weights int8 as the kernel reads them; bias (c,) int32 with the input offset
    folded in; multiplier (c,) int32, shift (c,) int32 that fits int8."""

    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray

    @property
    def bytes(self) -> int:
        return int(self.weights.size + 4 * self.bias.size + 5 * self.multiplier.size)


def fold_product(graph: Graph, op: Op) -> Product:
    """Weights and biases of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, checked against the accumulator's range."""
    for name in (op.inputs[0], op.outputs[0]):
        quant_of(op, graph.tensors[name])
    p = weighted_parameters(graph, op)
    if p.weights.dtype != np.int8:
        raise refuse(op, f"its weights are {p.weights.dtype}", "quantize the graph to int8 first")
    weights = p.weights.astype(np.int64) - p.weights_zero_point
    if weights.min() < -128 or weights.max() > 127:
        raise refuse(op, f"weights with zero point {p.weights_zero_point}", "quantize weights symmetrically")
    axis = weights.ndim - 1 if op.kind == "DEPTHWISE_CONV_2D" else 0
    taps = np.abs(np.moveaxis(weights, axis, 0).reshape(p.multiplier.size, -1))  # (channels, taps)
    bounds = np.abs(p.offset) + 128 * taps.sum(axis=1)
    for bound, shift in zip(bounds, p.shift, strict=True):
        check_bound(op, int(bound), int(shift))
    return Product(weights.astype(np.int8), p.offset.astype(np.int32), p.multiplier, p.shift)


def output_fields(op: Op, out: Tensor) -> dict[str, int]:
    """tce_output: zero point and the clamp that holds the fused activation."""
    scale, zero_point = quant_of(op, out)
    low, high = requant.activation_range(op.attrs.get("activation", "NONE"), scale, zero_point)
    return {"zero_point": zero_point, "low": low, "high": high}


@dataclass(frozen=True)
class WindowPlace:
    """A window of taps on its map: fields of tce_window, and what the schedule must know of rows."""

    fields: dict[str, int]
    kernel_h: int
    stride_h: int
    dilation_h: int
    pad_top: int


def window_place(
    op: Op, x: Tensor, out: Tensor, kernel: tuple[int, int], extra: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
) -> WindowPlace:
    """extra: (before, after) rows and columns of a PAD folded into this layer."""
    stride, dilation = op.attrs["stride"], op.attrs.get("dilation", (1, 1))
    pads = []
    for i in (0, 1):
        padded = x.shape[1 + i] + sum(extra[i])
        before, _ = conv_padding(padded, kernel[i], stride[i], dilation[i], op.attrs["padding"])
        pads.append(before + extra[i][0])
    fields = {
        "in_w": x.shape[2], "channels": x.shape[3], "out_w": out.shape[2], "kernel_h": kernel[0],
        "kernel_w": kernel[1], "stride_w": stride[1], "dilation_w": dilation[1], "pad_left": pads[1],
    }  # fmt: skip
    return WindowPlace(fields, kernel[0], stride[0], dilation[0], pads[0])


def collapse_broadcast(
    op: Op, a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]
) -> tuple[list[int], list[int], list[int]]:
    """(size, a_stride, b_stride), three entries each, outermost first: the fewest loops that walk both inputs."""
    strides = []
    for shape in (a, b):
        full = (1,) * (len(out) - len(shape)) + tuple(shape)
        dense = [int(np.prod(full[i + 1 :], dtype=np.int64)) for i in range(len(full))]
        strides.append([0 if d == 1 else s for d, s in zip(full, dense, strict=True)])
    loops: list[tuple[int, int, int]] = []
    for size, sa, sb in zip(out, *strides, strict=True):
        if size == 1:
            continue
        if loops and loops[-1][1] == sa * size and loops[-1][2] == sb * size:
            loops[-1] = (loops[-1][0] * size, sa, sb)
        else:
            loops.append((size, sa, sb))
    if len(loops) > 3:
        raise refuse(op, f"broadcasting {list(a)} with {list(b)} needs {len(loops)} loops, three are supported")
    loops = [(1, 0, 0)] * (3 - len(loops)) + loops
    return [lo[0] for lo in loops], [lo[1] for lo in loops], [lo[2] for lo in loops]


def collapse_mean(op: Op, shape: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, int]:
    """tce_mean's five sizes: kept, reduced, kept, reduced, kept."""
    groups = [[False, 1]]  # alternating, starting and ending with kept axes
    for i, size in enumerate(shape):
        if size == 1:
            continue
        if groups[-1][0] == (i in axes):
            groups[-1][1] *= size
        else:
            groups.append([i in axes, size])
    if groups[-1][0]:
        groups.append([False, 1])
    if len(groups) > 5:
        raise refuse(op, f"mean over axes {list(axes)} of {list(shape)} needs more than two blocks of axes")
    sizes = [1, 1] * ((5 - len(groups)) // 2) + [int(g[1]) for g in groups]
    return dict(zip(("outer", "reduce_a", "middle", "reduce_b", "inner"), sizes, strict=True))
