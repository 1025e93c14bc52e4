"""Students of many shapes, each trained for a short time: what the predictor behind `fit --rank` is fitted on.

python -m benchmarks.rank [FIRST]     one shape at a time on one core, only those that are not there yet

Several may run side by side, each from another FIRST shape on.

Every student is a row of benchmarks/results/rank.json: a shape drawn from the space that `fit` searches, STEPS steps of
the recipe `edge` on the procedural sounds of the reference task, zero-shot accuracy on fresh clips. The predictor goes to
tinyclap_edge/fit/rank.json with its rank correlation on shapes that its fit has not seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import random
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.distill_data import FRESH, TRAIN, WORK, Data, make_data
from benchmarks.store import MEASURED, load_results, save_result
from tinyclap_edge.distill.rows import ArrayRows
from tinyclap_edge.distill.trainee import Task
from tinyclap_edge.fit.configuration import REFERENCE_R, Configuration, least_rows, make_frontend, parse_configuration
from tinyclap_edge.fit.rank import SHIPPED, fit_predictor
from tinyclap_edge.fit.space import ALPHAS, BETAS, DEPTHS, DIVISORS, T0S
from tinyclap_edge.students.phinet_config import PhiNetConfig
from tinyclap_edge.students.phinet_cost import phinet_cost

TASK = "zero-shot over 60 families of procedural sounds, quiet and at 0 dB"
COUNT, STEPS, BATCH, SEED = 32, 100, 32, 20261121
EXAMINED = 600  # fresh clips, ten of each of the 60 families
WINDOWS_S = (2.56, 2.56, 1.28)  # twice as often that of the clips
KINDS = ((False, False),) * 3 + ((False, True), (True, False), (True, True))  # squeeze-and-excite, hard-swish
LEAST_MACS, MOST_MACS = 0.4e6, 6e6
TRIES = 200  # shapes of a depth and window, before another is drawn: the deepest cannot be the cheapest
SETTLING = 12  # batches
NEAR = 0.12  # of the wanted multiply-accumulates, as a share


def shapes(count: int) -> list[Configuration]:
    """Shapes spread evenly over the logarithm of MACs, in an order of which every beginning is spread as well; depth and
    window are drawn first, so that the many networks of few blocks do not crowd out the others."""
    rng = random.Random(SEED)
    found: list[Configuration] = []
    for i in range(count):
        wanted = LEAST_MACS * (MOST_MACS / LEAST_MACS) ** _spread(i + 1)
        while len(found) == i:
            spec = make_frontend(16000, 64, 20.0, rng.choice(WINDOWS_S))
            depth = rng.choice([n for n in DEPTHS if least_rows(PhiNetConfig(N=n)) <= spec.frames])
            for _ in range(TRIES):
                shape = Configuration(_draw(rng, depth), spec, REFERENCE_R)
                macs = phinet_cost(shape.net, (1, spec.frames, spec.mel_bins), shape.r).macs
                if abs(math.log(macs / wanted)) < NEAR and shape not in found:
                    found.append(shape)
                    break
    return found


def _draw(rng: random.Random, depth: int) -> PhiNetConfig:
    se, hswish = rng.choice(KINDS)
    return PhiNetConfig(
        alpha=rng.choice(ALPHAS), beta=rng.choice(BETAS), t0=rng.choice(T0S), N=depth, se=se, hswish=hswish,
        divisor=rng.choice(DIVISORS), padding="same",
    )  # fmt: skip


def _spread(number: int) -> float:
    """Van der Corput's sequence of base 2: 1/2, 1/4, 3/4, 1/8 ..."""
    value, share = 0.0, 0.5
    while number:
        value, share, number = value + share * (number & 1), share / 2, number >> 1
    return value


