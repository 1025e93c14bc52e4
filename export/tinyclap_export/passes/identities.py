"""Operators that change nothing, and moves of bytes that cancel or combine.

An element-wise table is an identity when it returns every code that its input can hold (a RELU after a RELU6, a QUANTIZE
to the same scale); RESHAPE, TRANSPOSE, PAD, MEAN, pools and CONCATENATION are when their attributes say so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import mean_count, op_table
from tinyclap_export.passes.intervals import Bounds, channel_bounds
from tinyclap_export.passes.rewrite import bypass, only_reader, replace_op, same_quant, trim
from tinyclap_export.requant import activation_range


def remove_identities(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Remove operators that return their input."""
    graph, changes = graph.copy(), []
    bounds = channel_bounds(graph)
    for op in list(graph.ops):
        op = next(other for other in graph.ops if other.outputs == op.outputs)  # an earlier removal moved its input
        a, b = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
        if a.shape != b.shape or not same_quant(a, b) or a.is_const:
            continue
        if _returns_its_input(graph, op, bounds[op.inputs[0]]) and bypass(graph, op):
            changes.append(f"{op.kind} {op.name}: removed, it changes nothing")
    trim(graph)
    return graph, tuple(changes)


def _returns_its_input(graph: Graph, op: Op, codes: Bounds) -> bool:
    """Whether an operator of one quantisation and one shape is the identity on these codes."""
    low, high = int(codes.low.min()), int(codes.high.max())
    table = op_table(graph, op)
    if table is not None:
        return np.array_equal(table[low + 128 : high + 129], np.arange(low, high + 1))
    if op.kind == "PAD":
        return not any(map(any, op.attrs["pads"]))
    if op.kind == "TRANSPOSE":
        return _keeps_order(op.attrs["perm"], graph.tensors[op.inputs[0]].shape)
    if op.kind == "MEAN":
        return mean_count(graph, op) == 1
    if op.kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        quant = graph.tensors[op.outputs[0]].quant
        assert quant is not None
        clip = activation_range(op.attrs["activation"], quant.s, quant.z)
        return tuple(op.attrs["filter"]) == (1, 1) and clip[0] <= low and high <= clip[1]
    return op.kind == "RESHAPE" or (op.kind == "CONCATENATION" and len(op.inputs) == 1)


def _keeps_order(perm: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a transposition leaves the bytes where they are: only axes of one element move."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def combine_moves(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """RESHAPE of RESHAPE, TRANSPOSE of TRANSPOSE and PAD of PAD become one; a TRANSPOSE that moves nothing a RESHAPE."""
    graph, changes = graph.copy(), []
    for op in list(graph.ops):
        op = next(other for other in graph.ops if other.outputs == op.outputs)
        before = graph.producer(op.inputs[0])
        combined = _combined(graph, before, op) if before is not None else None
        if combined is not None:
            replace_op(graph, op, combined)
            changes.append(f"{op.kind} {op.name}: combined with {op.inputs[0]}")
        elif op.kind == "TRANSPOSE" and _keeps_order(op.attrs["perm"], graph.tensors[op.inputs[0]].shape):
            shape = graph.tensors[op.outputs[0]].shape
            replace_op(graph, op, Op("RESHAPE", op.inputs, op.outputs, {"new_shape": shape}, op.name))
            changes.append(f"TRANSPOSE {op.name}: a RESHAPE, only axes of one element move")
    return graph, tuple(changes)


def _combined(graph: Graph, before: Op, op: Op) -> Op | None:
    """One operator that reads before's input and writes op's output; `before` may stay for its other readers."""
    if before.kind != op.kind:
        return None
    if op.kind == "RESHAPE":
        return replace(op, inputs=before.inputs, attrs={"new_shape": graph.tensors[op.outputs[0]].shape})
    if op.kind == "TRANSPOSE":
        first = before.attrs["perm"]
        return replace(op, inputs=before.inputs, attrs={"perm": tuple(first[axis] for axis in op.attrs["perm"])})
    if op.kind == "PAD" and only_reader(graph, before.outputs[0]) is op:
        pairs = zip(before.attrs["pads"], op.attrs["pads"], strict=True)
        pads = tuple((a[0] + b[0], a[1] + b[1]) for a, b in pairs)
        return replace(op, inputs=before.inputs, attrs={"pads": pads})
    return None
