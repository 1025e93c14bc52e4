"""From graph operators to steps: one kernel call each, with its constants, its memory needs and its C text.

`LOWER` maps an operator kind to the function that turns it into a Step; adding an operator is adding an entry.
In a step's code `in`, `a`, `b`, `out`, `scratch` are pointers the emitter declares, and `layer` is the struct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyclap_export import requant
from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.memory import StepMemory
from tinyclap_export.graph import Graph, Op, op_macs
from tinyclap_export.kernels_integer import op_table


@dataclass(frozen=True)
class Array:
    """A constant array: `key` is its name inside the layer (weights, bias, scale, table, b ...)."""

    key: str
    ctype: str  # "int8_t" | "int32_t" | "tce_scale"
    values: np.ndarray  # tce_scale: (n, 2) multiplier, shift
    comment: str

    @property
    def bytes(self) -> int:
        return int(self.values.size) * (1 if self.ctype == "int8_t" else 4)


@dataclass(frozen=True)
class Ref:
    """A struct field that points at one of the layer's arrays."""

    key: str


@dataclass(frozen=True)
class Step:
    """One layer of the generated library.

    operands: (C name, tensor name) of each pointer it reads. struct: fields of `layer`, nested dicts, Refs to arrays.
    code: the body's statements. notes: what a reader should know, for the header comment.
    """

    op: Op
    suffix: str  # kind in the function's name
    kernels: tuple[str, ...]  # engine files without .c
    operands: tuple[tuple[str, str], ...]
    output: str
    code: tuple[str, ...] = ()
    struct_type: str = ""
    struct: dict[str, Any] = field(default_factory=dict)
    arrays: tuple[Array, ...] = ()
    scratch_bytes: int = 0
    in_place: tuple[str, ...] = ()
    alias: bool = False
    macs: int = 0
    notes: tuple[str, ...] = ()

    @property
    def const_bytes(self) -> int:
        return sum(a.bytes for a in self.arrays)

    def memory(self) -> StepMemory:
        reads = tuple(dict.fromkeys(name for _, name in self.operands))
        return StepMemory(reads, self.output, self.scratch_bytes, self.in_place, self.alias)


def lower(graph: Graph) -> list[Step]:
    """Every operator of an int8 graph as a Step, in execution order; PADs are folded into convolutions."""
    for name in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[name]
        if tensor.dtype != "int8":
            raise refuse(graph.ops[0], f"graph tensor {name} is {tensor.dtype}, not int8", "quantize the graph first")
    folded = _foldable_pads(graph)
    steps = []
    for op in graph.ops:
        if op.outputs[0] in folded:
            continue
        lowering = LOWER.get(op.kind)
        if lowering is None:
            raise refuse(op, "no C kernel for this operator", f"supported: {', '.join(sorted(LOWER))}")
        for name in op.inputs:
            if graph.tensors[name].is_const and name == op.inputs[0] and op.kind not in ("ADD", "SUB", "MUL"):
                raise refuse(op, f"its input {name} is a constant", "fold constants before generating code")
        steps.append(lowering(graph, op, folded))
    return steps


Pads = dict[str, Op]  # PAD operators by output name, folded into their reader


def _foldable_pads(graph: Graph) -> Pads:
    """PADs of rows and columns read by one convolution only: that kernel pads by itself, with the same value."""
    pads: Pads = {}
    for op in graph.ops:
        if op.kind != "PAD" or len(op.attrs["pads"]) != 4:
            continue
        out, readers = op.outputs[0], graph.consumers(op.outputs[0])
        spatial = op.attrs["pads"][0] == (0, 0) == op.attrs["pads"][3]
        single = len(readers) == 1 and readers[0].kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
        if spatial and single and out not in graph.outputs:
            constants.same_quant(op, graph.tensors[op.inputs[0]], graph.tensors[out])
            pads[out] = op
    return pads


