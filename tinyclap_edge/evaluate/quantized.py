"""The int8 student as an examinee: exported, quantised and run in integers, exactly as a device computes it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tinyclap_export.calibrate import calibrate
from tinyclap_export.graph import Graph
from tinyclap_export.integer import dequantize, run_integer
from tinyclap_export.quantize import quantize

from tinyclap_edge.frontend.quantize import network_input, quantize_features
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.to_graph import student_graph


def int8_graph(student: StudentFile, calibration_q8: np.ndarray, r: int, ranges: str = "minmax") -> Graph:
    """The quantised graph at r dimensions; calibration_q8: (n, frames, mels) int16 in 1/256 dB."""
    graph = student_graph(student, r)
    x = network_input(calibration_q8, student.frontend)[..., None]  # (n, frames, mels, 1)
    return quantize(graph, calibrate(graph, x, ranges))


def int8_embed(graph: Graph, student: StudentFile) -> Callable[[np.ndarray], np.ndarray]:
    """embed(features) for `examine`: (n, frames, mels) int16 -> (n, r) float32, the dequantised int8 embedding."""
    source, result = graph.tensors[graph.inputs[0]].quant, graph.tensors[graph.outputs[0]].quant
    assert source is not None and result is not None
    spec = student.frontend

    def embed(features: np.ndarray) -> np.ndarray:
        codes = quantize_features(features, float(source.s), source.z, spec)[..., None]
        return dequantize(run_integer(graph, codes), result)

    return embed
