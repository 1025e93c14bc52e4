"""Stage `students`: distil each student from the stored embeddings of clean clips while it hears distorted ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tinyclap_edge.distill.augment import NoiseShapes, augment
from tinyclap_edge.distill.checkpoint import load_checkpoint, save_checkpoint
from tinyclap_edge.distill.loop import TrainConfig, lean, train
from tinyclap_edge.distill.losses import cosine_distillation_loss
from tinyclap_edge.reference.config import BuildConfig, StudentRecipe
from tinyclap_edge.reference.data import NOISE_LEVEL_DB
from tinyclap_edge.students.phinet_torch import Student
from tinyclap_edge.teachers.reference import DIM, normalise


@dataclass(frozen=True)
class Pool:
    """What students learn from: features (n, frames, mels) int16 mapped, level_db (n,), embeddings (n, dim) before the
    space was centred, and mean (dim,), which centres them."""

    features: np.ndarray
    level_db: np.ndarray
    embeddings: np.ndarray
    mean: np.ndarray
    shapes: np.ndarray


def load_pool(work: Path) -> Pool:
    """As written by the `embed` stage."""
    with np.load(work / "pool.npz") as stored:
        level, embeddings, mean, shapes = (stored[k] for k in ("level_db", "embeddings", "mean", "shapes"))
    return Pool(np.load(work / "pool-features.npy", mmap_mode="r"), level, embeddings, mean, shapes)


def train_student(
    recipe: StudentRecipe, work: Path, config: BuildConfig, log: Callable[[str], None], device: str = "cpu"
) -> dict[str, torch.Tensor]:
    """Distil one student; returns the averaged state dict, also kept in work/student-NAME.pt.

    The first cycle goes towards the embeddings as they are, the further, shorter ones towards the centred ones.
    """
    final = work / f"student-{recipe.name}.pt"
    key = {"arch": recipe.arch, "steps": [recipe.steps, *(steps for steps, _ in recipe.refinements)]}
    finished = load_checkpoint(final)
    if finished and all(finished[k] == v for k, v in key.items()):
        return finished["model"]
    pool = load_pool(work)
    torch.manual_seed(config.seed + 11)
    student = lean(Student(recipe.arch, DIM).to(device))
    noise = NoiseShapes(torch.from_numpy(pool.shapes).to(device), NOISE_LEVEL_DB)
    level = torch.from_numpy(pool.level_db)
    raw = torch.from_numpy(pool.embeddings.astype(np.float32))
    order = _Order(len(pool.features), config.seed)
    weights: dict[str, torch.Tensor] = {}
    centred = raw - torch.from_numpy(pool.mean)
    cycles = [(recipe.steps, recipe.learning_rate, 0, raw)]
    for steps, rate in recipe.refinements:
        cycles.append((steps, rate, cycles[-1][2] + cycles[-1][0], centred))
    for number, (steps, rate, offset, targets) in enumerate(cycles):

        def loss(
            step: int, generator: torch.Generator, offset: int = offset, targets: torch.Tensor = targets
        ) -> torch.Tensor:
            picks = np.sort(order.batch(offset + step, config.student_batch))
            db = torch.from_numpy(pool.features[picks].astype(np.float32)).to(device) / 256.0
            db = augment(db, level[picks], noise, config.student_augment, generator)
            x = normalise(db).contiguous(memory_format=torch.channels_last)
            return cosine_distillation_loss(student(x), targets[picks].to(device))

        training = TrainConfig(
            steps=steps,
            learning_rate=rate,
            batch=config.student_batch,
            seed=(config.seed + 7 + number) % 1000,
            ema=0.995,
            checkpoint_every=500,
            weight_decay=1e-4,
        )
        checkpoint = work / f"student-{recipe.name}-run-{number}.pt"
        weights = train(
            student, loss, training, checkpoint=checkpoint, log=log, title=f"{recipe.name}, cycle {number + 1}"
        )
        student.load_state_dict(weights)
    save_checkpoint(final, {"model": weights, **key})
    return weights


class _Order:
    """Epochs of permutations, addressed by step, so that a resumed run continues in the same order."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch, self.permutation = -1, np.zeros(0, np.int64)

    def batch(self, step: int, size: int) -> np.ndarray:
        out: list[int] = []
        at = step * size
        while len(out) < size:
            epoch, offset = divmod(at + len(out), self.count)
            if epoch != self.epoch:
                self.epoch = epoch
                self.permutation = np.random.default_rng([self.seed, 5, epoch]).permutation(self.count)
            out.extend(self.permutation[offset : offset + size - len(out)].tolist())
        return np.array(out)
