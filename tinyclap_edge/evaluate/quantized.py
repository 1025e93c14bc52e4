"""The int8 student as an examinee: its generated C, compiled for this PC, exactly as a device computes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tinyclap_export.codegen.library import generate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph
from tinyclap_export.host import HostEncoder

from tinyclap_edge.bundle.encoder import dequantized, embed_int8, end_quant
from tinyclap_edge.frontend.quantize import quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec


def int8_embed(graph: Graph, spec: FrontendSpec) -> Callable[[np.ndarray], np.ndarray]:
    """embed(features) for `examine`: (n, frames, mels) int16 -> (n, r) float32, the dequantised int8 embedding.

    The C gives the integer reference's bytes in half its time; without a compiler the reference itself is run.
    """
    source = end_quant(graph, graph.inputs[0])
    run = _compiled(graph) or (lambda codes: embed_int8(graph, codes))

    def embed(features: np.ndarray) -> np.ndarray:
        codes = quantize_features(features, float(source.s), source.z, spec)
        return dequantized(graph, run(codes).reshape(len(codes), -1))

    return embed


def _compiled(graph: Graph) -> Callable[[np.ndarray], np.ndarray] | None:
    with tempfile.TemporaryDirectory(prefix="tce-exam-") as folder:
        try:
            library = generate(graph, Path(folder) / "c")
            return HostEncoder(library.directory, flags=("-O3",)).run
        except ExportError as error:
            if error.exit_code == 3:  # no compiler here
                return None
            raise
