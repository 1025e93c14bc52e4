"""A stream instead of windows: rows arrive without end, and an embedding is the mean of the last N feature rows.

A graph can stream when one MEAN over rows is all that looks at a whole window: what stands before it works row by row,
what follows is a vector head. Then every row is computed once. N is the number of feature rows of the graph's window.

This is the reference that generated C is compared with, in the arithmetic of `run_integer`: the whole stream as one
long map, padded at its beginning as the graph pads its window, and never at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.integer import run_integer
from tinyclap_export.shapes import conv_padding, infer_shapes

WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
ELEMENTWISE = ("RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "HARD_SWISH", "GELU", "LOGISTIC", "TANH", "QUANTIZE",
               "SOFTMAX")  # fmt: skip
PIECE_ROWS = 2048  # input rows that the reference computes at a time: what it keeps of them is some 100 MB
HINT = "compile it with the schedule rows or layers, window by window"


@dataclass(frozen=True)
class Stream:
    """A graph cut at its MEAN. local: operators before it, in order. rates: input rows a row of each streaming tensor."""

    graph: Graph
    local: tuple[Op, ...]
    mean: Op
    head: tuple[Op, ...]
    rates: dict[str, int]

    @property
    def feature_rows(self) -> int:
        """N: rows of features that an embedding averages."""
        return self.graph.tensors[self.mean.inputs[0]].shape[1]

    @property
    def feature_rate(self) -> int:
        """Input rows a feature row: an embedding changes no more often."""
        return self.rates[self.mean.inputs[0]]


def split_stream(graph: Graph) -> Stream:
    """Cut a graph for streaming; ExportError (exit code 5) names the operator that stands in the way."""
    source = graph.tensors[graph.inputs[0]]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(source.shape) != 4 or source.shape[0] != 1:
        raise ExportError("a stream needs one input of [1, rows, columns, channels] and one output", HINT, exit_code=5)
    rates = {graph.inputs[0]: 1}
    local, head, mean = [], [], None
    for op in graph.ops:
        streaming = [name for name in op.inputs if name in rates]
        if not streaming:
            head.append(op)
        elif op.kind == "MEAN" and 1 in op.attrs["axes"]:
            if mean is not None or set(op.attrs["axes"]) - {1, 2}:
                raise _refuse(op, "only one mean, over rows or rows and columns, can follow a stream")
            mean = op
        else:
            rates[op.outputs[0]] = _rate(graph, op, rates)
            local.append(op)
    if mean is None:
        raise ExportError("no MEAN over rows ends the stream", HINT, exit_code=5)
    if graph.outputs[0] in rates:
        raise _refuse(local[-1], "the graph's output is not behind the mean")
    return Stream(graph, tuple(local), mean, tuple(head), rates)


def _refuse(op: Op, why: str) -> ExportError:
    return ExportError(f"operator {op.name} ({op.kind}) cannot stream: {why}", HINT, exit_code=5)


def _rate(graph: Graph, op: Op, rates: dict[str, int]) -> int:
    """Input rows behind each row that a local operator makes."""
    out, inputs = graph.tensors[op.outputs[0]], [graph.tensors[name] for name in op.inputs]
    found = {rates[t.name] for t in inputs if t.name in rates}
    if any(not t.is_const and t.name not in rates for t in inputs):
        raise _refuse(op, "it mixes the stream with what comes after the mean")
    if len(found) > 1:
        raise _refuse(op, "its inputs run at different rates")
    (rate,) = found
    if op.kind in WINDOWED:
        return rate * int(op.attrs["stride"][0])
    if op.kind in ("ADD", "SUB", "MUL"):
        for t in inputs:
            rows = ((1,) * (4 - len(t.shape)) + t.shape)[1]
            if rows > 1 if t.is_const else rows != out.shape[1]:
                raise _refuse(op, f"{t.name} has values for {rows} rows of a window")
        return rate
    same_rows = len(out.shape) == 4 and out.shape[:2] == inputs[0].shape[:2]
    local = {
        "PAD": len(out.shape) == 4 and op.attrs.get("pads", (None,))[0] == (0, 0),
        "CONCATENATION": same_rows and op.attrs.get("axis", 0) % 4 >= 2 and all(t.name in rates for t in inputs),
        "MEAN": same_rows and 0 not in op.attrs.get("axes", ()),
        "RESHAPE": same_rows,
        "FULLY_CONNECTED": same_rows and out.shape[:3] == inputs[0].shape[:3],
        **dict.fromkeys(ELEMENTWISE, same_rows),
    }
    if not local.get(op.kind, False):
        raise _refuse(op, "it looks at rows of the whole window")
    return rate


def run_continuous(graph: Graph, rows: np.ndarray, at: Sequence[int]) -> np.ndarray:
    """Embeddings of a stream of input rows.

    rows: int8 (t, columns, channels) or (t, columns * channels), in order of arrival. at: numbers of rows after whose
    arrival an embedding is asked for. Returns int8 (len(at), *output shape without its leading 1).
    Raises ExportError (exit code 2) where fewer than N feature rows exist by then.
    """
    stream = split_stream(graph)
    x = np.asarray(rows).reshape(1, len(rows), *graph.tensors[graph.inputs[0]].shape[2:])
    features = _features(stream, x)
    count = stream.feature_rows
    windows = []
    for arrived in at:
        made = features_made(stream, arrived)
        if made < count or arrived > len(rows):
            raise ExportError(
                f"after {arrived} rows there are {made} of {count} feature rows", "ask later", exit_code=2
            )
        windows.append(features[0, made - count : made])
    return np.asarray(run_integer(_head_graph(stream), np.stack(windows)))


def rows_made(stream: Stream, arrived: int) -> dict[str, int]:
    """Rows of each streaming tensor that exist once `arrived` input rows have come."""
    counts = {stream.graph.inputs[0]: arrived}
    for op in stream.local:
        counts[op.outputs[0]] = _rows_out(stream.graph, op, [counts[n] for n in op.inputs if n in counts])
    return counts


def features_made(stream: Stream, arrived: int) -> int:
    """Feature rows among them."""
    return rows_made(stream, arrived)[stream.mean.inputs[0]]


def first_embedding(stream: Stream) -> int:
    """Input rows after which the first embedding exists."""
    arrived = 0
    while features_made(stream, arrived) < stream.feature_rows:
        arrived += 1
    return arrived


def _rows_out(graph: Graph, op: Op, counts: list[int]) -> int:
    """Rows that an operator has made from so many input rows."""
    if op.kind in WINDOWED:
        reach, stride = _reach(graph, op)
        return max(0, (counts[0] - 1 - reach) // stride + 1)
    if op.kind == "PAD":
        return int(op.attrs["pads"][1][0]) + counts[0]
    return min(counts)


def _reach(graph: Graph, op: Op) -> tuple[int, int]:
    """(rows below y * stride that output row y still reads, stride)."""
    height, stride = graph.tensors[op.inputs[0]].shape[1], int(op.attrs["stride"][0])
    dilation = int(op.attrs.get("dilation", (1, 1))[0])
    kernel = op.attrs["filter"][0] if "filter" in op.attrs else graph.tensors[op.inputs[1]].shape[1]
    top, _ = conv_padding(height, kernel, stride, dilation, op.attrs["padding"])
    return (kernel - 1) * dilation - top, stride


def local_maps(stream: Stream, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every row of every streaming tensor once the rows x, int8 (1, rows, columns, channels), have come: (1, rows, ...)."""
    values = {stream.graph.inputs[0]: x}
    for op in stream.local:
        values[op.outputs[0]] = _local(stream.graph, op, values)
    return values


