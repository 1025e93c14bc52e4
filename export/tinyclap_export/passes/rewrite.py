"""Edits of a graph that several passes make. Each changes the graph it is given: passes work on a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export import requant
from tinyclap_export.graph import ACTIVATIONS, Graph, Op, Quant, Tensor


def same_quant(a: Tensor, b: Tensor) -> bool:
    """Whether two per-tensor activations have the same scale and zero point, bit for bit."""
    return a.quant is not None and b.quant is not None and a.quant.s == b.quant.s and a.quant.z == b.quant.z


def only_reader(graph: Graph, tensor: str) -> Op | None:
    """The one operator that reads a tensor, where there is just one and nobody outside the graph reads it too."""
    readers = graph.consumers(tensor)
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def fresh_name(graph: Graph, wanted: str) -> str:
    """`wanted`, numbered when a tensor has that name already."""
    name, number = wanted, 1
    while name in graph.tensors:
        name, number = f"{wanted}_{number}", number + 1
    return name


def add_constant(graph: Graph, wanted: str, data: np.ndarray, quant: Quant | None) -> str:
    """Add a constant under a name like `wanted`; returns the name."""
    return graph.add_const(fresh_name(graph, wanted), data, quant)


def replace_op(graph: Graph, old: Op, *new: Op) -> None:
    """Put operators in the place of another."""
    index = next(i for i, op in enumerate(graph.ops) if op is old)
    graph.ops[index : index + 1] = new


def redirect(graph: Graph, old: str, new: str) -> None:
    """Let every reader of tensor `old` read `new`."""
    for index, op in enumerate(graph.ops):
        if old in op.inputs:
            graph.ops[index] = replace(op, inputs=tuple(new if name == old else name for name in op.inputs))


def bypass(graph: Graph, op: Op) -> bool:
    """Remove an operator whose output equals its first input. False where a graph output cannot change its writer.

    Names of graph inputs and outputs stay: when `op` writes an output, the operator before it writes that instead.
    """
    source, out = op.inputs[0], op.outputs[0]
    if out not in graph.outputs:
        redirect(graph, out, source)
        graph.ops = [other for other in graph.ops if op.outputs != other.outputs]
        return True
    writer = graph.producer(source)
    if writer is None or source in graph.outputs:
        return False
    graph.ops = [other for other in graph.ops if op.outputs != other.outputs]
    redirect(graph, source, out)
    replace_op(graph, writer, replace(writer, outputs=(out,)))
    return True


def fused_activation(op: Op, out: Tensor, low: int, high: int) -> str | None:
    """Name of the activation that equals this operator's own clamp followed by clip(low, high); None without one."""
    quant = out.quant
    assert quant is not None
    own = requant.activation_range(op.attrs["activation"], quant.s, quant.z)
    wanted = max(own[0], low), min(own[1], high)
    if own[0] > own[1] or low > high or wanted[0] > wanted[1]:
        return None
    names = (op.attrs["activation"], *ACTIVATIONS)
    return next((name for name in names if requant.activation_range(name, quant.s, quant.z) == wanted), None)


def trim(graph: Graph) -> None:
    """Drop tensors that no operator and no graph border names."""
    used = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        used.update(op.inputs, op.outputs)
    graph.tensors = {name: tensor for name, tensor in graph.tensors.items() if name in used}
