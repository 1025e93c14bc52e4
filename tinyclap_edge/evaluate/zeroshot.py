"""Zero-shot top-1: name a sound by the nearest text, with prompts that no training caption contains.

`ensemble` and `single` follow the usual protocol of CLAP papers, and what a user does: the class name in templates, here
ones that training never used. `reworded` is harder: other words for the thing altogether ("steady wet weather"), so it
examines the text side as much as the audio side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyclap_edge.data.sounds.captions import described_prompts, name_prompts, reworded_prompts
from tinyclap_edge.evaluate.intervals import Share, share

Texts = dict[str, np.ndarray]  # text -> (dim,) vector of the shared space
PROTOCOLS = ("ensemble", "single", "reworded", "described", "described-ensemble")


def prompts_of(name: str, how: str) -> tuple[str, ...]:
    """The texts that stand for a family under a protocol of PROTOCOLS."""
    if how == "reworded":
        return reworded_prompts(name)
    if how == "described-ensemble":
        return described_prompts(name)
    prompts = name_prompts(name, described=how == "described")
    return prompts if how.endswith("ensemble") else prompts[:1]


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of unit length."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def class_matrix(names: Sequence[str], texts: Texts, how: str) -> np.ndarray:
    """(names, dim) unit vectors. how: 'ensemble' (mean of the unseen templates), 'single' (the first), 'described' (the
    first with the family's acoustics), 'described-ensemble' (mean of four descriptions), 'reworded' (mean of paraphrases)."""
    return unit(np.stack([unit(np.stack([texts[p] for p in prompts_of(name, how)])).mean(0) for name in names]))


def predictions(audio: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(n,) index of the nearest class by cosine. audio: (n, dim), classes: (c, dim) unit rows."""
    return np.argmax(unit(audio) @ classes.T, axis=1)


def top1(audio: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> Share:
    """Share of clips whose nearest class is the true one."""
    return share(predictions(audio, classes) == labels)


def by_family(audio: np.ndarray, labels: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Accuracy of each family."""
    hits = predictions(audio, classes) == labels
    return {name: round(float(hits[labels == i].mean()), 4) for i, name in enumerate(names) if np.any(labels == i)}
