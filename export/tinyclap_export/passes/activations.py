"""RELU, RELU6 and their like as operators of their own: fused into what comes before, where the integers stay.

At one scale and zero point such an operator is a clip of codes. The operator before it ends in a clip as well; the two
are one clip, and where TFLite has an activation of exactly these bounds the operator before takes it over.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_export.graph import Graph, Op
from tinyclap_export.kernels_integer import op_table
from tinyclap_export.passes.rewrite import fused_activation, only_reader, replace_op, same_quant, trim

FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D")


def fuse_activations(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Give clips to the operators before them."""
    graph, changes = graph.copy(), []
    for before in list(graph.ops):
        if before.kind not in FUSING:
            continue
        while (clip := only_reader(graph, before.outputs[0])) is not None:
            fused = _fused(graph, before, clip)
            if fused is None:
                break
            graph.ops = [op for op in graph.ops if op is not clip]
            replace_op(graph, before, fused)
            before = fused
            changes.append(f"{clip.kind} {clip.name}: fused into {fused.kind} as {fused.attrs['activation']}")
    trim(graph)
    return graph, tuple(changes)


def clip_of(table: np.ndarray) -> tuple[int, int] | None:
    """(low, high) when a (256,) table of codes is a clip between them; None when it is anything else."""
    low, high = int(table[0]), int(table[-1])
    return (low, high) if np.array_equal(table, np.clip(np.arange(-128, 128), low, high)) else None


def _fused(graph: Graph, before: Op, clip: Op) -> Op | None:
    """`before` with the clip's output and both clips in its activation; None where that is not the same."""
    a, b = graph.tensors[before.outputs[0]], graph.tensors[clip.outputs[0]]
    table = op_table(graph, clip)
    bounds = clip_of(table) if table is not None and same_quant(a, b) else None
    activation = fused_activation(before, a, *bounds) if bounds is not None else None
    if activation is None:
        return None
    return replace(before, outputs=clip.outputs, attrs={**before.attrs, "activation": activation})
