"""Taking channels out of a graph: tensors narrowed, weights sliced, constant contributions moved into biases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.graph import Graph, Op, Quant, Tensor
from tinyclap_export.passes.channel_links import FREE, TIED, links
from tinyclap_export.passes.intervals import Bounds, channels_of
from tinyclap_export.passes.rewrite import add_constant


def cut(graph: Graph, removed: dict[str, np.ndarray], bounds: dict[str, Bounds]) -> Graph:
    """The graph without the channels marked in `removed` ((channels,) bool by activation).

    bounds: of every activation; a removed channel that a weighted operator reads has one value there, or no weight.
    """
    result = graph.copy()
    result.ops = []
    for name, mask in removed.items():
        if mask.any():
            tensor = graph.tensors[name]
            result.tensors[name] = replace(tensor, shape=(*tensor.shape[:-1], int((~mask).sum())))
    for op in graph.ops:
        tie, channels = links(graph, op)
        kept = ~removed[op.outputs[0]]
        if tie == FREE:
            op = _weighted(graph, result, op, kept, removed.get(op.inputs[0]), bounds[op.inputs[0]])
        elif tie == TIED and not kept.all():
            op = _depthwise(graph, result, op, kept) if op.kind == "DEPTHWISE_CONV_2D" else op
            op = _tied_constants(graph, result, op, kept, channels)
        if op.kind == "RESHAPE":
            op = replace(op, attrs={"new_shape": result.tensors[op.outputs[0]].shape})
        result.ops.append(op)
    return result


def _weighted(graph: Graph, result: Graph, op: Op, kept: np.ndarray, gone: np.ndarray | None, codes: Bounds) -> Op:
    """CONV_2D or FULLY_CONNECTED with the filters `kept` and without the input channels `gone`."""
    if kept.all() and (gone is None or not gone.any()):
        return op
    x, weights = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    assert weights.data is not None and weights.quant is not None and x.quant is not None
    data = weights.data[kept]
    bias = np.zeros(kept.size, np.int64)
    if op.bias is not None:
        bias = graph.constant(op.bias).reshape(-1).astype(np.int64)
    bias = bias[kept]
    if gone is not None and gone.any():
        by_channel = data.reshape(len(data), -1, gone.size)  # (filters, positions, channels)
        values = (codes.low - x.quant.z)[gone]  # unused channels have no weight: their value is irrelevant
        bias = bias + (by_channel[..., gone].astype(np.int64) - int(weights.quant.zero_point[0])).sum(axis=1) @ values
        data = by_channel[..., ~gone].reshape(*data.shape[:-1], -1)
    inputs = [op.inputs[0], _add_sliced(result, f"{weights.name}/kept", data, weights.quant, kept)]
    if op.bias is not None or bias.any():
        quant = graph.tensors[op.bias].quant if op.bias is not None else _bias_quant(x.quant, weights.quant)
        inputs.append(_add_sliced(result, f"{op.name}/bias", bias.astype(np.int32), quant, kept))
    return replace(op, inputs=tuple(inputs))


def _depthwise(graph: Graph, result: Graph, op: Op, kept: np.ndarray) -> Op:
    weights = graph.tensors[op.inputs[1]]
    assert weights.data is not None
    inputs = [op.inputs[0], _add_sliced(result, f"{weights.name}/kept", weights.data[..., kept], weights.quant, kept)]
    if op.bias is not None:
        bias: Tensor = graph.tensors[op.bias]
        data = graph.constant(op.bias).reshape(-1)[kept]
        inputs.append(_add_sliced(result, f"{bias.name}/kept", data, bias.quant, kept))
    return replace(op, inputs=tuple(inputs))


def _tied_constants(graph: Graph, result: Graph, op: Op, kept: np.ndarray, channels: list[np.ndarray | None]) -> Op:
    """An operator whose constant operands lose the channels that its output loses."""
    inputs = []
    for name, channel in zip(op.inputs, channels, strict=True):
        tensor = graph.tensors.get(name)
        if tensor is None or tensor.data is None or channel is None:
            inputs.append(name)
            continue
        keep = np.zeros(channels_of(tensor), bool)
        keep[channel[(channel >= 0) & kept]] = True
        if keep.all():
            inputs.append(name)
        elif keep.any():
            inputs.append(add_constant(result, f"{name}/kept", tensor.data[..., keep], tensor.quant))
    return replace(op, inputs=tuple(inputs))


def _add_sliced(result: Graph, name: str, data: np.ndarray, quant: Quant | None, kept: np.ndarray) -> str:
    """Add weights or a bias; scales by channel are sliced with them."""
    if quant is not None and quant.scale.size == kept.size and quant.axis is not None:
        quant = Quant(quant.scale[kept], quant.zero_point[kept], quant.axis)
    return add_constant(result, name, data, quant)


def _bias_quant(x: Quant, weights: Quant) -> Quant:
    scale = x.s * weights.scale
    return Quant(scale, np.zeros(scale.size, np.int32), 0 if weights.axis is not None else None)
