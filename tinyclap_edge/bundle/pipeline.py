"""The integer path from PCM to scores, in NumPy: the `python` target and the oracle of every other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tinyclap_export.graph import Graph, Quant

from tinyclap_edge.bundle.encoder import embed_int8, end_quant
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.quantize import quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import score


@dataclass(frozen=True)
class IntegerPipeline:
    """Front end, encoder and label scoring with the firmware's integers."""

    spec: FrontendSpec
    encoder: Graph
    labels: LabelPack

    @property
    def input_quant(self) -> Quant:
        """Scale and zero point of the encoder's input."""
        return end_quant(self.encoder, self.encoder.inputs[0])

    @property
    def output_quant(self) -> Quant:
        """Scale and zero point of the embedding."""
        return end_quant(self.encoder, self.encoder.outputs[0])

    def inputs(self, features_q8: np.ndarray) -> np.ndarray:
        """(n, frames, mels) int16 log-mel -> int8 network input of the same shape."""
        return quantize_features(features_q8, float(self.input_quant.s), self.input_quant.z, self.spec)

    def run(self, windows: np.ndarray) -> Stages:
        """(n, window_total_samples) int16 PCM -> every stage."""
        features = np.stack([logmel_q8(w, self.spec) for w in windows])
        inputs = self.inputs(features)
        embeddings = embed_int8(self.encoder, inputs)
        scores = score(self.labels, embeddings, self.output_quant.z)
        return Stages(embeddings, scores, features, inputs)
