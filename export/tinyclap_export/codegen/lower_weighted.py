"""Convolutions and dense layers as Steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.step import Array, Pads, Ref, Step, require_one_sample, row_loop
from tinyclap_export.graph import Graph, Op, op_macs

DEPTHWISE_TAPS = 64  # TCE_DEPTHWISE_TAPS of tce_engine.h


def _source(graph: Graph, op: Op, folded: Pads) -> tuple[str, tuple[tuple[int, int], ...], tuple[str, ...]]:
    """(tensor to read, extra padding, note) of a convolution, seen through a folded PAD."""
    name = op.inputs[0]
    pad = folded.get(name)
    if pad is None:
        return name, ((0, 0), (0, 0)), ()
    (top, bottom), (left, right) = pad.attrs["pads"][1:3]
    note = f"pads {top} + {bottom} rows, {left} + {right} columns itself (operator {pad.name})"
    return pad.inputs[0], ((top, bottom), (left, right)), (note,)


def _product_arrays(product: constants.Product, weights: str) -> tuple[Array, ...]:
    return (
        Array("weights", "int8_t", product.weights, weights),
        Array("bias", "int32_t", product.bias, "[c_out], input offset folded in"),
        Array(
            "scale", "tce_scale", np.stack([product.multiplier, product.shift], axis=1), "[c_out] {multiplier, shift}"
        ),
    )


_POINTERS = {"weights": Ref("weights"), "bias": Ref("bias"), "scale": Ref("scale")}


def conv(graph: Graph, op: Op, folded: Pads) -> Step:
    """CONV_2D: the 1x1 kernel where it is one (stride 1, no padding), else gathered taps times the same product."""
    require_one_sample(graph, op)
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
        code=row_loop(out.shape, "tce_conv_row_s8(in, {row}, y, scratch, &layer);"), scratch_bytes=2 * kh * kw * c_in,
    )  # fmt: skip


def depthwise(graph: Graph, op: Op, folded: Pads) -> Step:
    """DEPTHWISE_CONV_2D: four channels at a time, or the general kernel for multipliers above 1 and huge windows."""
    require_one_sample(graph, op)
    source, extra, notes = _source(graph, op, folded)
    x, w, out = graph.tensors[source], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    _, kh, kw, c_out = w.shape
    multiplier = c_out // x.shape[3]
    kernel = "tce_depthwise" if multiplier == 1 and kh * kw <= DEPTHWISE_TAPS else "tce_depthwise_multi"
    struct = {"window": constants.window_fields(op, x, out, (kh, kw), extra), **_POINTERS, "multiplier": multiplier,
              "in_zero_point": constants.quant_of(op, x)[1], "output": constants.output_fields(op, out)}  # fmt: skip
    return Step(
        op, "depthwise", (f"{kernel}_s8",), (("in", source),), out.name,
        row_loop(out.shape, f"{kernel}_row_s8(in, {{row}}, y, &layer);"), "tce_depthwise", struct,
        _product_arrays(constants.fold_product(graph, op), f"[{kh}][{kw}][{c_out}]"),
        macs=op_macs(graph, op), notes=notes,
    )  # fmt: skip


def dense(graph: Graph, op: Op, folded: Pads) -> Step:
    """FULLY_CONNECTED."""
    w, out = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    c_out, c_in = w.shape
    struct = {**_POINTERS, "c_in": c_in, "c_out": c_out, "output": constants.output_fields(op, out)}
    return Step(
        op, "dense", ("tce_dense_s8",), (("in", op.inputs[0]),), out.name,
        (f"tce_dense_s8(in, out, {out.size // c_out}, &layer);",), "tce_dense", struct,
        _product_arrays(constants.fold_product(graph, op), f"[{c_out}][{c_in}]"), macs=op_macs(graph, op),
    )  # fmt: skip