def _source(graph: Graph, op: Op, folded: Pads) -> tuple[str, tuple[tuple[int, int], ...], tuple[str, ...]]:
    """(tensor to read, extra padding, note) of a convolution, seen through a folded PAD."""
    name = op.inputs[0]
    pad = folded.get(name)
    if pad is None:
        return name, ((0, 0), (0, 0)), ()
    (top, bottom), (left, right) = pad.attrs["pads"][1:3]
    note = f"pads {top} + {bottom} rows, {left} + {right} columns itself (operator {pad.name})"
    return pad.inputs[0], ((top, bottom), (left, right)), (note,)


def _one_sample(graph: Graph, op: Op) -> None:
    batch = graph.tensors[op.inputs[0]].shape[0]
    if batch != 1:
        raise refuse(op, f"batch size {batch}", "export the model with batch size 1")


def _product_arrays(product: constants.Product, weights: str) -> tuple[Array, ...]:
    return (
        Array("weights", "int8_t", product.weights, weights),
        Array("bias", "int32_t", product.bias, "[c_out], input offset folded in"),
        Array(
            "scale", "tce_scale", np.stack([product.multiplier, product.shift], axis=1), "[c_out] {multiplier, shift}"
        ),
    )


_POINTERS = {"weights": Ref("weights"), "bias": Ref("bias"), "scale": Ref("scale")}


def _conv(graph: Graph, op: Op, folded: Pads) -> Step:
    _one_sample(graph, op)
    source, extra, notes = _source(graph, op, folded)
    x, w, out = graph.tensors[source], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    c_out, kh, kw, c_in = w.shape
    if c_in != x.shape[3]:
        raise refuse(op, f"grouped convolution ({x.shape[3]} channels, filters of {c_in})",
                     "split it into one CONV_2D a group")  # fmt: skip
    product = constants.fold_product(graph, op)
    matrix = {**_POINTERS, "k": kh * kw * c_in, "c_out": c_out, "output": constants.output_fields(op, out)}
    window = constants.window_fields(op, x, out, (kh, kw), extra)
    base = Step(op, "conv1x1", ("tce_conv1x1_s8",), (("in", source),), out.name,
                arrays=_product_arrays(product, f"[{c_out}][{kh}][{kw}][{c_in}]"), macs=op_macs(graph, op),
                notes=notes)  # fmt: skip
    pointwise = (kh, kw) == (1, 1) and tuple(op.attrs["stride"]) == (1, 1) and extra == ((0, 0), (0, 0))
    if pointwise:
        pixels = out.size // c_out
        return replace(base, struct_type="tce_conv1x1", struct=matrix,
                       code=(f"tce_conv1x1_s8(in, out, {pixels}, &layer);",))  # fmt: skip
    struct = {"window": window, "product": matrix, "in_zero_point": constants.quant_of(op, x)[1]}
    return replace(
        base, suffix="conv", kernels=("tce_conv_s8", "tce_conv1x1_s8"), struct_type="tce_conv", struct=struct,
        code=_rows(out.shape, "tce_conv_row_s8(in, {row}, y, scratch, &layer);"), scratch_bytes=2 * kh * kw * c_in,
    )  # fmt: skip


def _rows(shape: tuple[int, ...], call: str) -> tuple[str, ...]:
    """A loop over output rows; {row} in `call` becomes the row's address."""
    return (
        f"for (int32_t y = 0; y < {shape[1]}; y++) {{",
        "    " + call.format(row=f"out + y * {shape[2] * shape[3]}"),
        "}",
    )


def _depthwise(graph: Graph, op: Op, folded: Pads) -> Step:
    _one_sample(graph, op)
    source, extra, notes = _source(graph, op, folded)
    x, w, out = graph.tensors[source], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    _, kh, kw, c_out = w.shape
    multiplier = c_out // x.shape[3]
    kernel = "tce_depthwise" if multiplier == 1 else "tce_depthwise_multi"
    struct = {"window": constants.window_fields(op, x, out, (kh, kw), extra), **_POINTERS, "multiplier": multiplier,
              "in_zero_point": constants.quant_of(op, x)[1], "output": constants.output_fields(op, out)}  # fmt: skip
    return Step(
        op, "depthwise", (f"{kernel}_s8",), (("in", source),), out.name,
        _rows(out.shape, f"{kernel}_row_s8(in, {{row}}, y, &layer);"), "tce_depthwise", struct,
        _product_arrays(constants.fold_product(graph, op), f"[{kh}][{kw}][{c_out}]"),
        macs=op_macs(graph, op), notes=notes,
    )  # fmt: skip


