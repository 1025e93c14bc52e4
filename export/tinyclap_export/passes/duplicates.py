"""What nobody reads, and what is there twice."""

from __future__ import annotations

from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.passes.rewrite import redirect, trim


def remove_dead(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Remove operators that no graph output depends on."""
    graph, changes = graph.copy(), []
    needed = set(graph.outputs)
    for op in reversed(list(graph.ops)):
        if op.outputs[0] in needed:
            needed.update(op.inputs)
        else:
            graph.ops = [other for other in graph.ops if other is not op]
            changes.append(f"{op.kind} {op.name}: removed, nobody reads it")
    trim(graph)
    return graph, tuple(reversed(changes))


def merge_duplicates(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Equal constants are one, and operators of one kind with equal inputs, attributes and output scale are one."""
    graph, changes = graph.copy(), []
    first_constant: dict[tuple, str] = {}
    for tensor in list(graph.tensors.values()):
        if tensor.data is not None:
            first = first_constant.setdefault(_constant_key(tensor), tensor.name)
            if first != tensor.name:
                redirect(graph, tensor.name, first)
                changes.append(f"constant {tensor.name}: the same as {first}")
    first_op: dict[tuple, str] = {}
    for index in range(len(graph.ops)):
        op = graph.ops[index]
        out = op.outputs[0]
        first = first_op.setdefault(_op_key(graph, op), out)
        if first != out and graph.consumers(out):
            redirect(graph, out, first)
            changes.append(f"{op.kind} {op.name}: the same as {first}")
    trim(graph)
    return graph, tuple(changes)


def _quant_key(tensor: Tensor) -> tuple:
    quant = tensor.quant
    return () if quant is None else (quant.scale.tobytes(), quant.zero_point.tobytes(), quant.axis)


def _constant_key(tensor: Tensor) -> tuple:
    assert tensor.data is not None
    return tensor.dtype, tensor.shape, tensor.data.tobytes(), _quant_key(tensor)


def _op_key(graph: Graph, op: Op) -> tuple:
    attrs = tuple((key, str(value)) for key, value in sorted(op.attrs.items()))
    return op.kind, op.inputs, attrs, _quant_key(graph.tensors[op.outputs[0]])
