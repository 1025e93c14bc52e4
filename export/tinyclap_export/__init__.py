"""Student to int8 graph to .tflite, .onnx and C. Imports no training code and no torch."""

from __future__ import annotations

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op, Quant, Tensor

__all__ = ["ExportError", "Graph", "Op", "Quant", "Tensor"]
