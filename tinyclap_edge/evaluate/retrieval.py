"""Retrieval in both directions: how often something relevant is among the k nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyclap_edge.data.sounds.captions import name_prompts
from tinyclap_edge.evaluate.intervals import Share, share
from tinyclap_edge.evaluate.zeroshot import Texts, unit

RANKS = (1, 5, 10)


def recall_at(scores: np.ndarray, relevant: np.ndarray, k: int) -> Share:
    """Share of rows with something relevant among the k highest scores. Both (queries, things); ties keep their order."""
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return share(np.asarray(np.take_along_axis(relevant, nearest, axis=1).any(axis=1)))


def retrieval_r1(audio: np.ndarray, labels: np.ndarray, names: Sequence[str], texts: Texts) -> dict[str, Share]:
    """text_to_audio: the clip nearest to a prompt is of its family; audio_to_text: the prompt nearest to a clip is one
    of its family. audio: (n, dim), labels: (n,) index into names; each family brings its prompts."""
    prompts = [(i, prompt) for i, name in enumerate(names) for prompt in name_prompts(name)]
    scores = unit(audio) @ unit(np.stack([texts[prompt] for _, prompt in prompts])).T  # (clips, prompts)
    relevant = np.asarray(labels)[:, None] == np.array([i for i, _ in prompts])[None]
    return {
        "text_to_audio": recall_at(scores.T, relevant.T, 1),
        "audio_to_text": recall_at(scores, relevant, 1),
    }