def head_maps(stream: Stream, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor from the mean on, (n, ...). windows: int8 (n, N, columns, channels), the feature rows of n embeddings."""
    kept = run_integer(_head_graph(stream), windows, keep=True)
    assert isinstance(kept, dict)
    return kept


def _features(stream: Stream, x: np.ndarray) -> np.ndarray:
    """Every feature row of a stream, (1, rows, columns, channels), a piece of it at a time.

    A piece begins where all rates do, and early enough that the padding above it reaches no feature row that is kept.
    """
    rate, step = stream.feature_rate, math.lcm(*stream.rates.values())
    padded = -(-_padding_above(stream) // rate)  # feature rows of a piece that its begin reaches, at most
    length = PIECE_ROWS + padded * rate + step + first_embedding(stream)
    found, done, begin = [], 0, 0
    while True:
        features = local_maps(stream, x[:, begin : begin + length])[stream.mean.inputs[0]]
        found.append(features[:, done - begin // rate :])
        done += found[-1].shape[1]
        if begin + length >= x.shape[1]:
            return np.concatenate(found, axis=1)
        begin = max(0, done - padded) * rate // step * step


def _padding_above(stream: Stream) -> int:
    """Input rows above a stream's first that its features may reach, at most: those of all operators together."""
    above = 0
    for op in stream.local:
        rate = next(stream.rates[name] for name in op.inputs if name in stream.rates)
        if op.kind in WINDOWED:
            kernel = op.attrs["filter"][0] if "filter" in op.attrs else stream.graph.tensors[op.inputs[1]].shape[1]
            reach, _ = _reach(stream.graph, op)
            above += rate * ((kernel - 1) * int(op.attrs.get("dilation", (1, 1))[0]) - reach)
        elif op.kind == "PAD":
            above += rate * int(op.attrs["pads"][1][0])
    return above


def _local(graph: Graph, op: Op, values: dict[str, np.ndarray]) -> np.ndarray:
    """One local operator over the rows that have come."""
    args = {name: values[name] for name in dict.fromkeys(op.inputs) if name in values}
    rows = _rows_out(graph, op, [args[n].shape[1] for n in op.inputs if n in args])
    if op.kind in WINDOWED:
        (name,) = args
        args[name] = _lengthened(graph, op, args[name])
    elif op.kind != "PAD":
        args = {name: value[:, :rows] for name, value in args.items()}
    else:
        top = op.attrs["pads"][1][0]
        op = replace(op, attrs={**op.attrs, "pads": (op.attrs["pads"][0], (top, 0), *op.attrs["pads"][2:])})
    if op.kind == "RESHAPE":
        op = replace(op, attrs={"new_shape": (1, rows, *graph.tensors[op.outputs[0]].shape[2:])})
    if rows == 0:
        return np.zeros((1, 0, *graph.tensors[op.outputs[0]].shape[2:]), np.int8)
    inputs = [replace(graph.tensors[n], shape=args[n].shape) if n in args else graph.tensors[n] for n in op.inputs]
    (shape,) = infer_shapes(op, inputs)
    out = replace(graph.tensors[op.outputs[0]], shape=shape)
    tensors: dict[str, Tensor] = {t.name: t for t in (*inputs, out)}
    names = list(args)
    if len(names) > 1:  # run_integer takes one input: the others become constants of this one call
        for name in names[1:]:
            tensors[name] = replace(tensors[name], data=args[name])
    single = Graph(graph.name, tensors, [op], [names[0]], [out.name])
    found = run_integer(single, args[names[0]][None], keep=True)[out.name]  # type: ignore[call-overload]
    return np.asarray(found)[0][:, :rows]


def _lengthened(graph: Graph, op: Op, x: np.ndarray) -> np.ndarray:
    """Rows appended that no kept output reads, so that TensorFlow's SAME pads the top as it does for the window."""
    height, stride = graph.tensors[op.inputs[0]].shape[1], int(op.attrs["stride"][0])
    reach, _ = _reach(graph, op)
    length = max(x.shape[1], reach + 1 + 2 * stride)
    length += (height - length) % stride
    return np.pad(x, ((0, 0), (0, length - x.shape[1]), (0, 0), (0, 0)))


def _head_graph(stream: Stream) -> Graph:
    """The mean and the head over one window of features."""
    ops = [stream.mean, *stream.head]
    names = {n for op in ops for n in (*op.inputs, *op.outputs)}
    tensors = {n: t for n, t in stream.graph.tensors.items() if n in names}
    return Graph(f"{stream.graph.name} head", tensors, ops, [stream.mean.inputs[0]], list(stream.graph.outputs))
