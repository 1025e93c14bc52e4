"""Run a float graph in NumPy (im2col and BLAS): for calibration, and as the float side of every drift figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyclap_export.graph import Graph
from tinyclap_export.kernels_float import FLOAT_KERNELS
from tinyclap_export.samples import as_samples, as_tensor, chunks, last_uses, without_batch


def run_float(graph: Graph, x: np.ndarray, keep: bool = False) -> np.ndarray | dict[str, np.ndarray]:
    """Outputs of a float graph for n samples.

    x: (n, T, M, 1) or (n, 1, T, M, 1), float. Returns float32 (n, r) of the first output, without its batch axis of
    one; with keep=True a dict of every activation, each (n, *tensor shape).
    """
    parts = list(run_float_chunks(graph, x, keep))
    if keep:
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    name = graph.outputs[0]
    return without_batch(graph, name, np.concatenate([p[name] for p in parts]))


def run_float_chunks(graph: Graph, x: np.ndarray, keep: bool = True) -> Iterator[dict[str, np.ndarray]]:
    """`run_float` a few samples at a time: one dict of activations a chunk (outputs only when keep is False)."""
    samples = as_samples(graph, x)
    constants = {name: t.data[None] for name, t in graph.tensors.items() if t.data is not None}
    last = last_uses(graph)
    for part in chunks(graph, len(samples)):
        values = {graph.inputs[0]: np.ascontiguousarray(samples[part], np.float32)}
        for index, op in enumerate(graph.ops):
            args = [values[n] if n in values else constants[n] for n in op.inputs]
            out = FLOAT_KERNELS[op.kind](op, args)
            name = op.outputs[0]
            values[name] = as_tensor(graph, name, out, part.stop - part.start).astype(np.float32, copy=False)
            if not keep:
                for n in set(op.inputs) & values.keys():
                    if last[n] == index and n not in graph.outputs:
                        del values[n]
        yield values
