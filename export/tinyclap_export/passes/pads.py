"""PAD operators that a convolution or pool would add by itself under SAME padding.

TFLite's SAME puts the odd element behind, so only a PAD of exactly those amounts is absorbed here; any other stays an
operator (the code generator pads inside its convolutions by numbers of its own). A convolution pads by the zero point,
as PAD does. A MAX_POOL_2D ignores what it pads, so no code of the map may lie below the zero point.
"""

from __future__ import annotations

from dataclasses import replace

from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import quant_of
from tinyclap_export.passes.intervals import Bounds, channel_bounds, pads_itself
from tinyclap_export.passes.rewrite import replace_op
from tinyclap_export.shapes import conv_output, conv_padding

ABSORBING = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D")


def absorb_pads(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Let convolutions and MAX_POOL_2D read the map before the PAD, with padding SAME. Dead PADs stay for remove_dead."""
    graph, changes = graph.copy(), []
    bounds = channel_bounds(graph)
    for op in list(graph.ops):
        pad = graph.producer(op.inputs[0]) if op.kind in ABSORBING else None
        if pad is None or pad.kind != "PAD" or pads_itself(graph, op) or not _is_same_padding(graph, pad, op):
            continue
        if op.kind == "MAX_POOL_2D" and not _above_zero_point(graph, pad, bounds):
            continue
        replace_op(graph, op, replace(op, inputs=(*pad.inputs, *op.inputs[1:]), attrs={**op.attrs, "padding": "SAME"}))
        changes.append(f"PAD {pad.name}: {op.kind} {op.name} pads so by itself (SAME)")
    return graph, tuple(changes)


def _is_same_padding(graph: Graph, pad: Op, op: Op) -> bool:
    """Whether SAME padding adds to the map what `pad` adds, and gives the same output."""
    batch, *spatial, channels = pad.attrs["pads"]
    x, out = graph.tensors[pad.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
    kernel = op.attrs["filter"] if "filter" in op.attrs else graph.tensors[op.inputs[1]].shape[1:3]
    stride, dilation = op.attrs["stride"], op.attrs.get("dilation", (1, 1))
    if any(batch) or any(channels):
        return False
    return all(
        conv_padding(x[1 + i], kernel[i], stride[i], dilation[i], "SAME") == tuple(spatial[i])
        and conv_output(x[1 + i], kernel[i], stride[i], dilation[i], "SAME") == out[1 + i]
        for i in (0, 1)
    )


def _above_zero_point(graph: Graph, pad: Op, bounds: dict[str, Bounds]) -> bool:
    return bool(bounds[pad.inputs[0]].low.min() >= quant_of(graph, pad.inputs[0]).z)
