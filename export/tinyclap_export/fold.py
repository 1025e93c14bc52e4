"""Float graph rewrites before quantisation: activations into their producers, hard-sigmoid into its convolution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import WEIGHTED, Graph, Op

_FUSABLE = {"RELU": "RELU", "RELU6": "RELU6"}
_HOSTS = (*WEIGHTED, "ADD", "SUB", "MUL")


def _fold_candidate(graph: Graph, op: Op, hosts: tuple[str, ...]) -> Op | None:
    """The producer that may absorb `op`: of a kind in hosts, not activated yet, read by nobody else."""
    producer = graph.producer(op.inputs[0])
    if producer is None or producer.kind not in hosts or producer.attrs["activation"] != "NONE":
        return None
    if len(graph.consumers(op.inputs[0])) > 1 or op.inputs[0] in graph.outputs:
        return None
    return producer


def _absorb(graph: Graph, producer: Op, op: Op, **changes: Any) -> None:
    """Replace producer and op by one operator that writes op's output."""
    merged = replace(producer, outputs=op.outputs, **changes)
    graph.ops[graph.ops.index(producer)] = merged
    graph.ops.remove(op)
    del graph.tensors[op.inputs[0]]


def fuse_activations(graph: Graph) -> Graph:
    """RELU and RELU6 become the fused activation of the operator before them, where only they read it."""
    out = graph.copy()
    for op in list(out.ops):
        if op.kind in _FUSABLE:
            producer = _fold_candidate(out, op, _HOSTS)
            if producer is not None:
                _absorb(out, producer, op, attrs={**producer.attrs, "activation": _FUSABLE[op.kind]})
    return out


def fold_hard_sigmoid(graph: Graph) -> tuple[Graph, set[str]]:
    """HARD_SIGMOID costs no operator: hs(Wx + b) = clamp(Wx/6 + (b + 3)/6, 0, 1), and int8 saturation is the clamp.

    Returns the graph without HARD_SIGMOID and the names of the tensors that must be quantised with scale 1/255 and
    zero point -128. Raises ExportError when the operator before it cannot absorb it.
    """
    out = graph.copy()
    saturated: set[str] = set()
    for op in list(out.ops):
        if op.kind != "HARD_SIGMOID":
            continue
        producer = _fold_candidate(out, op, WEIGHTED)
        if producer is None:
            raise ExportError(f"operator {op.name}: a hard-sigmoid must follow its own convolution or dense layer",
                              "use LOGISTIC there", exit_code=5)  # fmt: skip
        weights = out.tensors[producer.inputs[1]]
        assert weights.data is not None
        channels = weights.shape[-1] if producer.kind == "DEPTHWISE_CONV_2D" else weights.shape[0]
        bias = out.constant(producer.bias).reshape(-1) if producer.bias else np.zeros(channels, np.float32)
        new_w = out.add_const(f"{op.outputs[0]}/weights_over_6", (weights.data / 6).astype(np.float32))
        new_b = out.add_const(f"{op.outputs[0]}/bias_plus_3_over_6", ((bias + 3) / 6).astype(np.float32))
        _absorb(out, producer, op, inputs=(producer.inputs[0], new_w, new_b))
        saturated.add(op.outputs[0])
    return out, saturated
