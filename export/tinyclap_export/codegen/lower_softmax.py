"""SOFTMAX as a Step: the exponentials of all 256 differences are a table, the division is done on the device."""

from __future__ import annotations

import numpy as np

from tinyclap_export.codegen import constants
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.step import Array, Lowering, Ref, RowForm, Step, map_rows
from tinyclap_export.fixedpoint import softmax_exp_table
from tinyclap_export.graph import Graph, Op

MAX_DEPTH = 4095  # the sum has 12 integer bits


def softmax(graph: Graph, op: Op, context: Lowering) -> Step:
    """SOFTMAX over the last axis; in place."""
    x, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    scale, _ = constants.quant_of(op, x)
    depth = x.shape[-1] if x.shape else 1
    if depth > MAX_DEPTH:
        raise refuse(op, f"it sums {depth} elements, above {MAX_DEPTH}", "its 32-bit sum would overflow")
    table = softmax_exp_table(scale, op.attrs["beta"]).astype(np.int32)

    def call(rows: int) -> tuple[str, ...]:
        return (f"tce_softmax_s8(in, out, {rows}, &layer);",)

    _, row_bytes = map_rows(out.shape)
    return Step(op, "softmax", ("tce_softmax_s8",), (("in", x.name),), out.name, call(out.size // depth),
                "tce_softmax", {"exponentials": Ref("exponentials"), "depth": depth},
                (Array("exponentials", "int32_t", table, "exp(-d), d = 255 .. 0 codes below the maximum"),),
                in_place=(x.name,),
                row=RowForm(call(row_bytes // depth)) if len(out.shape) == 4 and out.shape[0] == 1 else None)  # fmt: skip
