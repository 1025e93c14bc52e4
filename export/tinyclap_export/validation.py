"""What every consumer of a Graph may rely on: order, shapes, dtypes and quantisation."""

from __future__ import annotations

import math
import re

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import ACTIVATIONS, DTYPES, Graph, Op, Tensor
from tinyclap_export.shapes import infer_shapes

_ARITY = {"CONV_2D": (2, 3), "DEPTHWISE_CONV_2D": (2, 3), "FULLY_CONNECTED": (2, 3), "ADD": (2, 2), "SUB": (2, 2),
          "MUL": (2, 2), "CONCATENATION": (1, 1 << 16)}  # fmt: skip

CONVERT_AGAIN = "convert the model again: full int8, fixed shapes, builtin operators only"
_OPERATOR = re.compile(
    r"operator (?:(?P<index>\d+) \w+ \((?P<a>[^()]*)\)|(?P<b>\S+?)(?: \([A-Z0-9_]+\))?): (?P<why>.*)", re.S
)


def located(error: ExportError, graph: Graph) -> ExportError:
    """The same refusal in the words of a user: the operator's index, kind, name and shapes, and always a way out.

    graph: the one the error is about. An error that names no operator of it keeps its words.
    """
    fact, match = error.fact, _OPERATOR.fullmatch(error.fact)
    if match:
        name = match["a"] or match["b"]
        index = int(match["index"] or next((i for i, op in enumerate(graph.ops) if op.name == name), -1))
        if 0 <= index < len(graph.ops):
            op = graph.ops[index]
            shapes = ", ".join(str(list(graph.tensors[n].shape)) for n in op.inputs if n in graph.tensors)
            out = [list(graph.tensors[n].shape) for n in op.outputs if n in graph.tensors]
            fact = f"operator {index} {op.kind} {op.name} ({shapes} -> {str(out)[1:-1]}): {match['why']}"
    return ExportError(fact, error.hint or CONVERT_AGAIN, error.exit_code)


def validate_graph(graph: Graph) -> None:
    """Raise ExportError (exit code 5) at the first broken rule, naming operator or tensor."""
    for name, tensor in graph.tensors.items():
        _check_tensor(name, tensor)
    known = {name for name, tensor in graph.tensors.items() if tensor.is_const}
    for name in graph.inputs:
        if name not in graph.tensors or name in known:
            raise ExportError(f"graph input {name} does not exist, is a constant or comes twice", exit_code=5)
        known.add(name)
    for index, op in enumerate(graph.ops):
        _check_op(graph, index, op, known)
        known.update(op.outputs)
    for name in graph.outputs:
        if name not in known or graph.tensors[name].is_const:
            raise ExportError(f"graph output {name} is a constant or never written", exit_code=5)
    if not graph.inputs or not graph.outputs:
        raise ExportError("a graph needs at least one input and one output", exit_code=5)


def _check_tensor(name: str, tensor: Tensor) -> None:
    if name != tensor.name:
        raise ExportError(f"tensor {tensor.name} is filed under {name}", exit_code=5)
    if tensor.dtype not in DTYPES:
        raise ExportError(f"tensor {name}: dtype {tensor.dtype} is not one of {', '.join(DTYPES)}", exit_code=5)
    if any(int(d) < 1 for d in tensor.shape):
        raise ExportError(f"tensor {name}: shape {list(tensor.shape)} has a dimension below 1", exit_code=5)
    if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype.name != tensor.dtype):
        raise ExportError(f"tensor {name}: data {tensor.data.dtype.name}{list(tensor.data.shape)} "
                          f"is not {tensor.dtype}{list(tensor.shape)}", exit_code=5)  # fmt: skip
    if tensor.quant is not None:
        _check_quant(tensor)


def _check_quant(tensor: Tensor) -> None:
    quant = tensor.quant
    assert quant is not None
    expected = 1 if quant.axis is None else tensor.shape[quant.axis] if quant.axis < len(tensor.shape) else -1
    if quant.scale.shape != (expected,) or quant.zero_point.shape != (expected,):
        raise ExportError(f"tensor {tensor.name}: {quant.scale.size} scales for axis {quant.axis} "
                          f"of {list(tensor.shape)}", exit_code=5)  # fmt: skip
    if not np.all(np.isfinite(quant.scale)) or not np.all(quant.scale > 0):
        raise ExportError(f"tensor {tensor.name}: a scale is not positive and finite", exit_code=5)
    if tensor.dtype == "int8" and not np.all((quant.zero_point >= -128) & (quant.zero_point <= 127)):
        raise ExportError(f"tensor {tensor.name}: a zero point is outside int8", exit_code=5)


def _check_op(graph: Graph, index: int, op: Op, known: set[str]) -> None:
    where = f"operator {index} {op.kind} ({op.name})"
    low, high = _ARITY.get(op.kind, (1, 1))
    if not low <= len(op.inputs) <= high or len(op.outputs) != 1:
        raise ExportError(f"{where}: {len(op.inputs)} inputs and {len(op.outputs)} outputs", exit_code=5)
    for name in op.inputs:
        if name not in graph.tensors:
            raise ExportError(f"{where}: input {name} does not exist", exit_code=5)
        if name not in known:
            raise ExportError(f"{where}: input {name} is read before it is written", exit_code=5)
    for name in op.outputs:
        if name not in graph.tensors or name in known:
            raise ExportError(f"{where}: output {name} does not exist or is written twice", exit_code=5)
    if op.attrs.get("activation", "NONE") not in ACTIVATIONS:
        raise ExportError(f"{where}: activation {op.attrs['activation']} is not supported", exit_code=5)
    inputs = [graph.tensors[name] for name in op.inputs]
    try:
        (shape,) = infer_shapes(op, inputs)
    except ExportError as error:  # it knows the operator by name alone
        said = error.fact.removeprefix(f"operator {op.name} ({op.kind}): ")
        raise ExportError(f"{where}: {said}", error.hint, error.exit_code) from error
    out = graph.tensors[op.outputs[0]]
    if shape != out.shape:
        raise ExportError(
            f"{where}: output {out.name} is {list(out.shape)}, its inputs give {list(shape)}", exit_code=5
        )
    if op.bias is not None and math.prod(graph.tensors[op.bias].shape) == 0:
        raise ExportError(f"{where}: empty bias", exit_code=5)
