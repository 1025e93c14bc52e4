"""One examination for every form of a model: teacher, float student, reduced, int8, emulated.

A model is `embed(features) -> (n, r)` for features (n, frames, mels) int16 in 1/256 dB, plus the matrix that takes
texts of the shared space to its r dimensions. The same sets, texts and code judge them all, the same way twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyclap_edge.data.sounds.attributes import QUERIES
from tinyclap_edge.data.sounds.folds import FOLDS
from tinyclap_edge.evaluate import zeroshot
from tinyclap_edge.evaluate.attributes import attribute_accuracy
from tinyclap_edge.evaluate.retrieval import retrieval_r1
from tinyclap_edge.evaluate.sets import EvaluationSet
from tinyclap_edge.evaluate.shifts import SHIFTS
from tinyclap_edge.evaluate.zeroshot import PROTOCOLS, Texts, by_family, prompts_of, top1, unit

Embed = Callable[[np.ndarray], np.ndarray]


def evaluation_texts() -> list[str]:
    """Every text that an examination needs, sorted."""
    texts = {q for values in QUERIES.values() for queries in values.values() for q in queries}
    for fold, names in FOLDS.items():
        hows = [how for how in PROTOCOLS if fold != "seen" or how != "described-ensemble"]  # only unseen ones need it
        texts |= {prompt for name in names for how in hows for prompt in prompts_of(name, how)}
    return sorted(texts)


def reduce_texts(texts: Texts, matrix: np.ndarray | None) -> Texts:
    """Texts of the shared space in r dimensions; matrix: (r, dim) or None for the full space."""
    keys = list(texts)
    rows = unit(np.stack([texts[k] for k in keys]))
    if matrix is not None:
        rows = unit(rows @ matrix.T)
    return dict(zip(keys, rows, strict=True))


def examine(
    embed: Embed,
    sets: dict[str, EvaluationSet],
    texts: Texts,
    matrix: np.ndarray | None = None,
    full: bool = True,
    rows: Callable[[np.ndarray], np.ndarray] = lambda classes: classes,
) -> dict[str, Any]:
    """The whole table as plain JSON values. full=False: fresh, related and 0 dB white noise only (for curves).

    rows: what becomes of a table of class rows (k, r) before it is compared with, for example int8 rows of a label pack.
    """
    texts = reduce_texts(texts, matrix)
    result: dict[str, Any] = {}

    def class_matrix(names: tuple[str, ...], texts: Texts, how: str) -> np.ndarray:
        return rows(zeroshot.class_matrix(names, texts, how))

    def zero_shot(name: str, hows: tuple[str, ...]) -> np.ndarray:
        chosen = sets[name]
        audio = embed(chosen.features)
        result[name] = {
            how: top1(audio, chosen.labels, class_matrix(chosen.names, texts, how)).to_dict() for how in hows
        }
        return audio

    fresh = sets["fresh"]
    audio = zero_shot("fresh", ("ensemble", "single", "reworded"))
    held_out = [n for n in ("related", "random-a", "random-b") if n in sets]
    for name in held_out if full else held_out[:1]:
        unseen = zero_shot(name, PROTOCOLS)
        chosen = sets[name]
        result[name]["by family, described"] = by_family(
            unseen, chosen.labels, class_matrix(chosen.names, texts, "described"), chosen.names
        )
        if full:
            result[name]["attributes"] = _dicts(attribute_accuracy(unseen, chosen.values, texts))
            everything = (*fresh.names, *chosen.names)
            among_all = class_matrix(everything, texts, "described")
            shifted_labels = chosen.labels + len(fresh.names)
            result[name]["described, among all"] = top1(unseen, shifted_labels, among_all).to_dict()
    if full:
        result["fresh"]["attributes"] = _dicts(attribute_accuracy(audio, fresh.values, texts))
        result["fresh"]["retrieval"] = _dicts(retrieval_r1(audio, fresh.labels, fresh.names, texts))
        result["fresh"]["by family"] = by_family(
            audio, fresh.labels, class_matrix(fresh.names, texts, "ensemble"), fresh.names
        )
        if "second" in sets:
            second = embed(sets["second"].features)
            names = sets["second"].names
            labels = np.array([fresh.names.index(n) for n in names])[sets["second"].labels]
            result["second"] = {
                "among themselves": top1(
                    second, sets["second"].labels, class_matrix(names, texts, "ensemble")
                ).to_dict()
            }
            for how in ("ensemble", "reworded"):  # among all seen names, not only those with a second generator
                result["second"][how] = top1(second, labels, class_matrix(fresh.names, texts, how)).to_dict()
    shifts = [s.name for s in SHIFTS] if full else ["white noise 0 dB"]
    every = class_matrix(fresh.names, texts, "ensemble")
    result["shifts"] = {
        name: top1(embed(sets[f"shift:{name}"].features), sets[f"shift:{name}"].labels, every).to_dict()
        for name in shifts
        if f"shift:{name}" in sets
    }
    return result


def _dicts(shares: dict[str, Any]) -> dict[str, Any]:
    return {name: value.to_dict() for name, value in shares.items()}