def _dense(graph: Graph, op: Op, folded: Pads) -> Step:
    w, out = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    c_out, c_in = w.shape
    struct = {**_POINTERS, "c_in": c_in, "c_out": c_out, "output": constants.output_fields(op, out)}
    return Step(
        op, "dense", ("tce_dense_s8",), (("in", op.inputs[0]),), out.name,
        (f"tce_dense_s8(in, out, {out.size // c_out}, &layer);",), "tce_dense", struct,
        _product_arrays(constants.fold_product(graph, op), f"[{c_out}][{c_in}]"), macs=op_macs(graph, op),
    )  # fmt: skip


def _scale(multiplier: int, shift: int) -> dict[str, int]:
    return {"multiplier": int(multiplier), "shift": int(shift)}


def _binary(graph: Graph, op: Op, folded: Pads) -> Step:
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


def _mean(graph: Graph, op: Op, folded: Pads) -> Step:
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    (s_in, z_in), (s_out, _) = constants.quant_of(op, x), constants.quant_of(op, out)
    sizes = constants.collapse_mean(op, x.shape, tuple(op.attrs["axes"]))
    count = sizes["reduce_a"] * sizes["reduce_b"]
    scale = requant.mean_multiplier(s_in, s_out, count)
    constants.check_bound(op, 255 * count, scale[1])
    struct = {**sizes, "offset": -count * z_in, "scale": _scale(*scale), "output": constants.output_fields(op, out)}
    return Step(op, "mean", ("tce_mean_s8",), (("in", x.name),), out.name, ("tce_mean_s8(in, out, &layer);",),
                "tce_mean", struct)  # fmt: skip


def _pool(graph: Graph, op: Op, folded: Pads) -> Step:
    _one_sample(graph, op)
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    output = {**constants.output_fields(op, out), "zero_point": 0}
    word = "average" if op.kind == "AVERAGE_POOL_2D" else "max"
    struct = {"window": constants.window_fields(op, x, out, tuple(op.attrs["filter"])), "output": output}
    return Step(op, f"{word}_pool", (f"tce_{word}_pool_s8",), (("in", x.name),), out.name,
                _rows(out.shape, f"tce_{word}_pool_row_s8(in, {{row}}, y, &layer);"), "tce_pool", struct)  # fmt: skip


def _pad(graph: Graph, op: Op, folded: Pads) -> Step:
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


def _concat(graph: Graph, op: Op, folded: Pads) -> Step:
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


def _transpose(graph: Graph, op: Op, folded: Pads) -> Step:
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    constants.same_quant(op, x, out)
    if len(x.shape) > 4:
        raise refuse(op, f"rank {len(x.shape)}; up to 4 is supported")
    dense = [int(np.prod(x.shape[i + 1 :], dtype=np.int64)) for i in range(len(x.shape))]
    missing = 4 - len(x.shape)
    struct = {"size": [1] * missing + list(out.shape), "stride": [0] * missing + [dense[p] for p in op.attrs["perm"]]}
    return Step(op, "transpose", ("tce_transpose_s8",), (("in", x.name),), out.name,
                ("tce_transpose_s8(in, out, &layer);",), "tce_transpose", struct)  # fmt: skip


def _reshape(graph: Graph, op: Op, folded: Pads) -> Step:
    constants.same_quant(op, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]])
    return Step(op, "reshape", (), (("in", op.inputs[0]),), op.outputs[0], alias=True)


def _table(graph: Graph, op: Op, folded: Pads) -> Step:
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


TABLE_KINDS = ("HARD_SWISH", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "QUANTIZE")

LOWER: dict[str, Callable[[Graph, Op, Pads], Step]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": _binary,
    "SUB": _binary,
    "MUL": _binary,
    "MEAN": _mean,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "CONCATENATION": _concat,
    "TRANSPOSE": _transpose,
    "RESHAPE": _reshape,
    **dict.fromkeys(TABLE_KINDS, _table),
}
