"""A bundle's power gate: what it does to the windows of a stream, and what it saves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.run_result import Instructions
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.gate.file import Gate
from tinyclap_edge.gate.statistics import columns, statistics


def keep_shut(bundle: Bundle, stages: Stages, windows: np.ndarray) -> Stages:
    """Windows on which the gate stays shut have an embedding of zeros, and score 0. The same stages without a gate.

    windows: (n, window_total_samples) int16, what the stages are of; a target that is far away gives no log-mel back.
    """
    gate = bundle.gate
    if gate is None:
        return stages
    features = stages.logmel_q8
    if features is None:
        features = np.stack([logmel_q8(window, gate.spec) for window in windows])
    shut = ~opens(gate, features)
    embeddings, scores = stages.embeddings.copy(), stages.scores.copy()
    embeddings[shut] = bundle.pipeline().output_quant.z
    scores[shut] = 0
    return replace(stages, embeddings=embeddings, scores=scores)


def opens(gate: Gate, features_q8: np.ndarray) -> np.ndarray:
    """(n,) bool: on which windows the encoder runs. features_q8: (n, frames, mels) int16 log-mel."""
    return gate.model.opens(np.concatenate([statistics(columns(w, gate.spec)[None]) for w in features_q8]))


def saving(bundle: Bundle, gate: Gate, counted: Instructions, with_gate: Instructions) -> dict[str, Any]:
    """What the gate saves on ambient sound, as `bench` reports it.

    counted: instructions of one window whose encoder ran, apart from the gate; with_gate: of the same window behind it.
    A hop computes `hop_frames` rows of log-mel, then gate, encoder and scores; the encoder runs on the share of ambient
    windows on which the gate opened in training, on recordings kept apart. Emulated instructions stand for time.
    """
    spent = counted.logmel * bundle.hop_frames / bundle.spec.frames + counted.labels
    cost = max(0, with_gate.application - counted.application)  # its columns of all rows: no less than a hop's
    always = spent + counted.encoder

    def saved(shut: float) -> float:
        return 1 - (spent + cost + (1 - shut) * counted.encoder) / always

    return {
        "asked_miss_rate": gate.miss_rate,
        "missed": gate.missed.to_dict(),
        "shut": gate.shut.to_dict(),
        "instructions": cost,
        "time_saved": {
            "value": round(saved(gate.shut.value), 4),
            "low": round(saved(gate.shut.low), 4),
            "high": round(saved(gate.shut.high), 4),
        },
    }
