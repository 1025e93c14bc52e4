"""Which channels of an operator's inputs and output stand and fall together.

An operator ties channels when output channel j is computed from channel j of each input, so that removing one end means
removing the other. CONV_2D and FULLY_CONNECTED tie nothing: filters and their taps can be removed one by one. What is
neither (SOFTMAX, a mean over channels, a transposition of channels ...) keeps all channels on both sides.
"""

from __future__ import annotations

import numpy as np

from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import op_table
from tinyclap_export.passes.intervals import channels_of

FREE, TIED, FIXED = "free", "tied", "fixed"

Links = list[np.ndarray | None]
"""One entry an input: (output channels,) int64, the input channel behind each, -1 where it comes from elsewhere; None
for an input whose channels do not vary with the output's (weights, a broadcast operand of one channel)."""


def links(graph: Graph, op: Op) -> tuple[str, Links]:
    """How an operator ties channels, and for TIED the input channel behind each output channel."""
    shapes = [graph.tensors[name].shape for name in op.inputs]
    out = graph.tensors[op.outputs[0]]
    channels, same = channels_of(out), np.arange(channels_of(out))
    if op.kind == "CONV_2D":
        return (FREE if shapes[0][3] == shapes[1][3] else FIXED), []
    if op.kind == "FULLY_CONNECTED":
        return FREE, []
    if op.kind == "DEPTHWISE_CONV_2D":
        return TIED, [same // op.attrs["depth_multiplier"], *[None] * (len(op.inputs) - 1)]
    if op.kind in ("ADD", "SUB", "MUL"):
        return _binary(graph, op, same)
    if op.kind == "CONCATENATION":
        return _concat(shapes, op.attrs["axis"] % len(out.shape) == len(out.shape) - 1, same)
    if op.kind == "RESHAPE":
        return (TIED, [same % shapes[0][-1]]) if shapes[0] and channels % shapes[0][-1] == 0 else (FIXED, [])
    if op.kind == "MEAN":
        last = len(shapes[0]) - 1
        return (FIXED, []) if last in {axis % len(shapes[0]) for axis in op.attrs["axes"]} else (TIED, [same])
    if op.kind == "TRANSPOSE":
        return (TIED, [same]) if op.attrs["perm"][-1] == len(shapes[0]) - 1 else (FIXED, [])
    if op.kind == "PAD":
        return (FIXED, []) if any(op.attrs["pads"][-1]) else (TIED, [same])
    if op.kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D") or op_table(graph, op) is not None:
        return TIED, [same]
    return FIXED, []


def _binary(graph: Graph, op: Op, same: np.ndarray) -> tuple[str, Links]:
    """ADD, SUB, MUL: an operand of one channel serves all output channels and cannot lose it."""
    out: Links = []
    for name in op.inputs:
        one_for_all = channels_of(graph.tensors[name]) == 1 and same.size > 1
        if one_for_all and not graph.tensors[name].is_const:
            return FIXED, []
        out.append(None if one_for_all else same)
    return TIED, out


def _concat(shapes: list[tuple[int, ...]], by_channel: bool, same: np.ndarray) -> tuple[str, Links]:
    """CONCATENATION: each input holds a run of the output's channels, or all of them."""
    if not by_channel:
        return TIED, [same] * len(shapes)
    out: Links = []
    start = 0
    for shape in shapes:
        inside = (same >= start) & (same < start + shape[-1])
        out.append(np.where(inside, same - start, -1))
        start += shape[-1]
    return TIED, out
