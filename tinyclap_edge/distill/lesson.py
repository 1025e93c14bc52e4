"""What a run is made of before its first step: student, objective, sampler, noise, held-out clips. A function of its seed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinyclap_edge.distill.augment import NoiseShapes
from tinyclap_edge.distill.loop import Step, lean
from tinyclap_edge.distill.noise import NOISE_LEVEL_DB, noise_shapes
from tinyclap_edge.distill.objectives import Space, objective_of
from tinyclap_edge.distill.processes import World, with_global_norms
from tinyclap_edge.distill.recipes import Recipe
from tinyclap_edge.distill.rows import Rows, mean_of_units, unit_rows
from tinyclap_edge.distill.samplers import ClusterBalanced, Order, Sampler, find_clusters
from tinyclap_edge.distill.space import TextSide, find_classes
from tinyclap_edge.distill.trainee import Task, Trainee, last_layer
from tinyclap_edge.distill.validate import Classes, validate
from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.registry import build_student

_NOISES = 64


@dataclass(frozen=True)
class Run:
    """What a run is, apart from its recipe and its rows."""

    out: Path
    arch: str
    side: TextSide
    name: str = "student"
    seed: int = 0
    resume: bool = False
    device: str = "cpu"
    command: tuple[str, ...] = ()  # that repeats it
    log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    watch: Callable[[Step], None] | None = None


@dataclass(frozen=True)
class Lesson:
    """What a run trains on and is looked at by; side: the text side as the student will have it."""

    task: Task
    held_out: np.ndarray
    side: TextSide
    classes: Classes | None

    def look(self) -> dict[str, float]:
        """How the student does on held-out clips."""
        return validate(self.task, self.held_out, self.classes)


def prepare(recipe: Recipe, rows: Rows, run: Run, world: World, say: Callable[[str], None]) -> Lesson:
    """Everything that a step needs, and the held-out clips: a function of recipe, rows and seed."""
    if len(rows) < 4:
        raise UsageError(f"a store of {len(rows)} clips is too small to learn from", "embed more of the corpus")
    order = np.random.default_rng([run.seed, 3]).permutation(len(rows))
    count = min(recipe.validation, max(2, len(rows) // 10))
    held_out, picks = np.sort(order[:count]), np.sort(order[count:])
    torch.manual_seed(run.seed + 11)
    student = with_global_norms(lean(build_student(run.arch, rows.dim)), world)
    linear = isinstance(last_layer(student), nn.Linear)
    if recipe.refit and recipe.targets == "raw" and run.side.speaks and not linear:
        raise UsageError(
            f"this student's last layer is not linear, so that {recipe.name} cannot bring it into the teacher's space",
            "choose a PhiNet, or the recipe edge or tinyclap",
        )
    drawn = np.sort(np.random.default_rng([run.seed, 13]).permutation(picks)[: getattr(recipe, "anchors", 0)])
    mean, side = np.zeros(rows.dim, np.float32), run.side
    if recipe.targets == "centred" and getattr(recipe, "centre", False) and not run.side.centred:
        if run.side.speaks and run.side.vectors is None:
            say("the space is not centred: that needs the teacher's text side, which is not here")
        else:
            mean, side = mean_of_units(rows, picks), side.centre()
    anchors = unit_rows(unit_rows(rows.embeddings(drawn)) - mean)
    anchors = anchors[np.isfinite(anchors).all(1)].astype(np.float32)
    objective = objective_of(recipe, Space(rows.dim, torch.from_numpy(anchors)))
    trainee = Trainee(student, objective, recipe.views, _precision(recipe, run.device)).to(run.device)
    if recipe.compile:
        trainee.compile()
    shapes = noise_shapes(rows.spec, _NOISES, run.seed + 1) if recipe.distort else np.zeros((1, 1, 1), np.float32)
    noise = NoiseShapes(torch.from_numpy(shapes).to(run.device), NOISE_LEVEL_DB)
    sampler: Sampler = Order(len(picks), run.seed)
    if recipe.sampler == "clusters":
        sampler = ClusterBalanced(_clusters(recipe, rows, picks, run, world), run.seed)
    centre = torch.from_numpy(mean).to(run.device)
    task = Task(recipe, rows, picks, sampler, trainee, trainee, noise, centre, world, run.device, say)
    return Lesson(task, held_out, side, find_classes(rows.labels, side))


def _clusters(recipe: Recipe, rows: Rows, picks: np.ndarray, run: Run, world: World) -> np.ndarray:
    """(picks,) the cluster of each; found once and kept, so that another scikit-learn resumes with the same."""
    path = run.out / "clusters.npy"
    if world.first and not path.is_file():
        run.out.mkdir(parents=True, exist_ok=True)
        np.save(path, find_clusters(rows.embeddings(picks), recipe.clusters))
    world.wait()
    return np.load(path)


def _precision(recipe: Recipe, device: str) -> torch.dtype | None:
    wanted = recipe.precision
    if wanted == "auto":
        wanted = "bfloat16" if device.startswith("cuda") else "float32"
    return torch.bfloat16 if wanted == "bfloat16" else None
