"""Operators without weights as Steps: element-wise, reducing, pooling, moving."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_export import requant
from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.step import Array, Pads, Step, require_one_sample, row_loop
from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import op_table


def _scale(multiplier: int, shift: int) -> dict[str, int]:
    return {"multiplier": int(multiplier), "shift": int(shift)}


def binary(graph: Graph, op: Op, folded: Pads) -> Step:
    """ADD, SUB, MUL with broadcasting; in place where an input has the output's shape."""
    a, b = (graph.tensors[name] for name in op.inputs)
    out = graph.tensors[op.outputs[0]]
    (s_a, z_a), (s_b, z_b), (s_out, _) = (constants.quant_of(op, t) for t in (a, b, out))
    size, a_stride, b_stride = constants.collapse_broadcast(op, a.shape, b.shape, out.shape)
    struct: dict[str, Any] = {"size": size, "a_stride": a_stride, "b_stride": b_stride, "a_zero_point": z_a,
                              "b_zero_point": z_b}  # fmt: skip
    if op.kind == "MUL":
        kernel, suffix = "tce_mul_s8", "mul"
        scale = requant.mul_multiplier(s_a, s_b, s_out)
        constants.check_bound(op, 255 * 255, scale[1])
    else:
        kernel, suffix = "tce_add_s8", op.kind.lower()
        scale_a, scale_b, scale = requant.add_multipliers(s_a, s_b, s_out)
        constants.check_bound(op, 255 << requant.ADD_LEFT_SHIFT, scale[1])
        struct |= {"a_scale": _scale(*scale_a), "b_scale": _scale(*scale_b), "b_sign": -1 if op.kind == "SUB" else 1}
    struct |= {"scale": _scale(*scale), "output": constants.output_fields(op, out)}
    operands, arrays = [], []
    for key, tensor in (("a", a), ("b", b)):
        if tensor.data is None:
            operands.append((key, tensor.name))
        else:
            arrays.append(Array(key, "int8_t", tensor.data, f"constant {tensor.name} {list(tensor.shape)}"))
    in_place = tuple(t.name for t in (a, b) if t.data is None and t.size == out.size)
    return Step(op, suffix, (kernel,), tuple(operands), out.name, (f"{kernel}(a, b, out, &layer);",), "tce_binary",
                struct, tuple(arrays), in_place=in_place)  # fmt: skip


def mean(graph: Graph, op: Op, folded: Pads) -> Step:
    """MEAN over one or two blocks of axes."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    (s_in, z_in), (s_out, _) = constants.quant_of(op, x), constants.quant_of(op, out)
    sizes = constants.collapse_mean(op, x.shape, tuple(op.attrs["axes"]))
    count = sizes["reduce_a"] * sizes["reduce_b"]
    scale = requant.mean_multiplier(s_in, s_out, count)
    constants.check_bound(op, 255 * count, scale[1])
    struct = {**sizes, "offset": -count * z_in, "scale": _scale(*scale), "output": constants.output_fields(op, out)}
    return Step(op, "mean", ("tce_mean_s8",), (("in", x.name),), out.name, ("tce_mean_s8(in, out, &layer);",),
                "tce_mean", struct)  # fmt: skip


def pool(graph: Graph, op: Op, folded: Pads) -> Step:
    """AVERAGE_POOL_2D, MAX_POOL_2D."""
    require_one_sample(graph, op)
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    output = {**constants.output_fields(op, out), "zero_point": 0}
    word = "average" if op.kind == "AVERAGE_POOL_2D" else "max"
    struct = {"window": constants.window_fields(op, x, out, tuple(op.attrs["filter"])), "output": output}
    return Step(op, f"{word}_pool", (f"tce_{word}_pool_s8",), (("in", x.name),), out.name,
                row_loop(out.shape, f"tce_{word}_pool_row_s8(in, {{row}}, y, &layer);"), "tce_pool",
                struct)  # fmt: skip


def pad(graph: Graph, op: Op, folded: Pads) -> Step:
    """PAD that no convolution absorbed."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    if len(x.shape) > 4:
        raise refuse(op, f"rank {len(x.shape)}; up to 4 is supported")
    missing = 4 - len(x.shape)
    pads = [(0, 0)] * missing + list(op.attrs["pads"])
    struct = {"size": [1] * missing + list(x.shape), "before": [p[0] for p in pads], "after": [p[1] for p in pads],
              "value": constants.quant_of(op, x)[1]}  # fmt: skip
    return Step(op, "pad", ("tce_pad_s8",), (("in", x.name),), out.name, ("tce_pad_s8(in, out, &layer);",), "tce_pad",
                struct)  # fmt: skip


def concat(graph: Graph, op: Op, folded: Pads) -> Step:
    """CONCATENATION: one strided copy an input."""
    out = graph.tensors[op.outputs[0]]
    inputs = [graph.tensors[name] for name in op.inputs]
    constants.same_quant(op, out, *inputs)
    if op.attrs["activation"] != "NONE" or any(t.is_const for t in inputs):
        raise refuse(op, "a fused activation or a constant input is not supported here")
    axis = op.attrs["axis"] % len(out.shape)
    rows = int(np.prod(out.shape[:axis], dtype=np.int64))
    stride, at, code, operands = out.size // rows, 0, [], []
    for i, tensor in enumerate(inputs):
        run = tensor.size // rows
        operands.append((f"in{i}", tensor.name))
        code.append(f"tce_copy_rows_s8(in{i}, out + {at}, {rows}, {run}, {stride});")
        at += run
    return Step(op, "concat", ("tce_copy_rows_s8",), tuple(operands), out.name, tuple(code))


def transpose(graph: Graph, op: Op, folded: Pads) -> Step:
    """TRANSPOSE."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    if len(x.shape) > 4:
        raise refuse(op, f"rank {len(x.shape)}; up to 4 is supported")
    dense = [int(np.prod(x.shape[i + 1 :], dtype=np.int64)) for i in range(len(x.shape))]
    missing = 4 - len(x.shape)
    struct = {"size": [1] * missing + list(out.shape), "stride": [0] * missing + [dense[p] for p in op.attrs["perm"]]}
    return Step(op, "transpose", ("tce_transpose_s8",), (("in", x.name),), out.name,
                ("tce_transpose_s8(in, out, &layer);",), "tce_transpose", struct)  # fmt: skip


def reshape(graph: Graph, op: Op, folded: Pads) -> Step:
    """RESHAPE: a name for the same bytes, no code."""
    constants.same_quant(op, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]])
    return Step(op, "reshape", (), (("in", op.inputs[0]),), op.outputs[0], alias=True)


def table(graph: Graph, op: Op, folded: Pads) -> Step:
    """Element-wise operators of one input: the whole operator, exactly, in 256 bytes of flash; in place."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    try:
        values = op_table(graph, op)
    except ValueError as error:
        raise refuse(op, str(error), "recalibrate this layer") from error
    assert values is not None
    return Step(op, op.kind.lower(), ("tce_table_s8",), (("in", x.name),), out.name,
                (f"tce_table_s8(in, out, {out.size}, table);",),
                arrays=(Array("table", "int8_t", values, "output code of input code -128 .. 127"),),
                in_place=(x.name,))  # fmt: skip
