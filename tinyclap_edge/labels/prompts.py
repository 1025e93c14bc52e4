"""Prompts: a label in several sentences, whose embeddings are averaged (the prompt ensemble of CLIP, arXiv 2103.00020).

Averaging evens out how a text tower reads one wording; on the reference teacher it is worth about a point of top-1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

TEMPLATES = ("{}", "the sound of {}", "a recording of {}", "{} can be heard", "this is {}")

EncodeTexts = Callable[[Sequence[str]], np.ndarray]  # texts -> (n, dim) float32 of unit length


def normalise_label(name: str) -> str:
    """The form in which a label is embedded and looked up: lower case, underscores as spaces, single spaces."""
    return " ".join(name.replace("_", " ").lower().split())


def prompts(name: str) -> tuple[str, ...]:
    """The sentences of one label."""
    return tuple(template.format(normalise_label(name)) for template in TEMPLATES)


def ensemble(names: Sequence[str], encode: EncodeTexts) -> np.ndarray:
    """(n, dim) float32: for each label the mean of its prompts' unit embeddings, scaled to unit length."""
    texts = [text for name in names for text in prompts(name)]
    vectors = np.asarray(encode(texts), np.float32).reshape(len(names), len(TEMPLATES), -1)
    return unit_rows(vectors.mean(1))


def unit_rows(x: np.ndarray) -> np.ndarray:
    """(n, dim) float32, each row of unit length (a row of zeros stays)."""
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-12))
