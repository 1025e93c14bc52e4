"""Attribute queries: near or far, slow or fast, texture ... asked in words that no training caption contains."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.data.sounds.attributes import QUERIES, VALUES
from tinyclap_edge.evaluate.intervals import Share, balanced
from tinyclap_edge.evaluate.zeroshot import Texts, unit


def query_matrix(attribute: str, texts: Texts) -> tuple[list[int], np.ndarray]:
    """The values that are asked for (as indices into VALUES[attribute]) and their (values, dim) unit vectors."""
    asked = QUERIES[attribute]
    rows = [unit(np.stack([texts[q] for q in queries])).mean(0) for queries in asked.values()]
    return [VALUES[attribute].index(v) for v in asked], unit(np.stack(rows))


def attribute_accuracy(audio: np.ndarray, values: np.ndarray, texts: Texts) -> dict[str, Share]:
    """Balanced accuracy of each attribute over the clips for which it is true.

    audio: (n, dim); values: (n, attributes) int8 as in sets.EvaluationSet. Attributes with one value only are left out.
    """
    out = {}
    vectors = unit(audio)
    for column, attribute in enumerate(VALUES):
        asked, matrix = query_matrix(attribute, texts)
        truth = values[:, column]
        use = np.isin(truth, asked)
        if len(np.unique(truth[use])) < 2:
            continue
        answer = np.array(asked)[np.argmax(vectors[use] @ matrix.T, axis=1)]
        out[attribute] = balanced(answer == truth[use], truth[use])
    return out
