"""Integer kernels without weights, each `prepare_*(graph, op)` returning a function of int8 (samples, *shape) arrays.

Rules: requant.py and fixedpoint.py; sources: tensorflow/lite/kernels/internal/reference/ (add, mul, reduce, pooling,
pad, concatenation). AVERAGE_POOL_2D divides by the number of elements inside the map, rounding half away from zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tinyclap_export import fixedpoint, requant
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op, Quant
from tinyclap_export.kernels_float import FLOAT_KERNELS, align
from tinyclap_export.kernels_weighted import IntegerKernel, prepare_conv, prepare_dense
from tinyclap_export.windows import Window, fold_samples


def quant_of(graph: Graph, name: str) -> Quant:
    """Per-tensor quantisation of an int8 tensor."""
    tensor = graph.tensors[name]
    if tensor.quant is None or tensor.dtype != "int8":
        raise ExportError(f"tensor {name} is {tensor.dtype} without int8 quantisation", exit_code=5)
    return tensor.quant


def require_same_quant(graph: Graph, op: Op) -> Quant:
    """The one quantisation that all inputs and the output share; codes pass through unchanged."""
    out = quant_of(graph, op.outputs[0])
    for name in op.inputs:
        q = quant_of(graph, name)
        if q.s != out.s or q.z != out.z:
            raise ExportError(f"operator {op.name} ({op.kind}): {name} and {op.outputs[0]} differ in scale",
                              "TFLite's int8 kernel wants equal scales there", exit_code=5)  # fmt: skip
    return out


def op_table(graph: Graph, op: Op) -> np.ndarray | None:
    """(256,) int8 table of a one-input elementwise operator, index code + 128; None for other kinds."""
    if op.kind not in _TABLES:
        return None
    a, b = quant_of(graph, op.inputs[0]), quant_of(graph, op.outputs[0])
    fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(op.kind)
    if fixed and (float(b.s), b.z) != fixed:
        raise ExportError(
            f"operator {op.name} ({op.kind}): output scale {b.s} zero point {b.z} is not {fixed}", exit_code=5
        )
    return _TABLES[op.kind](op, a, b)


_TABLES = {
    "HARD_SWISH": lambda op, a, b: requant.hard_swish_table(a.s, a.z, b.s, b.z),
    "RELU": lambda op, a, b: requant.relu_table("RELU", a.s, a.z, b.s, b.z),
    "RELU6": lambda op, a, b: requant.relu_table("RELU6", a.s, a.z, b.s, b.z),
    "RELU_0_TO_1": lambda op, a, b: requant.relu_table("RELU_0_TO_1", a.s, a.z, b.s, b.z),
    "LEAKY_RELU": lambda op, a, b: requant.leaky_relu_table(op.attrs["alpha"], a.s, a.z, b.s, b.z),
    "QUANTIZE": lambda op, a, b: requant.quantize_table(a.s, a.z, b.s, b.z),
    "LOGISTIC": lambda op, a, b: fixedpoint.logistic_table(a.s, a.z),
    "TANH": lambda op, a, b: fixedpoint.tanh_table(a.s, a.z),
    "GELU": lambda op, a, b: fixedpoint.gelu_table(a.s, a.z, b.s, b.z),
}


def _prepare_table(graph: Graph, op: Op) -> IntegerKernel:
    table = op_table(graph, op)
    assert table is not None
    by_byte = np.concatenate([table[128:], table[:128]])  # indexed by the code read as uint8
    return lambda args: by_byte[args[0].view(np.uint8)]


def add_tables(graph: Graph, op: Op) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """ADD and SUB: (256,) int64 scaled input tables (the second negated for SUB) and the output (multiplier, shift)."""
    a, b, out = (quant_of(graph, n) for n in (*op.inputs, op.outputs[0]))
    m1, m2, m_out = requant.add_multipliers(a.s, b.s, out.s)
    left = requant.ADD_LEFT_SHIFT
    first = requant.requantize((requant.Q - a.z) << left, *m1)
    second = requant.requantize((requant.Q - b.z) << left, *m2)
    return first, -second if op.kind == "SUB" else second, m_out


def _prepare_add(graph: Graph, op: Op) -> IntegerKernel:
    first, second, (multiplier, shift) = add_tables(graph, op)
    out_q = quant_of(graph, op.outputs[0])
    low, high = requant.activation_range(op.attrs["activation"], out_q.s, out_q.z)
    rank = len(graph.tensors[op.outputs[0]].shape)

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        x, y = (align(a, rank).astype(np.int16) + 128 for a in args)
        out = requant.requantize(first[x] + second[y], multiplier, shift)
        out += out_q.z
        return np.clip(out, low, high, out=out).astype(np.int8)

    return kernel


def _prepare_mul(graph: Graph, op: Op) -> IntegerKernel:
    a, b, out_q = (quant_of(graph, n) for n in (*op.inputs, op.outputs[0]))
    multiplier, shift = requant.mul_multiplier(a.s, b.s, out_q.s)
    low, high = requant.activation_range(op.attrs["activation"], out_q.s, out_q.z)
    rank = len(graph.tensors[op.outputs[0]].shape)

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        x, y = align(args[0], rank).astype(np.int64) - a.z, align(args[1], rank).astype(np.int64) - b.z
        out = requant.requantize(x * y, multiplier, shift)
        out += out_q.z
        return np.clip(out, low, high, out=out).astype(np.int8)

    return kernel


def mean_count(graph: Graph, op: Op) -> int:
    """Number of elements that one output of MEAN averages."""
    return graph.tensors[op.inputs[0]].size // graph.tensors[op.outputs[0]].size


def _prepare_mean(graph: Graph, op: Op) -> IntegerKernel:
    a, out_q = quant_of(graph, op.inputs[0]), quant_of(graph, op.outputs[0])
    count, rank = mean_count(graph, op), len(graph.tensors[op.inputs[0]].shape)
    multiplier, shift = requant.mean_multiplier(a.s, out_q.s, count)
    axes = tuple(axis % rank + 1 for axis in op.attrs["axes"])

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        total = args[0].sum(axis=axes, keepdims=op.attrs["keep_dims"], dtype=np.int64) - a.z * count
        out = requant.requantize(total, multiplier, shift) + out_q.z
        return np.clip(out, -128, 127).astype(np.int8)

    return kernel


def _prepare_pool(graph: Graph, op: Op) -> IntegerKernel:
    quant = require_same_quant(graph, op)
    low, high = requant.activation_range(op.attrs["activation"], quant.s, quant.z)
    hw = graph.tensors[op.inputs[0]].shape[1:3]
    window = Window(op, hw, tuple(op.attrs["filter"]))
    inside = window.pad(np.ones((1, *hw, 1), np.int32), 0)
    count = sum(window.tap(inside, i, j) for i, j in window.taps())

    def kernel(args: list[np.ndarray]) -> np.ndarray:
        x = fold_samples(args[0])
        if op.kind == "MAX_POOL_2D":
            padded = window.pad(x, -128)
            out = np.maximum.reduce([window.tap(padded, i, j) for i, j in window.taps()])
        else:
            padded = window.pad(x.astype(np.int32), 0)
            total = sum(window.tap(padded, i, j) for i, j in window.taps())
            out = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return np.clip(out, low, high).astype(np.int8).reshape(*args[0].shape[:2], *out.shape[1:])

    return kernel


def _prepare_copy(graph: Graph, op: Op) -> IntegerKernel:
    """RESHAPE, TRANSPOSE: codes move, nothing is rescaled."""
    require_same_quant(graph, op)
    return lambda args: FLOAT_KERNELS[op.kind](op, args)


def _prepare_pad(graph: Graph, op: Op) -> IntegerKernel:
    zero = require_same_quant(graph, op).z
    return lambda args: np.pad(args[0], ((0, 0), *op.attrs["pads"]), constant_values=zero)


def _prepare_concat(graph: Graph, op: Op) -> IntegerKernel:
    require_same_quant(graph, op)
    if op.attrs["activation"] != "NONE":
        raise ExportError(f"operator {op.name}: CONCATENATION with an activation", exit_code=5)
    return lambda args: FLOAT_KERNELS["CONCATENATION"](op, args)


def _prepare_softmax(graph: Graph, op: Op) -> IntegerKernel:
    a, b = quant_of(graph, op.inputs[0]), quant_of(graph, op.outputs[0])
    if (float(b.s), b.z) != (1 / 256, -128):
        raise ExportError(f"operator {op.name} (SOFTMAX): output scale {b.s} zero point {b.z}", exit_code=5)
    fixedpoint.softmax_parameters(a.s, op.attrs["beta"])  # refuses an impossible beta here, not at run time
    return lambda args: fixedpoint.softmax_rows(args[0], a.s, op.attrs["beta"])


INTEGER_KERNELS: dict[str, Callable[[Graph, Op], IntegerKernel]] = {
    "CONV_2D": prepare_conv,
    "DEPTHWISE_CONV_2D": prepare_conv,
    "FULLY_CONNECTED": prepare_dense,
    "ADD": _prepare_add,
    "SUB": _prepare_add,
    "MUL": _prepare_mul,
    "MEAN": _prepare_mean,
    "AVERAGE_POOL_2D": _prepare_pool,
    "MAX_POOL_2D": _prepare_pool,
    "PAD": _prepare_pad,
    "CONCATENATION": _prepare_concat,
    "RESHAPE": _prepare_copy,
    "TRANSPOSE": _prepare_copy,
    "SOFTMAX": _prepare_softmax,
    **dict.fromkeys(_TABLES, _prepare_table),
}


def prepare_kernels(graph: Graph, dense_rounds_once: bool = True) -> list[IntegerKernel]:
    """One kernel an operator. Raises ExportError (exit code 5) naming the operator that has none or cannot have one."""
    prepare: dict[str, Callable[[Graph, Op], IntegerKernel]] = {
        **INTEGER_KERNELS,
        "FULLY_CONNECTED": partial(prepare_dense, rounds_once=dense_rounds_once),
    }
    kernels = []
    for index, op in enumerate(graph.ops):
        if op.kind not in INTEGER_KERNELS:
            raise ExportError(f"operator {index} ({op.name}): no integer kernel for {op.kind}", exit_code=5)
        try:
            with np.errstate(over="ignore", under="ignore", divide="ignore"):
                kernels.append(prepare[op.kind](graph, op))
        except (ValueError, OverflowError) as error:
            raise ExportError(f"operator {index} {op.kind} ({op.name}): {error}", "its scales cannot be", 5) from error
    return kernels
