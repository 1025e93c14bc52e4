"""Operators that compute the same bytes for every input are computed here, by the integer reference.

Either all inputs of the operator are constants, or the bounds of all its output channels meet (a filter of zeros, a
clamp that nothing escapes). A graph output is never a constant: the operators before it stay, or, where it depends on
constants alone, it becomes the sum of a constant and zero, which every backend can run.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.graph import Graph, Op, Tensor, op_macs
from tinyclap_export.kernels_integer import INTEGER_KERNELS
from tinyclap_export.passes.intervals import Bounds, channel_bounds, channels_of
from tinyclap_export.passes.rewrite import add_constant, replace_op, trim

BROADCASTING = ("ADD", "SUB", "MUL")
MAX_BYTES = 1 << 23  # of a constant made here: the flash of the largest board
MAX_MACS = 1 << 30  # of a layer computed here


def fold_constants(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Replace what is known beforehand by constants; store once what broadcasting would repeat."""
    graph, changes = graph.copy(), []
    bounds = channel_bounds(graph)
    kept = _computed_anyway(graph, bounds)
    for op in list(graph.ops):
        out = graph.tensors[op.outputs[0]]
        if out.size > MAX_BYTES or op_macs(graph, op) > MAX_MACS:
            continue
        if all(graph.tensors[name].is_const for name in op.inputs):
            value, why = _compute(graph, op), "its inputs are constants"
        elif bounds[out.name].constant.all() and out.name not in kept:
            value = np.broadcast_to(bounds[out.name].low.astype(np.int8), out.shape)
            why = f"each of its {channels_of(out)} channels has one value"
        else:
            continue
        if out.name not in graph.outputs:
            graph.ops = [other for other in graph.ops if other is not op]
            graph.tensors[out.name] = replace(out, data=np.ascontiguousarray(value))
        elif op.kind not in BROADCASTING:
            replace_op(graph, op, _sum_with_zero(graph, op, value))
        else:
            continue
        changes.append(f"{op.kind} {op.name}: computed, {why}")
    changes += _shrink_operands(graph)
    trim(graph)
    return graph, tuple(changes)


def _compute(graph: Graph, op: Op) -> np.ndarray:
    """The output of an operator of constants: int8, the tensor's shape."""
    args = [graph.constant(name)[None] for name in op.inputs]
    return INTEGER_KERNELS[op.kind](graph, op)(args).reshape(graph.tensors[op.outputs[0]].shape)


def _computed_anyway(graph: Graph, bounds: dict[str, Bounds]) -> set[str]:
    """Tensors of known value that stay computed: those behind a constant graph output or a CONCATENATION's input."""
    known = {name for name, tensor in graph.tensors.items() if tensor.is_const}
    for op in graph.ops:
        if bounds[op.outputs[0]].constant.all() or known.issuperset(op.inputs):
            known.add(op.outputs[0])
    kept = known.intersection(graph.outputs)
    for op in reversed(graph.ops):
        if op.outputs[0] in kept:
            kept.update(op.inputs)
        elif op.kind == "CONCATENATION":
            kept.update(known.intersection(op.inputs))
    return kept


def _sum_with_zero(graph: Graph, op: Op, value: np.ndarray) -> Op:
    """value + 0 at one scale: ADD returns the codes of its first input there."""
    out: Tensor = graph.tensors[op.outputs[0]]
    assert out.quant is not None
    zero = np.full((1,) * value.ndim, out.quant.z, np.int8)
    inputs = (
        add_constant(graph, f"{op.name}/value", np.ascontiguousarray(value), out.quant),
        add_constant(graph, f"{op.name}/zero", zero, out.quant),
    )
    return Op("ADD", inputs, op.outputs, name=op.name)


def _shrink_operands(graph: Graph) -> list[str]:
    """Keep one element of every axis along which a constant operand of ADD, SUB or MUL repeats itself."""
    changes = []
    for op in list(graph.ops):
        if op.kind not in BROADCASTING:
            continue
        for position, name in enumerate(op.inputs):
            tensor, other = graph.tensors[name], graph.tensors[op.inputs[1 - position]]
            if tensor.data is None or other.shape != graph.tensors[op.outputs[0]].shape or other.is_const:
                continue
            data = tensor.data
            for axis in range(data.ndim):
                first = data.take([0], axis=axis)
                data = first if np.array_equal(np.broadcast_to(first, data.shape), data) else data
            if data.size < tensor.size:
                small = add_constant(graph, f"{name}/once", data, tensor.quant)
                inputs = tuple(small if i == position else n for i, n in enumerate(op.inputs))
                replace_op(graph, op, replace(op, inputs=inputs))
                changes.append(f"{op.kind} {op.name}: {name} kept as {list(data.shape)} of {list(tensor.shape)}")
    return changes
