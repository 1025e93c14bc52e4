"""Foreign interpreters that judge what we write: LiteRT's reference kernels, and TFLM's wheel where installed."""

from __future__ import annotations

import importlib.util

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph
from tinyclap_export.samples import as_samples, without_batch

TFLM_ARENA_MARGIN = 1 << 20
TFLM_LACKS = ("GELU", "RELU_0_TO_1")  # operators that it does not know


def tflm_available() -> bool:
    """Whether the tflite_micro wheel is installed (a development tool, not a dependency)."""
    return importlib.util.find_spec("tflite_micro") is not None


def run_litert(tflite: bytes, graph: Graph, x_int8: np.ndarray, keep: bool = False) -> np.ndarray | dict:
    """Outputs by ai_edge_litert with BUILTIN_REF kernels, shaped as `run_integer` shapes them.

    graph: the graph of the same file (names and shapes). keep=True returns every activation by name.
    Raises ExportError with exit code 3 when LiteRT is missing, 6 when it refuses the file.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise ExportError("LiteRT is not installed", "pip install 'ai-edge-litert>=2.1,<3'", 3) from error
    try:
        interpreter = Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"LiteRT refuses the model: {str(error).splitlines()[0]}", exit_code=6) from error
    wanted = [t.name for t in graph.activations()] if keep else [graph.outputs[0]]
    index = {d["name"]: d["index"] for d in interpreter.get_tensor_details()} if keep else {}
    source = interpreter.get_input_details()[0]["index"]
    index.setdefault(graph.outputs[0], interpreter.get_output_details()[0]["index"])
    rows: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    for sample in as_samples(graph, x_int8):
        interpreter.set_tensor(source, np.ascontiguousarray(sample))
        interpreter.invoke()
        for name in wanted:
            rows[name].append(interpreter.get_tensor(index[name]))
    if keep:
        return {name: np.stack(values) for name, values in rows.items()}
    return without_batch(graph, graph.outputs[0], np.stack(rows[graph.outputs[0]]))


def run_tflm(tflite: bytes, graph: Graph, x_int8: np.ndarray) -> np.ndarray:
    """Outputs by TensorFlow Lite Micro's reference kernels, shaped as `run_integer` shapes them.

    Raises ExportError with exit code 3 when the wheel is missing, 6 when TFLM refuses the file.
    """
    if not tflm_available():
        raise ExportError(
            "the tflite_micro wheel is not installed", "it is a development tool; the check is optional", 3
        )
    from tflite_micro.python.tflite_micro import runtime

    activations = sum(t.bytes for t in graph.activations())
    channels = sum(t.quant.scale.size for t in graph.tensors.values() if t.quant is not None)
    arena = TFLM_ARENA_MARGIN + 2 * activations + 64 * channels + 1024 * len(graph.ops)
    try:
        interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=arena)
        rows = []
        for sample in as_samples(graph, x_int8):
            interpreter.set_input(np.ascontiguousarray(sample), 0)
            interpreter.invoke()
            rows.append(np.array(interpreter.get_output(0)))
    except RuntimeError as error:
        raise ExportError(f"TFLM refuses the model: {str(error).splitlines()[0]}", exit_code=6) from error
    return without_batch(
        graph, graph.outputs[0], np.stack(rows).reshape(len(rows), *graph.tensors[graph.outputs[0]].shape)
    )
