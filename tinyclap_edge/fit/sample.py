"""An int8 encoder of a configuration: with weights that count for nothing, to be planned, or drawn at random, to be run.

Both come from the student's own graph builder and the exporter's quantisation, so that planning sees the steps of an
export. Random weights keep the spread of activations from layer to layer, so that clamps are met as often as by trained ones.
"""

from __future__ import annotations

import numpy as np
from tinyclap_export.graph import Graph
from tinyclap_export.quantize import quantize

from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.to_graph import student_graph

LINEAR_RANGE = (-6.0, 6.0)  # of activations that nothing clamps
INPUT_RANGE = (-2.0, 3.0)  # of normalised log-mels


def sample_student(configuration: Configuration, seed: int | None) -> StudentFile:
    """A student file in memory whose embedding has r entries. seed None: every weight is zero."""
    rng = None if seed is None else np.random.default_rng(seed)
    net, r = configuration.net, configuration.r
    tensors = {name: _tensor(name, shape, rng) for name, shape in tensor_shapes(net, r).items()}
    empty = np.zeros((r, 0), np.float32)
    return StudentFile(
        "made", net.arch(), r, configuration.frontend, tensors, empty, np.arange(r, dtype=np.int32), empty,
        np.zeros(r, np.float32), default_r=r,
    )  # fmt: skip


def sample_graph(configuration: Configuration, seed: int | None = None) -> Graph:
    """The int8 graph, not optimised: dead channels are a matter of trained weights."""
    graph = student_graph(sample_student(configuration, seed))
    ranges = {tensor.name: _range(graph, tensor.name) for tensor in graph.activations()}
    return quantize(graph, ranges)


def _tensor(name: str, shape: tuple[int, ...], rng: np.random.Generator | None) -> np.ndarray:
    if name.endswith("running_var"):
        return np.ones(shape, np.float32)
    if rng is None:
        return np.zeros(shape, np.float32)
    if len(shape) >= 2:
        value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    elif name.endswith("weight"):
        value = rng.uniform(0.7, 1.3, shape)
    else:
        value = rng.normal(0, 0.2, shape)
    return value.astype(np.float32)


def _range(graph: Graph, name: str) -> tuple[float, float]:
    """Bounds of an activation, by what makes it."""
    if name in graph.inputs:
        return INPUT_RANGE
    made = graph.producer(name)
    assert made is not None
    if made.attrs.get("activation") == "RELU6":
        return 0.0, 6.0
    return (-0.375, 6.0) if made.kind == "HARD_SWISH" else LINEAR_RANGE
