"""The integer path from PCM to scores, in NumPy: the `python` target and the oracle of every other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.integer import run_integer

from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.quantize import quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.labels.score import score

_BATCH = 32  # windows at a time: keeps the intermediate maps in the cache


@dataclass(frozen=True)
class IntegerPipeline:
    """Front end, encoder and label scoring with the firmware's integers."""

    spec: FrontendSpec
    encoder: Graph
    labels: LabelPack

    @property
    def input_quant(self) -> Quant:
        """Scale and zero point of the encoder's input."""
        quant = self.encoder.tensors[self.encoder.inputs[0]].quant
        assert quant is not None
        return quant

    @property
    def output_quant(self) -> Quant:
        """Scale and zero point of the embedding."""
        quant = self.encoder.tensors[self.encoder.outputs[0]].quant
        assert quant is not None
        return quant

    def inputs(self, features_q8: np.ndarray) -> np.ndarray:
        """(n, frames, mels) int16 log-mel -> int8 network input of the same shape."""
        return quantize_features(features_q8, float(self.input_quant.s), self.input_quant.z, self.spec)

    def embed(self, inputs: np.ndarray) -> np.ndarray:
        """(n, frames, mels) int8 -> (n, r) int8."""
        parts = [run_integer(self.encoder, x[..., None]) for x in np.array_split(inputs, -(-len(inputs) // _BATCH))]
        return np.concatenate(parts)

    def run(self, windows: np.ndarray) -> Stages:
        """(n, window_total_samples) int16 PCM -> every stage."""
        features = np.stack([logmel_q8(w, self.spec) for w in windows])
        inputs = self.inputs(features)
        embeddings = self.embed(inputs)
        scores = score(self.labels, embeddings, self.output_quant.z)
        return Stages(embeddings, scores, features, inputs)
