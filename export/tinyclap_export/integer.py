"""The integer reference: an int8 graph in NumPy, equal to LiteRT's BUILTIN_REF kernels in every intermediate byte."""

from __future__ import annotations

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.kernels_integer import prepare_kernels
from tinyclap_export.samples import as_samples, as_tensor, chunks, last_uses, without_batch


def run_integer(
    graph: Graph, x_int8: np.ndarray, keep: bool = False, dense_rounds_once: bool = True
) -> np.ndarray | dict[str, np.ndarray]:
    """Outputs of an int8 graph for n samples.

    x_int8: (n, T, M, 1) or (n, 1, T, M, 1) int8. Returns int8 (n, r) of the first output, without its batch axis of
    one; with keep=True a dict of every activation, each (n, *tensor shape). dense_rounds_once: FULLY_CONNECTED by
    LiteRT's rule, which is ours; False gives TFLM's. Raises ExportError (exit code 5) for an operator that has no
    integer kernel.
    """
    x = np.asarray(x_int8)
    if x.dtype != np.int8:
        raise ExportError(f"the integer reference takes int8, not {x.dtype}", "see quantize_input", exit_code=2)
    if len(graph.inputs) != 1:
        raise ExportError(f"a graph of {len(graph.inputs)} inputs", "one input is supported", exit_code=5)
    samples = as_samples(graph, x)
    kernels = prepare_kernels(graph, dense_rounds_once)
    constants = {name: t.data[None] for name, t in graph.tensors.items() if t.data is not None}
    last, wanted = last_uses(graph), set(graph.outputs)
    parts: list[dict[str, np.ndarray]] = []
    for part in chunks(graph, len(samples)):
        values = {graph.inputs[0]: samples[part]}
        for index, (op, kernel) in enumerate(zip(graph.ops, kernels, strict=True)):
            args = [np.ascontiguousarray(values[n] if n in values else constants[n]) for n in op.inputs]
            out = kernel(args)
            name = op.outputs[0]
            values[name] = as_tensor(graph, name, out, part.stop - part.start)
            if not keep:
                for n in set(op.inputs) & values.keys():
                    if last[n] == index and n not in wanted:
                        del values[n]
        parts.append(values)
    if keep:
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    name = graph.outputs[0]
    return without_batch(graph, name, np.concatenate([p[name] for p in parts]))


def quantize_input(x: np.ndarray, quant: Quant) -> np.ndarray:
    """Float to int8 codes: round half away from zero, then clamp (the front end has a rule of its own)."""
    scaled = np.asarray(x, np.float64) / float(quant.s)
    codes = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + quant.z
    return np.clip(codes, -128, 127).astype(np.int8)


def dequantize(codes: np.ndarray, quant: Quant) -> np.ndarray:
    """int8 codes to float32."""
    return (codes.astype(np.float32) - np.float32(quant.z)) * quant.s
