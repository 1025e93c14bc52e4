"""Operators without weights as Steps: reducing, pooling, moving, tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_export import requant
from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.step import Array, Lowering, RowForm, Step, Sums, Window, map_rows, require_one_sample
from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import op_table


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[0] == 1


def mean(graph: Graph, op: Op, context: Lowering) -> Step:
    """MEAN over one or two blocks of axes; over rows it can add them up as they arrive."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    (s_in, z_in), (s_out, _) = constants.quant_of(op, x), constants.quant_of(op, out)
    axes = tuple(axis % len(x.shape) for axis in op.attrs["axes"])
    sizes = constants.collapse_mean(op, x.shape, axes)
    count = sizes["reduce_a"] * sizes["reduce_b"]
    scale = requant.mean_multiplier(s_in, s_out, count)
    constants.check_bound(op, 255 * count, scale[1])
    numbers = {"offset": -count * z_in, "scale": {"multiplier": int(scale[0]), "shift": int(scale[1])},
               "output": constants.output_fields(op, out)}  # fmt: skip
    row, sums = None, None
    if _is_map(x.shape) and 1 in axes and 3 not in axes:
        _, _, w, c = x.shape
        sums = Sums(w, c) if 2 in axes else Sums(1, w * c)
    elif _is_map(x.shape) and _is_map(out.shape) and 1 not in axes and 0 not in axes:
        row_sizes = constants.collapse_mean(op, (1, 1, *x.shape[2:]), axes)
        row = RowForm(("tce_mean_s8(in, out, &layer);",), {**row_sizes, **numbers})
    return Step(op, "mean", ("tce_mean_s8",), (("in", x.name),), out.name, ("tce_mean_s8(in, out, &layer);",),
                "tce_mean", {**sizes, **numbers}, row=row, sums=sums)  # fmt: skip


def pool(graph: Graph, op: Op, context: Lowering) -> Step:
    """AVERAGE_POOL_2D, MAX_POOL_2D."""
    require_one_sample(graph, op)
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    output = {**constants.output_fields(op, out), "zero_point": 0}
    word = "average" if op.kind == "AVERAGE_POOL_2D" else "max"
    place = constants.window_place(op, x, out, tuple(op.attrs["filter"]))
    window = Window(place.kernel_h, place.stride_h, place.dilation_h, place.pad_top)
    return Step(op, f"{word}_pool", (f"tce_{word}_pool_s8",), (("in", x.name),), out.name, (), "tce_pool",
                {"window": place.fields, "output": output},
                row=RowForm((f"tce_{word}_pool_row_s8(rows, out, &layer);",), window=window))  # fmt: skip


def pad(graph: Graph, op: Op, context: Lowering) -> Step:
    """PAD that no convolution absorbed."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    if len(x.shape) > 4:
        raise refuse(op, f"rank {len(x.shape)}; up to 4 is supported")
    missing = 4 - len(x.shape)
    pads = [(0, 0)] * missing + list(op.attrs["pads"])
    value = constants.quant_of(op, x)[1]
    struct: dict[str, Any] = {"size": [1] * missing + list(x.shape), "before": [p[0] for p in pads], "after": [p[1] for p in pads],
              "value": value}  # fmt: skip
    row = None
    if _is_map(x.shape) and _is_map(out.shape):
        inner = {"size": [1, 1, *x.shape[2:]], "before": [0, 0, *struct["before"][2:]],
                 "after": [0, 0, *struct["after"][2:]], "value": value}  # fmt: skip
        code = ("if (rows[0]) {", "    tce_pad_s8(rows[0], out, &layer);", "} else {",
                f"    memset(out, {value}, {map_rows(out.shape)[1]}U);", "}")  # fmt: skip
        row = RowForm(("tce_pad_s8(in, out, &layer);",), inner)
        if pads[1] != (0, 0):
            row = RowForm(code, inner, window=Window(1, 1, 1, pads[1][0]))
    return Step(op, "pad", ("tce_pad_s8",), (("in", x.name),), out.name, ("tce_pad_s8(in, out, &layer);",), "tce_pad",
                struct, row=row)  # fmt: skip


def concat(graph: Graph, op: Op, context: Lowering) -> Step:
    """CONCATENATION: one strided copy an input."""
    out = graph.tensors[op.outputs[0]]
    inputs = [graph.tensors[name] for name in op.inputs]
    constants.same_quant(op, out, *inputs)
    if op.attrs["activation"] != "NONE":
        raise refuse(op, "a fused activation is not supported here", "TFLite itself refuses it")
    axis = op.attrs["axis"] % len(out.shape)
    operands = tuple((f"in{i}", tensor.name) for i, tensor in enumerate(inputs) if tensor.data is None)
    arrays = tuple(Array(f"in{i}", "int8_t", tensor.data, f"constant {tensor.name} {list(tensor.shape)}")
                   for i, tensor in enumerate(inputs) if tensor.data is not None)  # fmt: skip

    def copies(runs: int) -> tuple[str, ...]:
        stride, at, code = int(np.prod(out.shape[axis:], dtype=np.int64)), 0, []
        for i, tensor in enumerate(inputs):
            run = int(np.prod(tensor.shape[axis:], dtype=np.int64))
            code.append(f"tce_copy_rows_s8(in{i}, out + {at}, {runs}, {run}, {stride});")
            at += run
        return tuple(code)

    whole = int(np.prod(out.shape[:axis], dtype=np.int64))
    row = RowForm(copies(whole // out.shape[1])) if _is_map(out.shape) and axis >= 2 and not arrays else None
    return Step(op, "concat", ("tce_copy_rows_s8",), operands, out.name, copies(whole), arrays=arrays, row=row)


def transpose(graph: Graph, op: Op, context: Lowering) -> Step:
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


def reshape(graph: Graph, op: Op, context: Lowering) -> Step:
    """RESHAPE: a name for the same bytes, no code."""
    constants.same_quant(op, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]])
    return Step(op, "reshape", (), (("in", op.inputs[0]),), op.outputs[0], alias=True)


def table(graph: Graph, op: Op, context: Lowering) -> Step:
    """Element-wise operators of one input: the whole operator, exactly, in 256 bytes of flash; in place."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    values = table_values(graph, op)

    def call(count: Any) -> tuple[str, ...]:
        return (f"tce_table_s8(in, out, {count}, table);",)

    return Step(op, op.kind.lower(), ("tce_table_s8",), (("in", x.name),), out.name, call(out.size),
                arrays=(Array("table", "int8_t", values, "output code of input code -128 .. 127"),),
                in_place=(x.name,), row=RowForm(call(map_rows(out.shape)[1])) if _is_map(out.shape) else None)  # fmt: skip


def table_values(graph: Graph, op: Op) -> np.ndarray:
    """(256,) int8 table of a one-input element-wise operator; refuses scales that the operator cannot have."""
    try:
        values = op_table(graph, op)
    except ValueError as error:
        raise refuse(op, str(error), "recalibrate this layer") from error
    assert values is not None
    return values
