"""Channels that are always one value, or that nothing uses: removed through the graph, exactly.

A constant channel's part of the next convolution or dense layer, weight times (value - zero point), goes into its bias.
Under padding a tap outside the map is the zero point and not the value, so the channel can go only when both are equal
or no tap leaves the map. A channel whose weights are all zero wherever it is read goes without a trace. Between the
layer that makes a channel and those that use it stand operators that tie channels (depthwise, activations, ADD, MUL,
pools, MEAN ...); they lose it together or not at all.

The largest set that may go is found by starting from everything and taking back what a rule forbids, until no rule
does. A tensor keeps one channel at least; graph inputs and outputs keep all.
"""

from __future__ import annotations

import numpy as np

from tinyclap_export import requant
from tinyclap_export.graph import Graph, Op
from tinyclap_export.passes.channel_cut import cut
from tinyclap_export.passes.channel_links import FIXED, FREE, TIED, Links, links
from tinyclap_export.passes.intervals import Bounds, channel_bounds, channels_of, pads_itself
from tinyclap_export.passes.rewrite import trim

Removed = dict[str, np.ndarray]
"""(channels,) bool of each activation: the channels that go."""


def remove_channels(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Remove every constant and every unused channel that can go without changing a byte."""
    bounds = channel_bounds(graph)
    removed = removable(graph, bounds)
    if not any(mask.any() for mask in removed.values()):
        return graph.copy(), ()
    changes = tuple(
        f"{op.kind} {op.name}: {int(removed[op.outputs[0]].sum())} of {removed[op.outputs[0]].size} channels removed"
        for op in graph.ops
        if (links(graph, op)[0] == FREE or op.kind == "CONCATENATION") and removed[op.outputs[0]].any()
    )
    result = cut(graph, removed, bounds)
    trim(result)
    return result, changes


def removable(graph: Graph, bounds: dict[str, Bounds]) -> Removed:
    """The largest set of channels that may go together."""
    removed = {t.name: np.ones(channels_of(t), bool) for t in graph.activations()}
    ties = [links(graph, op) for op in graph.ops]
    for name in (*graph.inputs, *graph.outputs):
        removed[name][:] = False
    for op, (tie, _) in zip(graph.ops, ties, strict=True):
        if tie == FIXED:
            for name in (*op.inputs, *op.outputs):
                if name in removed:
                    removed[name][:] = False
    while True:
        before = sum(int(mask.sum()) for mask in removed.values())
        for op, (tie, channels) in reversed(list(zip(graph.ops, ties, strict=True))):
            if tie == TIED:
                _keep_tied(op, channels, removed)
            elif tie == FREE and op.inputs[0] in removed:
                removed[op.inputs[0]] &= ~_needed(graph, op, removed[op.outputs[0]], bounds[op.inputs[0]])
        if sum(int(mask.sum()) for mask in removed.values()) == before:
            empty = [mask for mask in removed.values() if mask.all()]
            if not empty:
                return removed
            for mask in empty:
                mask[0] = False


def _keep_tied(op: Op, channels: Links, removed: Removed) -> None:
    """Take back channels whose other end stays."""
    out = removed[op.outputs[0]]
    for name, channel in zip(op.inputs, channels, strict=True):
        if channel is None or name not in removed:
            continue
        here = channel >= 0
        out[here] &= removed[name][channel[here]]
    for name, channel in zip(op.inputs, channels, strict=True):
        if channel is not None and name in removed:
            removed[name][channel[(channel >= 0) & ~out]] = False


def _needed(graph: Graph, op: Op, without: np.ndarray, codes: Bounds) -> np.ndarray:
    """(input channels,) bool: those that a CONV_2D or FULLY_CONNECTED cannot do without.

    without: the filters that go. A channel is dispensable when the filters that stay have no weight on it, or when it
    has one value that every tap sees.
    """
    weights, x = graph.tensors[op.inputs[1]], graph.tensors[op.inputs[0]]
    channels = channels_of(x)
    assert weights.data is not None and weights.quant is not None and x.quant is not None
    if weights.shape[-1] % channels:  # a dense layer that reads across channels
        return np.ones(channels, bool)
    if without.all():
        return np.zeros(channels, bool)
    wide = np.abs(weights.data[~without].astype(np.int64) - int(weights.quant.zero_point[0]))
    by_channel = wide.reshape(len(wide), -1, channels).sum(axis=1)  # (filters, channels)
    foldable = codes.constant & np.array(op.kind == "FULLY_CONNECTED" or not pads_itself(graph, op))
    offsets = np.abs(codes.low - x.quant.z)
    bias = 0 if op.bias is None else int(np.abs(graph.constant(op.bias).astype(np.int64)).max())
    if bias + int((by_channel[:, foldable] @ offsets[foldable]).max(initial=0)) > requant.INT32_MAX:
        foldable[:] = False
    foldable |= codes.constant & (offsets == 0)
    return by_channel.any(axis=0) & ~foldable