class Course:
    """Trains and examines shapes on one store; log-mels of shorter windows are cut out of the stored ones."""

    def __init__(self, data: Data) -> None:
        self.data, rows = data, data.train
        everything = np.arange(len(rows))
        self.logmel, self.levels = rows.features(everything), rows.levels(everything)
        self.targets = rows.embeddings(everything)
        self.clips = {"clean": data.fresh.features(np.arange(EXAMINED)), "0 dB": data.noisy[:EXAMINED]}

    def rows(self, frames: int) -> ArrayRows:
        """The training clips for a window of so many rows."""
        r = self.data.train
        spec = replace(r.spec, frames=frames)
        return ArrayRows(r.source, spec, r.ids, self.targets, self.logmel, self.levels, r.labels)

    def run(self, shape: Configuration, seed: int = 0) -> dict[str, Any]:
        """Train one; its accuracy by condition, of the mean over a clip's windows."""
        from tinyclap_edge.distill.lesson import Run, prepare
        from tinyclap_edge.distill.loop import TrainConfig, train
        from tinyclap_edge.distill.processes import ALONE
        from tinyclap_edge.distill.recipes import find_recipe
        from tinyclap_edge.distill.settings import with_settings

        began = time.process_time()
        recipe = with_settings(find_recipe("edge"), (f"steps={STEPS}", f"batch={BATCH}"))
        rows: Any = self.rows(shape.frontend.frames)
        run = Run(WORK / "rank", shape.net.arch(), self.data.side, seed=seed, log=lambda line: None)
        task = prepare(recipe, rows, run, ALONE, lambda line: None).task
        config = TrainConfig(
            STEPS, recipe.learning_rate, BATCH, recipe.weight_decay, recipe.warmup, 0.995, seed, recipe.clip_norm,
            STEPS, STEPS, schedule=recipe.schedule, optimiser=recipe.optimiser,
        )  # fmt: skip
        weights = train(task.trainee, task.backward, config, backward=task.backward, log=lambda line: None)
        task.trainee.load_state_dict(weights)
        settle(task)
        heard = {name: self._embed(task.trainee.student, x, rows) for name, x in self.clips.items()}
        examined = replace(self.data.classes, labels=self.data.classes.labels[:EXAMINED])
        return {
            "accuracy": replace(self.data, classes=examined).examine(heard),
            "cpu_s": round(time.process_time() - began, 1),
        }

    def _embed(self, student: Any, features: np.ndarray, rows: ArrayRows) -> np.ndarray:
        """(n, dim): of each clip the mean of its windows' unit embeddings."""
        from tinyclap_edge.distill.space import embed_features
        from tinyclap_edge.evaluate.zeroshot import unit

        frames = rows.spec.frames
        starts = range(0, features.shape[1] - frames + 1, frames)
        return np.mean([unit(embed_features(student, features[:, s : s + frames], rows.spec)) for s in starts], axis=0)


@torch.no_grad()
def settle(task: Task) -> None:
    """Batch-norm statistics of the final weights: so few steps leave the running ones where they began."""
    student, spec = task.trainee.student, task.rows.spec
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean
    student.train()
    for step in range(SETTLING):
        x = task.batch(STEPS + step, torch.Generator().manual_seed(step))[0][0]  # (batch, frames, mels) dB
        x = ((x + spec.offset_db) / spec.scale_db).unsqueeze(1)
        student(x.contiguous(memory_format=torch.channels_last))
    student.eval()


def key_of(shape: Configuration, seed: int, store: str) -> str:
    """Names a training by all that decides it."""
    whole = json.dumps([shape.text(), STEPS, BATCH, seed, store])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def measure(first: int = 0) -> list[dict[str, Any]]:
    """The rows of all shapes; those that are missing are trained, and kept as each ends."""
    torch.set_num_threads(1)
    data = make_data()
    store = data.train.source.fingerprint
    wanted = {key_of(shape, 0, store): shape for shape in shapes(COUNT)}
    course: Course | None = None
    for key, shape in [*wanted.items()][first:] + [*wanted.items()][:first]:
        if key in known_rows():
            continue
        course = course or Course(data)
        spec = shape.frontend
        network = phinet_cost(shape.net, (1, spec.frames, spec.mel_bins), shape.r)
        row = {
            "key": key, "configuration": shape.text(), "params": network.params, "macs": network.macs,
            **course.run(shape),
        }  # fmt: skip
        there = add_row(row, list(wanted), store)
        accuracy = {name: f"{share['value']:.3f}" for name, share in row["accuracy"].items()}
        print(f"rank, {there} of {COUNT}: {network.macs / 1e6:.2f} M MACs, {accuracy}", file=sys.stderr, flush=True)
    return [known_rows()[key] for key in wanted]


def known_rows() -> dict[str, dict[str, Any]]:
    """Trained students by key."""
    return {row["key"]: row for row in load_results().get("rank", {}).get("students", [])}


def add_row(row: dict[str, Any], order: list[str], store: str) -> int:
    """Into the result file, beside what another process has written meanwhile; how many there are."""
    with (WORK / "rank.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = {**known_rows(), row["key"]: row}
        students = [known[key] for key in order if key in known]
        save_result(
            "rank",
            {
                "provenance": MEASURED, "train": TRAIN, "fresh": FRESH, "examined": EXAMINED, "store": store[:16],
                "recipe": "edge", "steps": STEPS, "batch": BATCH, "students": students,
            },
        )  # fmt: skip
    return len(students)


def main(first: int = 0) -> None:
    """Everything; see the head of the module."""
    rows = measure(first)
    predictor = fit_predictor(columns(rows), [score(row) for row in rows], STEPS, TASK)
    temporary = SHIPPED.with_suffix(".tmp")
    temporary.write_text(json.dumps(predictor.to_dict(), indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, SHIPPED)
    print(predictor.describe(), file=sys.stderr)


def score(row: dict[str, Any]) -> float:
    """What the predictor learns: the mean accuracy, quiet and at 0 dB."""
    return float(np.mean([share["value"] for share in row["accuracy"].values()]))


def columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Features of trained students, by name."""
    shapes = [parse_configuration(row["configuration"]) for row in rows]
    found: dict[str, Any] = {name: [row[name] for row in rows] for name in ("params", "macs")}
    found |= {name: [getattr(shape.net, name) for shape in shapes] for name in ("N", "se", "hswish")}
    found["frames"] = [shape.frontend.frames for shape in shapes]
    return {name: np.array(values) for name, values in found.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
