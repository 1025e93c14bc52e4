"""A student in its exported forms: float graph, int8 graph, .tflite and ONNX, all with the same scales."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from tinyclap_export.calibrate import calibrate
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.integer import run_integer
from tinyclap_export.onnx_writer import write_onnx
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.bundle.calibration import Calibration
from tinyclap_edge.distill.qat_record import trained_quantisation
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.to_graph import student_graph

_BATCH = 32  # windows at a time: keeps the intermediate maps in the cache


@dataclass(frozen=True)
class Encoder:
    """float_graph and the int8 graph made of it; the files are written when they are first asked for."""

    float_graph: Graph
    graph: Graph

    @cached_property
    def tflite(self) -> bytes:
        """The int8 .tflite."""
        return write_tflite(self.graph)

    @cached_property
    def onnx(self) -> bytes:
        """The int8 ONNX (QDQ) with the same scales."""
        return write_onnx(self.graph)

    @property
    def encoder_id(self) -> str:
        """16 hex digits of the .tflite's SHA-256."""
        return hashlib.sha256(self.tflite).hexdigest()[:16]


def make_encoder(student: StudentFile, r: int, reduction: str | None, ranges: str, calibration: Calibration) -> Encoder:
    """Fold, reduce, and quantise with ranges from the calibration windows ('minmax', 'percentile' or 'mse').

    Ranges and scales that quantisation-aware training left in the student come first, as they are.
    """
    graph = student_graph(student, r, reduction)
    found = calibrate(graph, calibration.network_input(student.frontend), ranges)
    trained, scales = trained_quantisation(student, graph, r, reduction)
    return Encoder(graph, quantize(graph, found | trained, scales))


def end_quant(graph: Graph, name: str) -> Quant:
    """Scale and zero point of an input or output of an int8 graph."""
    quant = graph.tensors[name].quant
    assert quant is not None
    return quant


def embed_int8(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    """(n, frames, mels) int8 -> (n, r) int8, by the integer reference."""
    parts = [np.asarray(run_integer(graph, x[..., None])) for x in np.array_split(inputs, -(-len(inputs) // _BATCH))]
    return np.concatenate(parts)


def dequantized(graph: Graph, embeddings: np.ndarray) -> np.ndarray:
    """int8 embeddings of an int8 graph as float32 in the reduced space."""
    quant = end_quant(graph, graph.outputs[0])
    return (embeddings.astype(np.float32) - quant.z) * quant.s
