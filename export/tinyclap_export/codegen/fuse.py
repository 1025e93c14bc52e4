"""Activations that a weighted layer applies itself: a table at its store costs one load an element and no pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_export.codegen.step import Array, Ref, Step
from tinyclap_export.graph import WEIGHTED, Graph

ACTIVATION = "activation"  # key of the fused table among a layer's constants


def fuse_tables(graph: Graph, steps: list[Step]) -> list[Step]:
    """Hard-swish, sigmoid, ReLUs ... of a weighted layer that nothing else reads go into that layer's tce_output."""
    found: list[Step] = []
    for step in steps:
        host = _host(graph, found, step)
        if host is None:
            found.append(step)
        else:
            found[host] = _fused(found[host], step)
    return found


def _table(step: Step) -> Array | None:
    return next((a for a in step.arrays if a.key == "table"), None)


def _host(graph: Graph, steps: list[Step], step: Step) -> int | None:
    """Index of the weighted step whose output only this table reads."""
    if _table(step) is None:
        return None
    source = step.operands[0][1]
    if source in graph.outputs or len(graph.consumers(source)) != 1:
        return None
    hosts = [i for i, s in enumerate(steps) if s.output == source and s.op.kind in WEIGHTED]
    return hosts[0] if hosts else None


def _fused(host: Step, step: Step) -> Step:
    table = _table(step)
    assert table is not None
    earlier = next((a for a in host.arrays if a.key == ACTIVATION), None)
    values = table.values if earlier is None else table.values[earlier.values.astype(np.int64) + 128]
    comment = "fused activation: output code of code -128 .. 127"
    arrays = (*(a for a in host.arrays if a.key != ACTIVATION), Array(ACTIVATION, "int8_t", values, comment))
    note = f"then {step.op.kind} ({step.op.name}), by table"
    return replace(host, output=step.output, arrays=arrays, struct=_with_table(host.struct), notes=(*host.notes, note))


def _with_table(struct: dict[str, Any]) -> dict[str, Any]:
    if "product" in struct:
        return {**struct, "product": _with_table(struct["product"])}
    return {**struct, "output": {**struct["output"], "table": Ref(ACTIVATION)}}
