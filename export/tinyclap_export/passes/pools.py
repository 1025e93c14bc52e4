"""Pools that move before the operators in front of them, where the integers stay.

A rounded average does not commute with a product, so only two kinds of pool move:

- MAX_POOL_2D before an operator that computes each code from the code at the same place and channel and never falls as
  that code rises: max(f(x)) = f(max(x)). Element-wise tables, ADD, SUB and MUL with a constant that is the same
  everywhere on the map, and 1x1 depthwise convolutions without a negative weight qualify when they are monotone.
- A pool of one element (it picks every n-th row and column) before any operator that computes each position from the same
  position: those and 1x1 convolutions. A convolution takes the strides over altogether.

The operator then runs on the smaller map. Padding never takes part: a maximum skips it, and a 1x1 window has none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.kernels_integer import op_table, quant_of
from tinyclap_export.passes.intervals import channel_bounds, pads_itself
from tinyclap_export.passes.rewrite import fresh_name, fused_activation, only_reader, same_quant, trim
from tinyclap_export.requant import activation_range

POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")


def move_pools(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Move pools before what they commute with; merge pools of one element into strides."""
    graph, changes = graph.copy(), []
    for op in list(graph.ops):
        pool = only_reader(graph, op.outputs[0])
        if pool is None or pool.kind not in POOLS or op not in graph.ops:
            continue
        if (merged := _strided(graph, op, pool)) is not None:
            graph.ops = [merged if other is op else other for other in graph.ops if other is not pool]
            changes.append(f"{pool.kind} {pool.name}: merged into the strides of {op.kind} {op.name}")
        elif _commutes(graph, op, pool):
            _swap(graph, op, pool)
            changes.append(f"{pool.kind} {pool.name}: moved before {op.kind} {op.name}")
    trim(graph)
    return graph, tuple(changes)


def _picks(pool: Op) -> bool:
    """Whether a pool only picks positions."""
    return tuple(pool.attrs["filter"]) == (1, 1)


def _strided(graph: Graph, op: Op, pool: Op) -> Op | None:
    """A convolution that computes only the positions a pool of one element picks; None where that is not the same."""
    if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or not _picks(pool):
        return None
    kernel = graph.tensors[op.inputs[1]].shape[1:3]
    if pads_itself(graph, op) or (op.attrs["padding"] == "SAME" and tuple(kernel) != (1, 1)):
        return None  # with wider strides SAME would pad otherwise
    out = graph.tensors[op.outputs[0]]
    assert out.quant is not None
    clip = activation_range(pool.attrs["activation"], out.quant.s, out.quant.z)
    activation = fused_activation(op, out, *clip)
    if activation is None:
        return None
    stride = tuple(a * b for a, b in zip(op.attrs["stride"], pool.attrs["stride"], strict=True))
    return replace(op, outputs=pool.outputs, attrs={**op.attrs, "stride": stride, "activation": activation})


def _commutes(graph: Graph, op: Op, pool: Op) -> bool:
    """Whether op(pool(x)) gives the bytes of pool(op(x)) for less work."""
    if len([name for name in op.inputs if not graph.tensors[name].is_const]) != 1:
        return False
    x, mid, out = _activation(graph, op), graph.tensors[op.outputs[0]], graph.tensors[pool.outputs[0]]
    if len(x.shape) != 4 or x.shape[:3] != mid.shape[:3] or out.size >= mid.size or not same_quant(mid, out):
        return False
    low, high = activation_range(pool.attrs["activation"], quant_of(graph, mid.name).s, quant_of(graph, mid.name).z)
    codes = channel_bounds(graph)[mid.name]
    if low > codes.low.min() or high < codes.high.max():
        return False
    return _by_position(graph, op) if _picks(pool) else pool.kind == "MAX_POOL_2D" and _is_monotone(graph, op)


def _activation(graph: Graph, op: Op) -> Tensor:
    """The input of an operator that is computed at run time."""
    return next(graph.tensors[name] for name in op.inputs if not graph.tensors[name].is_const)


def _constants_span_the_map(graph: Graph, op: Op) -> bool:
    """Whether each constant operand of a rank-4 operator is the same at every position."""
    shapes = [graph.tensors[name].shape for name in op.inputs if graph.tensors[name].is_const]
    return all(d == 1 for shape in shapes for d in shape[:-1])


def _by_position(graph: Graph, op: Op) -> bool:
    """Whether every position of the output depends on the same position of the input alone."""
    if op.kind in ("ADD", "SUB", "MUL"):
        return _constants_span_the_map(graph, op)
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        pointwise = tuple(graph.tensors[op.inputs[1]].shape[1:3]) == (1, 1)
        return pointwise and tuple(op.attrs["stride"]) == (1, 1)
    return op.kind == "SOFTMAX" or op_table(graph, op) is not None


def _is_monotone(graph: Graph, op: Op) -> bool:
    """Whether every code of the output is a function of the input's code there that never falls."""
    table = op_table(graph, op)
    if table is not None:
        return bool(np.all(np.diff(table.astype(np.int64)) >= 0))
    if not _by_position(graph, op):
        return False
    if op.kind == "DEPTHWISE_CONV_2D":
        return op.attrs["depth_multiplier"] == 1 and bool(np.all(graph.constant(op.inputs[1]) >= 0))
    if op.kind == "MUL":
        name = next(name for name in op.inputs if graph.tensors[name].is_const)
        return bool(np.all(graph.constant(name) >= quant_of(graph, name).z))
    return op.kind == "ADD" or (op.kind == "SUB" and not graph.tensors[op.inputs[0]].is_const)


def _swap(graph: Graph, op: Op, pool: Op) -> None:
    """Pool first: a new tensor of op's input codes, then op on it, writing what the pool wrote."""
    x = _activation(graph, op)
    name = fresh_name(graph, f"{pool.outputs[0]}/before")
    out = graph.tensors[pool.outputs[0]]
    graph.tensors[name] = replace(x, name=name, shape=(*out.shape[:3], x.shape[3]))
    first = replace(pool, inputs=(x.name,), outputs=(name,), attrs={**pool.attrs, "activation": "NONE"})
    then = replace(op, inputs=tuple(name if n == x.name else n for n in op.inputs), outputs=pool.outputs)
    swapped = []
    for other in graph.ops:
        swapped += [first] if other is op else [then] if other is pool else [other]
    graph.ops = swapped
