"""The int8 student as an examinee: run in integers, exactly as a device computes it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tinyclap_export.graph import Graph

from tinyclap_edge.bundle.encoder import dequantized, embed_int8, end_quant
from tinyclap_edge.frontend.quantize import quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec


def int8_embed(graph: Graph, spec: FrontendSpec) -> Callable[[np.ndarray], np.ndarray]:
    """embed(features) for `examine`: (n, frames, mels) int16 -> (n, r) float32, the dequantised int8 embedding."""
    source = end_quant(graph, graph.inputs[0])

    def embed(features: np.ndarray) -> np.ndarray:
        return dequantized(graph, embed_int8(graph, quantize_features(features, float(source.s), source.z, spec)))

    return embed
