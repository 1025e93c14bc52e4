"""The sounds that examine a model: fresh parameters, second generators, held-out families, shifted copies.

All of them are log-mels of the integer front end (int16, 1/256 dB), as a device computes them. Seeds start where
training never goes, so no clip was ever seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.data.sounds.attributes import VALUES, attribute_values
from tinyclap_edge.data.sounds.corpus import Clip, render_many
from tinyclap_edge.data.sounds.folds import FOLDS
from tinyclap_edge.data.sounds.registry import SECOND
from tinyclap_edge.evaluate.shifts import SHIFTS, apply_shift
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec

TEST_SEED = 50_000_000  # training seeds stay far below
SHIFT_SECONDS = 3.0


@dataclass(frozen=True)
class EvaluationSizes:
    """Clips per family of each set."""

    fresh: int = 40
    second: int = 40
    held_out: int = 60
    shifted: int = 10


@dataclass(frozen=True)
class EvaluationSet:
    """features: (n, frames, mels) int16 in 1/256 dB; labels: (n,) index into names; values: (n, attributes) int8.

    values holds, for each attribute of attributes.VALUES in order, the index of the true value, or -1 where none is.
    """

    features: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray


def attribute_row(clip: Clip) -> np.ndarray:
    """(attributes,) int8 of a clip: index of each true value, -1 where the attribute has none."""
    true = attribute_values(clip.traits, clip.scene.near if clip.scene else None)
    return np.array([VALUES[a].index(true[a]) if a in true else -1 for a in VALUES], np.int8)


def _plain(clip: Clip, spec: FrontendSpec) -> tuple[np.ndarray, np.ndarray]:
    return logmel_q8(clip.pcm[: spec.window_total_samples], spec), attribute_row(clip)


def _shifted(clip: Clip, spec: FrontendSpec) -> np.ndarray:
    digest = hashlib.sha256(f"{clip.source} {clip.seed}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest, "<u4").tolist())
    return np.stack(
        [logmel_q8(apply_shift(clip.audio, s, spec.window_total_samples, rng), spec) for s in SHIFTS]
    )  # (shifts, frames, mels)


def _render(names: tuple[str, ...], sort: str, count: int, processes: int, spec: FrontendSpec) -> EvaluationSet:
    jobs = [(f"{sort}:{name}", TEST_SEED + i) for name in names for i in range(count)]
    rows = list(render_many(jobs, processes, partial(_plain, spec=spec)))
    return EvaluationSet(
        features=np.stack([r[0] for r in rows]),
        labels=np.repeat(np.arange(len(names), dtype=np.int16), count),
        names=names,
        values=np.stack([r[1] for r in rows]),
    )


def build_sets(
    spec: FrontendSpec, sizes: EvaluationSizes, processes: int = 1, cache: Path | None = None
) -> dict[str, EvaluationSet]:
    """Every evaluation set by name: fresh, second, related, random-a, random-b, validation, and 'shift:NAME' ones.

    cache: an .npz that is used when it was made with the same sizes and front end, and written otherwise.
    """
    key = json.dumps([spec.frontend_id, vars(sizes), sorted(SECOND), [s.name for s in SHIFTS], FOLDS], sort_keys=True)
    if cache and cache.is_file():
        with np.load(cache) as stored:
            if str(stored["key"]) == key:
                return _unpack(dict(stored))
    seen = FOLDS["seen"]
    sets = {"fresh": _render(seen, "family", sizes.fresh, processes, spec)}
    if SECOND:
        sets["second"] = _render(tuple(sorted(set(SECOND) & set(seen))), "second", sizes.second, processes, spec)
    for fold in ("related", "random-a", "random-b", "validation"):
        sets[fold] = _render(FOLDS[fold], "family", sizes.held_out, processes, spec)
    jobs = [(f"family:{name}", TEST_SEED + 1_000_000 + i) for name in seen for i in range(sizes.shifted)]
    rows = render_many(jobs, processes, partial(_shifted, spec=spec), seconds=SHIFT_SECONDS)
    stacked = np.stack(list(rows), 1)  # (shifts, n, frames, mels)
    labels = np.repeat(np.arange(len(seen), dtype=np.int16), sizes.shifted)
    for shift, features in zip(SHIFTS, stacked, strict=True):
        sets[f"shift:{shift.name}"] = EvaluationSet(features, labels, seen, np.zeros((len(labels), 0), np.int8))
    if cache:
        temporary = cache.with_suffix(".tmp.npz")
        np.savez(temporary, key=key, **_pack(sets))
        temporary.replace(cache)
    return sets


def _pack(sets: dict[str, EvaluationSet]) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    for name, s in sets.items():
        packed |= {f"{name}/features": s.features, f"{name}/labels": s.labels, f"{name}/values": s.values}
        packed[f"{name}/names"] = np.array(s.names)
    return packed


def _unpack(packed: dict[str, np.ndarray]) -> dict[str, EvaluationSet]:
    names = {key.rsplit("/", 1)[0] for key in packed if "/" in key}
    return {
        n: EvaluationSet(
            packed[f"{n}/features"], packed[f"{n}/labels"], tuple(packed[f"{n}/names"].tolist()), packed[f"{n}/values"]
        )
        for n in sorted(names)
    }
