"""Stage `data`: render the training clips to log-mels, shard by shard, resumable, the same bytes on every run.

A shard is an .npz of features (n, frames, mels) int16 in 1/256 dB from the integer front end, each clip's RMS level in
dB, and what is true of it. The students' noise has its own shard of shapes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tinyclap_edge.data.sounds.captions import Description
from tinyclap_edge.data.sounds.corpus import Clip, render_many
from tinyclap_edge.data.sounds.folds import SEEN, VALIDATION
from tinyclap_edge.data.sounds.registry import Traits
from tinyclap_edge.data.store.features import log_mel_row
from tinyclap_edge.distill import noise
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.reference.config import BuildConfig

VALIDATION_SEED = 40_000_000
Log = Callable[[str], None]


@dataclass(frozen=True)
class Clips:
    """features: (n, frames, mels) int16; level_db: (n,) float32; descriptions: n tuples of one or two."""

    features: np.ndarray
    level_db: np.ndarray
    descriptions: list[tuple[Description, ...]]

    def __len__(self) -> int:
        return len(self.features)


def shards_of(config: BuildConfig) -> dict[str, list[tuple[str, int]]]:
    """Shard name -> its (source, seed) jobs, in a fixed order."""
    seen = SEEN[: config.seen_families]
    shards = {f"family-{name}": [(f"family:{name}", i) for i in range(config.clips_per_family)] for name in seen}
    for start in range(0, config.kinds, 60):
        block = range(start, min(start + 60, config.kinds))
        shards[f"kinds-{start}"] = [(f"kind:{k}", i) for k in block for i in range(config.clips_per_kind)]
    rng = np.random.default_rng(config.seed)
    pairs = []
    for i in range(config.mixtures):
        a, b = rng.choice(len(seen), 2, replace=False)
        first = f"family:{seen[a]}"
        second = f"kind:{rng.integers(config.kinds)}" if rng.uniform() < 0.4 else f"family:{seen[b]}"
        pairs.append((f"{first} + {second}" if rng.uniform() < 0.8 else f"{second} + {first}", 1_000_000 + i))
    for start in range(0, len(pairs), 300):
        shards[f"mixtures-{start}"] = pairs[start : start + 300]
    return shards


def validation_shards(config: BuildConfig) -> dict[str, list[tuple[str, int]]]:
    """The validation families, and fresh clips of the seen ones (to know when those are learnt)."""
    few = max(1, config.validation_clips // 6)
    return {
        "validation": [
            (f"family:{name}", VALIDATION_SEED + i) for name in VALIDATION for i in range(config.validation_clips)
        ],
        "seen-validation": [
            (f"family:{name}", VALIDATION_SEED + i) for name in SEEN[: config.seen_families] for i in range(few)
        ],
    }


def _transform(clip: Clip, spec: FrontendSpec) -> tuple[np.ndarray, float, list]:
    rows = [[d.family, d.kind, *vars(d.traits).values(), d.near] for d in clip.descriptions]
    return *log_mel_row(clip.audio[: spec.window_total_samples], spec), rows


def render_shards(
    shards: dict[str, list[tuple[str, int]]], folder: Path, spec: FrontendSpec, processes: int, log: Log
) -> None:
    """Write the shards that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for done, (name, jobs) in enumerate(shards.items(), 1):
        path = folder / f"{name}.npz"
        key = json.dumps([spec.frontend_id, jobs])
        if path.is_file():
            with np.load(path) as stored:
                if str(stored["key"]) == key:
                    continue
        rows = list(render_many(jobs, processes, partial(_transform, spec=spec)))
        temporary = path.with_suffix(".tmp.npz")
        np.savez(
            temporary,
            key=key,
            features=np.stack([r[0] for r in rows]),
            level_db=np.array([r[1] for r in rows], np.float32),
            descriptions=json.dumps([r[2] for r in rows]),
        )
        temporary.replace(path)
        log(f"data: {done}/{len(shards)} {name}, {len(jobs)} clips")


def load_shards(names: list[str], folder: Path) -> Clips:
    """The shards as one set of clips, in the order of `names`."""
    features, levels, descriptions = [], [], []
    for name in names:
        with np.load(folder / f"{name}.npz") as stored:
            features.append(stored["features"])
            levels.append(stored["level_db"])
            for rows in json.loads(str(stored["descriptions"])):
                descriptions.append(tuple(Description(r[0], r[1], Traits(*r[2:6]), r[6]) for r in rows))
    return Clips(np.concatenate(features), np.concatenate(levels), descriptions)


def noise_shapes(config: BuildConfig, spec: FrontendSpec) -> np.ndarray:
    """(2 * noise_shapes, frames, mels) float32 dB: the noise that training draws from."""
    return noise.noise_shapes(spec, config.noise_shapes, config.seed + 1)
