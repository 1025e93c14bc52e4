"""From graph operators to steps: one kernel call each, with its constants, its memory needs and its C text.

`LOWER` maps an operator kind to the function that turns it into a Step; adding an operator is adding an entry.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyclap_export.codegen import constants, lower_binary, lower_simple, lower_softmax, lower_weighted
from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.fuse import fuse_tables
from tinyclap_export.codegen.step import Lowering, Pads, Step
from tinyclap_export.graph import Graph, Op


def lower(graph: Graph, isa: str = "portable") -> list[Step]:
    """Every operator of an int8 graph as a Step, in execution order; PADs are folded into the convolution
    that reads them, activations into the layer before them."""
    for name in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[name]
        if tensor.dtype != "int8":
            raise refuse(graph.ops[0], f"graph tensor {name} is {tensor.dtype}, not int8", "quantize the graph first")
    context = Lowering(_foldable_pads(graph), isa)
    steps = []
    for op in graph.ops:
        if op.outputs[0] in context.folded:
            continue
        lowering = LOWER.get(op.kind)
        if lowering is None:
            raise refuse(op, "no C kernel for this operator", f"supported: {', '.join(sorted(LOWER))}")
        for name in op.inputs:
            if (
                graph.tensors[name].is_const
                and name == op.inputs[0]
                and op.kind not in ("ADD", "SUB", "MUL", "CONCATENATION")
            ):
                raise refuse(op, f"its input {name} is a constant", "fold constants before generating code")
        steps.append(lowering(graph, op, context))
    return fuse_tables(graph, steps)


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


TABLE_KINDS = ("HARD_SWISH", "GELU", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "QUANTIZE")

LOWER: dict[str, Callable[[Graph, Op, Lowering], Step]] = {
    "CONV_2D": lower_weighted.conv,
    "DEPTHWISE_CONV_2D": lower_weighted.depthwise,
    "FULLY_CONNECTED": lower_weighted.dense,
    "ADD": lower_binary.binary,
    "SUB": lower_binary.binary,
    "MUL": lower_binary.binary,
    "MEAN": lower_simple.mean,
    "AVERAGE_POOL_2D": lower_simple.pool,
    "MAX_POOL_2D": lower_simple.pool,
    "PAD": lower_simple.pad,
    "CONCATENATION": lower_simple.concat,
    "TRANSPOSE": lower_simple.transpose,
    "RESHAPE": lower_simple.reshape,
    "SOFTMAX": lower_softmax.softmax,
    **dict.fromkeys(TABLE_KINDS, lower_simple.table),
}
