"""Training at r: the head, or the whole student, learns the teacher's embedding as it is in r dimensions.

The r directions come first (PCA of audio and text, shared by both sides); within them the student no longer spends
anything on what was cut away. Head only: its input is computed once, and a step costs one small matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tinyclap_edge.distill.losses import cosine_distillation_loss
from tinyclap_edge.distill.qat_record import without_record
from tinyclap_edge.distill.rows import Rows, mean_of_units
from tinyclap_edge.errors import GateFailed, UsageError
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.reduce.student import OF_ANOTHER_R, with_head
from tinyclap_edge.students.embed import student_module
from tinyclap_edge.students.file import StudentFile, reduce_matrix


@dataclass(frozen=True)
class TrainAtR:
    """steps of Adam; rates are peaks of half a cosine; held_out: share of the rows that only measure."""

    steps: int = 400
    batch: int = 256
    head_rate: float = 3e-3
    whole_steps: int = 300
    whole_batch: int = 64
    whole_rate: float = 5e-4
    held_out: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """The student, and its mean cosine to the teacher in r dimensions on rows it did not learn from, before and after."""

    student: StudentFile
    before: float
    after: float


def train_at_r(
    student: StudentFile, rows: Rows, r: int, whole: bool = False, config: TrainAtR | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Trained:  # fmt: skip
    """Fine-tune at r along the student's principal directions. whole: every weight, not the head alone.

    rows: the store of the student's own teacher. Raises UsageError (2) for a store of another space or a head that is
    not one linear layer, GateFailed (1) for a loss that is not finite.
    """
    config = config or TrainAtR()
    if "head.weight" not in student.tensors:
        raise UsageError(f"{student.name} has no linear head to train", "reduce it by rotate or prune")
    student.require_teacher(rows.source.teacher, rows.source.identity, "the store")
    if rows.dim != student.dim:
        raise UsageError(
            f"the store holds {rows.dim} entries, {student.name} has {student.dim}", "give a store of its own teacher"
        )
    matrix = reduce_matrix(student, r, "rotate")
    order = np.random.default_rng(config.seed).permutation(len(rows))
    checks = max(1, int(config.held_out * len(rows)))
    held, taught = np.sort(order[:checks]), np.sort(order[checks:])
    if len(taught) < 2:
        raise UsageError(f"a store of {len(rows)} rows is too small to train on")
    targets = torch.from_numpy(_targets(student, rows, matrix))
    train = _whole if whole else _head
    return train(student, rows, matrix, targets, taught, held, config, log)


def _targets(student: StudentFile, rows: Rows, matrix: np.ndarray) -> np.ndarray:
    """(n, r) of the teacher, centred where the student's space is and the teacher's own embeddings are not."""
    everything = np.arange(len(rows))
    wanted = unit(rows.embeddings(everything))
    if student.teacher != "reference" and student.text_mean.any():
        wanted = unit(wanted - mean_of_units(rows, everything))
    return wanted @ matrix.T


def _head(
    student: StudentFile, rows: Rows, matrix: np.ndarray, targets: torch.Tensor, taught: np.ndarray, held: np.ndarray,
    config: TrainAtR, log: Callable[[str], None],
) -> Trained:  # fmt: skip
    pooled = torch.from_numpy(pooled_maps(student, rows))
    weight, bias = (matrix @ student.tensors[f"head.{n}"] for n in ("weight", "bias"))
    head = nn.Linear(weight.shape[1], weight.shape[0])
    head.weight.data, head.bias.data = torch.from_numpy(np.array(weight)), torch.from_numpy(np.array(bias))
    score = lambda: _cosine(head(pooled[held]), targets[held])  # noqa: E731
    before = score()
    _fit(head, lambda picks: (head(pooled[picks]), targets[picks]), taught, config.steps, config.batch,
         config.head_rate, config.seed, log)  # fmt: skip
    w, b = head.weight.detach().numpy(), head.bias.detach().numpy()
    return Trained(_marked(with_head(student, matrix, w, b), len(matrix), "head"), before, score())


def _whole(
    student: StudentFile, rows: Rows, matrix: np.ndarray, targets: torch.Tensor, taught: np.ndarray, held: np.ndarray,
    config: TrainAtR, log: Callable[[str], None],
) -> Trained:  # fmt: skip
    module, turn = student_module(student), torch.from_numpy(matrix.T.copy())

    def embed(picks: np.ndarray) -> torch.Tensor:
        return module(network_input(student, rows.features(picks))) @ turn

    def score() -> float:
        module.eval()
        with torch.no_grad():
            found = torch.cat([embed(held[i : i + 64]) for i in range(0, len(held), 64)])
        return _cosine(found, targets[held])

    before = score()
    _fit(module, lambda picks: (embed(picks), targets[picks]), taught, config.whole_steps, config.whole_batch,
         config.whole_rate, config.seed, log)  # fmt: skip
    after, state = score(), module.state_dict()
    tensors = {name: state[name].detach().numpy().copy() for name in student.tensors}
    changed = replace(student, tensors=tensors, card=without_record(student.card))
    return Trained(_marked(changed, len(matrix), "whole"), before, after)


def pooled_maps(student: StudentFile, rows: Rows, batch: int = 64) -> np.ndarray:
    """(n, channels) float32: what goes into the head, of every row."""
    module = student_module(student)
    caught: list[torch.Tensor] = []
    head = module.head
    assert isinstance(head, nn.Module)
    hook = head.register_forward_pre_hook(lambda _, args: caught.append(args[0].detach().clone()))
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            module(network_input(student, rows.features(np.arange(start, min(start + batch, len(rows))))))
    hook.remove()
    return torch.cat(caught).numpy()


def network_input(student: StudentFile, features: np.ndarray) -> torch.Tensor:
    """(n, 1, frames, mels) float32 of log-mels (n, frames, mels) int16 in 1/256 dB."""
    spec = student.frontend
    return ((torch.from_numpy(features.astype(np.float32)) / 256 + spec.offset_db) / spec.scale_db).unsqueeze(1)


def _fit(
    module: nn.Module, pair: Callable[[np.ndarray], tuple[torch.Tensor, torch.Tensor]], taught: np.ndarray, steps: int,
    batch: int, rate: float, seed: int, log: Callable[[str], None],
) -> None:  # fmt: skip
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rng = np.random.default_rng(seed + 1)
    torch.manual_seed(seed)  # dropout
    module.train()
    for step in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss = cosine_distillation_loss(*pair(np.sort(rng.choice(taught, min(batch, len(taught)), replace=False))))
        if not torch.isfinite(loss):
            raise GateFailed(f"training at r: the loss of step {step} is {loss.item()}", "lower the rate")
        loss.backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % 100 == 0 or step + 1 == steps:
            log(f"train at r: step {step + 1}/{steps} loss {loss.item():.4f}")
    module.eval()


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(F.cosine_similarity(a.detach(), b, dim=-1).mean())


def _marked(student: StudentFile, r: int, what: str) -> StudentFile:
    card = {k: v for k, v in student.card.items() if k not in (*OF_ANOTHER_R, "float", "curve")}
    card["reduction"] = {"r": r, "how": "train", "trained": what}
    return replace(student, default_r=r, reduction="rotate", card=card)
