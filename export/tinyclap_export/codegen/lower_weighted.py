"""Convolutions and dense layers as Steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.layout import packed, scratch_bytes
from tinyclap_export.codegen.step import Array, Lowering, Ref, RowForm, Step, Window, require_one_sample
from tinyclap_export.graph import Graph, Op, op_macs

DEPTHWISE_TAPS = 64  # TCE_DEPTHWISE_TAPS of tce_engine.h


def _source(graph: Graph, op: Op, context: Lowering) -> tuple[str, tuple[tuple[int, int], ...], tuple[str, ...]]:
    """(tensor to read, extra padding, note) of a convolution, seen through a folded PAD."""
    name = op.inputs[0]
    pad = context.folded.get(name)
    if pad is None:
        return name, ((0, 0), (0, 0)), ()
    (top, bottom), (left, right) = pad.attrs["pads"][1:3]
    note = f"pads {top} + {bottom} rows, {left} + {right} columns itself (operator {pad.name})"
    return pad.inputs[0], ((top, bottom), (left, right)), (note,)


def _product_arrays(product: constants.Product, weights: np.ndarray, shape: str, plain: bool) -> tuple[Array, ...]:
    return (
        Array("weights", "int8_t", weights, shape if plain else f"{shape} in the kernel's layout"),
        Array("bias", "int32_t", product.bias, "[c_out], input offset folded in"),
        Array("multiplier", "int32_t", product.multiplier, "[c_out]"),
        Array("shift", "int8_t", product.shift.astype(np.int8), "[c_out]"),
    )


_POINTERS = {
    "weights": Ref("weights"),
    "bias": Ref("bias"),
    "scale": {"multiplier": Ref("multiplier"), "shift": Ref("shift")},
}


def _finish(
    step: Step, kernel: str, isa: str, product: constants.Product, plain: np.ndarray, shape: str,
    pixels: tuple[int, int] = (0, 0),
) -> Step:  # fmt: skip
    """Constants in the layout of the kernel's variant, and its scratch. `{scratch}` in the code becomes the pointer.

    pixels: of the map and of a row, where a 1x1 convolution is told how many it computes.
    """
    weights = packed(kernel, isa, plain)
    size, row_size = (scratch_bytes(kernel, isa, {**step.struct, "pixels": n} if n else step.struct) for n in pixels)
    pointer = "scratch" if size else "NULL"

    def filled(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line.replace("{scratch}", pointer) for line in lines)

    row = replace(step.row, code=filled(step.row.code), scratch_bytes=row_size) if step.row else None
    arrays = _product_arrays(product, weights, shape, weights is plain)
    return replace(step, code=filled(step.code), row=row, arrays=arrays, scratch_bytes=size)


def conv(graph: Graph, op: Op, context: Lowering) -> Step:
    """CONV_2D: the 1x1 kernel where it is one (stride 1, no padding), else gathered taps times the same product."""
    require_one_sample(graph, op)
    source, extra, notes = _source(graph, op, context)
    x, w, out = graph.tensors[source], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    c_out, kh, kw, c_in = w.shape
    if c_in != x.shape[3]:
        raise refuse(op, f"grouped convolution ({x.shape[3]} channels, filters of {c_in})",
                     "split it into one CONV_2D a group")  # fmt: skip
    product = constants.fold_product(graph, op)
    matrix: dict[str, Any] = {
        **_POINTERS, "k": kh * kw * c_in, "c_out": c_out, "output": constants.output_fields(op, out)
    }  # fmt: skip
    place = constants.window_place(op, x, out, (kh, kw), extra)
    pointwise = (kh, kw) == (1, 1) and tuple(op.attrs["stride"]) == (1, 1) and extra == ((0, 0), (0, 0))
    call = "tce_conv1x1_s8(in, out, {pixels}, {scratch}, &layer);"
    if pointwise:
        step = Step(op, "conv1x1", ("tce_conv1x1_s8",), (("in", source),), out.name,
                    (call.replace("{pixels}", str(out.size // c_out)),), "tce_conv1x1", matrix,
                    macs=op_macs(graph, op), notes=notes,
                    row=RowForm((call.replace("{pixels}", str(out.shape[2])),)))  # fmt: skip
        return _finish(step, "tce_conv1x1_s8", context.isa, product, product.weights.reshape(c_out, c_in),
                       f"[{c_out}][{c_in}]", (out.size // c_out, out.shape[2]))  # fmt: skip
    struct = {"window": place.fields, "product": matrix, "in_zero_point": constants.quant_of(op, x)[1]}
    step = Step(op, "conv", ("tce_conv_s8", "tce_conv1x1_s8"), (("in", source),), out.name, (), "tce_conv", struct,
                macs=op_macs(graph, op), notes=notes,
                row=RowForm(("tce_conv_row_s8(rows, out, {scratch}, &layer);",), window=_window(place)))  # fmt: skip
    return _finish(step, "tce_conv_s8", context.isa, product, product.weights, f"[{c_out}][{kh}][{kw}][{c_in}]")


def _window(place: constants.WindowPlace) -> Window:
    return Window(place.kernel_h, place.stride_h, place.dilation_h, place.pad_top)


def depthwise(graph: Graph, op: Op, context: Lowering) -> Step:
    """DEPTHWISE_CONV_2D: four channels at a time, or the general kernel for multipliers above 1 and huge windows."""
    require_one_sample(graph, op)
    source, extra, notes = _source(graph, op, context)
    x, w, out = graph.tensors[source], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    _, kh, kw, c_out = w.shape
    multiplier = c_out // x.shape[3]
    kernel = "tce_depthwise" if multiplier == 1 and kh * kw <= DEPTHWISE_TAPS else "tce_depthwise_multi"
    product = constants.fold_product(graph, op)
    place = constants.window_place(op, x, out, (kh, kw), extra)
    struct = {"window": place.fields, **_POINTERS, "depth_multiplier": multiplier,
              "in_zero_point": constants.quant_of(op, x)[1], "output": constants.output_fields(op, out)}  # fmt: skip
    call = f"{kernel}_row_s8(rows, out, {{scratch}}, &layer);"
    step = Step(op, "depthwise", (f"{kernel}_s8",), (("in", source),), out.name, (), "tce_depthwise", struct,
                macs=op_macs(graph, op), notes=notes, row=RowForm((call,), window=_window(place)))  # fmt: skip
    return _finish(step, f"{kernel}_s8", context.isa, product, product.weights[0], f"[{kh}][{kw}][{c_out}]")


def dense(graph: Graph, op: Op, context: Lowering) -> Step:
    """FULLY_CONNECTED."""
    x, w, out = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    c_out, c_in = w.shape
    product = constants.fold_product(graph, op)
    struct = {**_POINTERS, "c_in": c_in, "c_out": c_out, "output": constants.output_fields(op, out)}
    call = "tce_dense_s8(in, out, {rows}, {scratch}, &layer);"
    row = None
    if len(x.shape) == 4 and x.shape[0] == 1 and x.shape[:3] == out.shape[:3]:  # keep_num_dims
        row = RowForm((call.replace("{rows}", str(out.shape[2])),))
    step = Step(op, "dense", ("tce_dense_s8",), (("in", x.name),), out.name,
                (call.replace("{rows}", str(out.size // c_out)),), "tce_dense", struct, macs=op_macs(graph, op),
                row=row)  # fmt: skip
    return _finish(step, "tce_dense_s8", context.isa, product, product.weights, f"[{c_out}][{c_in}]")
