"""Distillation measured: pace of the store, the recipes against each other, each choice of `edge` against its absence.

python -m benchmarks.distill [PART ...] [--seeds 0 1 2] [--processes 2]
    parts: pace (seconds an epoch, share of the step), recipes, ablations, balance; by default all of them

Every training is a row of its own in benchmarks/results/distill.json and is made once: a killed measurement goes on where
it was, and two may run side by side with different parts. A row of other steps or another store is made anew.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distill_data import WORK, Data, make_data
from benchmarks.store import MEASURED, RESULTS, load_results, save_result

STEPS, BATCH, ARCH = 600, 64, "small"
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Training:
    """One training: a recipe with settings, and the seed. why: what the row is there to show."""

    recipe: str
    settings: tuple[str, ...] = ()
    seed: int = 0
    why: str = ""


RECIPES = {  # equal student, equal steps, equal batch; each at its own rate, and those of others at ours too
    "edge": ("edge", ()),
    "tinyclap": ("tinyclap", ()),
    "tinyclap, constant rate as published": ("tinyclap", ("schedule=constant",)),
    "ssondo": ("ssondo", ()),
    "ssondo at the rate of edge": ("ssondo", ("learning_rate=0.012",)),
}
ABLATIONS = {
    "edge": (),
    "without the ranking of anchors": ("anchor_weight=0",),
    "ranking twice as heavy": ("anchor_weight=2",),
    "half the rate": ("learning_rate=0.006",),
    "twice the rate": ("learning_rate=0.024",),
    "constant rate": ("schedule=constant",),
    "one-cycle": ("schedule=one-cycle",),
    "without averaged weights": ("average=0",),
    "averaged over ten times more steps": ("average=0.2",),
    "without distortion": ("distort=no",),
    "every clip distorted": ("clean_share=0",),
    "distorted to the end": ("fade_out=0",),
    "last layer not refitted": ("refit=no",),
    "with SpecAugment, masks to 20 %": ("mask=0.2",),
    "with mixup, 30 % of clips": ("mixup=0.3",),
    "two views of half the clips": ("crops=2",),
    "two views and their consistency": ("crops=2", "consistency=0.5"),
}
BALANCE = {  # on fresh weights, through the training head and refitted; two of them are rows of RECIPES
    "ssondo, clusters balanced": ("ssondo", ("learning_rate=0.012",)),
    "ssondo, plain order": ("ssondo", ("learning_rate=0.012", "sampler=plain")),
    "edge, clusters balanced": ("edge", ("sampler=clusters",)),
    "edge, plain order": ("edge", ()),
}
PARTS = ("pace", "recipes", "ablations", "balance")


def trainings(part: str, seeds: tuple[int, ...]) -> Iterator[Training]:
    """The trainings of a part, seed by seed, so that a measurement that ends early has whole rounds."""
    for seed in seeds:
        if part == "ablations":
            yield from (Training("edge", settings, seed, why) for why, settings in ABLATIONS.items())
        else:
            table = RECIPES if part == "recipes" else BALANCE
            yield from (Training(recipe, settings, seed, why) for why, (recipe, settings) in table.items())


def key_of(training: Training, store: str) -> str:
    """Names a training by all that decides it."""
    from tinyclap_edge.distill.recipes import find_recipe, values
    from tinyclap_edge.distill.settings import with_settings

    recipe = with_settings(find_recipe(training.recipe), (f"steps={STEPS}", f"batch={BATCH}", *training.settings))
    whole = json.dumps([recipe.name, dict(values(recipe)), training.seed, ARCH, store], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def run_training(training: Training, data: Data, key: str) -> dict[str, Any]:
    """Train, examine on fresh clips, quiet and at 0 dB; the student's own embedding, and where there is one its head's."""
    import torch

    from tinyclap_edge.distill.lesson import Run, prepare
    from tinyclap_edge.distill.processes import ALONE
    from tinyclap_edge.distill.recipes import find_recipe
    from tinyclap_edge.distill.run import distill
    from tinyclap_edge.distill.settings import with_settings
    from tinyclap_edge.distill.space import embed_features
    from tinyclap_edge.students.file import read_student
    from tinyclap_edge.students.presets import find_student
    from tinyclap_edge.students.registry import build_student

    out = WORK / "runs" / key
    recipe = with_settings(find_recipe(training.recipe), (f"steps={STEPS}", f"batch={BATCH}", *training.settings))
    resume = (out / "checkpoints").is_dir()
    run = Run(out, find_student(ARCH).arch, data.side, seed=training.seed, resume=resume)
    record = distill(recipe, data.train, run)
    file = read_student(out / "student.safetensors")
    student = build_student(file.arch, file.dim)
    student.load_state_dict({k: torch.from_numpy(v) for k, v in file.tensors.items()}, strict=False)
    student.eval()
    clips = {"clean": data.fresh.features(np.arange(len(data.fresh))), "0 dB": data.noisy}
    row = {
        "key": key, "recipe": training.recipe, "settings": list(training.settings), "seed": training.seed,
        "steps": STEPS, "batch": BATCH, "student": file.arch, "sha256": record["result"]["sha256"][:16],
        "seconds": record["seconds"], "resumed": resume,
        "accuracy": data.examine({name: embed_features(student, x, file.frontend) for name, x in clips.items()}),
    }  # fmt: skip
    if recipe.targets == "raw":
        lesson = prepare(recipe, data.train, run, ALONE, lambda line: None)
        last = sorted((out / "checkpoints").glob("stage*-[0-9]*.pt"))[-1]
        lesson.task.trainee.load_state_dict(torch.load(last, weights_only=True)["average"])
        lesson.task.trainee.eval()
        through = {
            name: lesson.task.trainee.objective.compare(
                torch.from_numpy(embed_features(lesson.task.trainee.student, x, file.frontend)), torch.zeros(1, file.dim)
            )[0].detach().numpy()
            for name, x in clips.items()
        }  # fmt: skip
        row["through the head"] = data.examine(through)
    shutil.rmtree(out)
    return row


def add_row(row: dict[str, Any], data: Data) -> None:
    """Into the result file, beside what another process has written meanwhile."""
    with locked_results() as found:
        rows = {each["key"]: each for each in found.get("trainings", [])}
        rows[row["key"]] = row
        found["trainings"] = sorted(rows.values(), key=lambda r: (r["recipe"], r["settings"], r["seed"]))
        found |= about(data)


def about(data: Data) -> dict[str, Any]:
    """What all rows share."""
    from benchmarks.distill_data import FRESH, TRAIN

    teacher = data.fresh.embeddings(np.arange(len(data.fresh)))
    return {
        "provenance": MEASURED, "train": TRAIN, "fresh": FRESH, "student": ARCH, "steps": STEPS, "batch": BATCH,
        "store": data.train.source.fingerprint[:16], "teacher": data.train.source.identity,
        "teacher accuracy": data.examine({"clean": teacher}),
    }  # fmt: skip


class locked_results:
    """The result's dictionary, read and written under a lock."""

    def __enter__(self) -> dict[str, Any]:
        RESULTS.mkdir(exist_ok=True)
        WORK.mkdir(parents=True, exist_ok=True)
        self.handle = Path(WORK / "results.lock").open("w")
        fcntl.flock(self.handle, fcntl.LOCK_EX)
        self.found = load_results().get("distill", {})
        self.found.pop("schema_version", None)
        return self.found

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            save_result("distill", self.found)
        self.handle.close()


def known_rows(store: str) -> dict[str, dict[str, Any]]:
    """Rows of this store by key."""
    found = load_results().get("distill", {})
    return {row["key"]: row for row in found.get("trainings", []) if found.get("store") == store[:16]}


def measure(parts: tuple[str, ...], seeds: tuple[int, ...], processes: int) -> None:
    """Whatever of `parts` is missing."""
    data = make_data(processes)
    store = data.train.source.fingerprint
    if "pace" in parts and "pace" not in load_results().get("distill", {}):
        from benchmarks.distill_pace import pace

        measured = pace(data)
        with locked_results() as found:
            found["pace"] = measured
            found |= about(data)
    for part in (p for p in parts if p != "pace"):
        for training in trainings(part, seeds):
            key = key_of(training, store)
            if key not in known_rows(store):
                print(f"{part}: {training.why}, seed {training.seed}", file=sys.stderr, flush=True)
                add_row(run_training(training, data, key), data)


def main() -> None:
    """See the head of the module."""
    measure(PARTS, SEEDS, 1)


def _command() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distill")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--processes", type=int, default=1, help="for rendering")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    measure(tuple(options.parts) or PARTS, tuple(options.seeds), options.processes)


if __name__ == "__main__":
    _command()
