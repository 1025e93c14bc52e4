"""What each recipe minimises: a module from the student's embeddings and the wanted ones to a loss.

An objective may hold layers of its own (heads that only training has); they learn beside the student.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tinyclap_edge.distill import losses
from tinyclap_edge.distill.processes import gather
from tinyclap_edge.distill.recipes import EdgeRecipe, EncoderKdRecipe, Recipe, SsondoRecipe, TinyclapRecipe


@dataclass(frozen=True)
class Space:
    """The teacher's: dim entries; anchors (n, dim) float32, unit, of stored embeddings."""

    dim: int
    anchors: Tensor


class Objective(nn.Module):
    """forward(student (views, batch, dim), wanted (batch, dim)) -> a scalar."""

    def compare(self, student: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, dim) of both sides where they are to agree: what validation looks at."""
        return student, wanted


class Cosine(Objective):
    """tinyCLAP's."""

    def forward(self, student: Tensor, wanted: Tensor) -> Tensor:
        """student: (views, batch, dim); wanted: (batch, dim)."""
        return losses.cosine_distillation_loss(student[0], wanted)


class ThroughHead(Objective):
    """S-SONDO's: Linear, Hardswish, dropout, Linear to the teacher's size, then one of its five losses."""

    def __init__(self, recipe: SsondoRecipe, space: Space) -> None:
        super().__init__()
        self.head = nn.Sequential(
            nn.Linear(space.dim, recipe.hidden),
            nn.Hardswish(),
            nn.Dropout(recipe.dropout),
            nn.Linear(recipe.hidden, space.dim),
        )
        self.loss = head_losses(recipe)[recipe.loss]

    def forward(self, student: Tensor, wanted: Tensor) -> Tensor:
        """student: (views, batch, dim); wanted: (batch, dim), raw."""
        return self.loss(self.head(student[0]), wanted)

    def compare(self, student: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Through the head."""
        return self.head(student), wanted


def head_losses(recipe: SsondoRecipe) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The five losses by name."""
    return {
        "cosine": losses.cosine_distillation_loss,
        "infonce": lambda s, t: losses.pair_contrastive_loss(gather(s), gather(t.detach()), 1 / recipe.temperature),
        "kl": lambda s, t: losses.kl_distillation_loss(s, t, recipe.kl_temperature),
        "l1": losses.l1_distillation_loss,
        "mse": losses.mse_distillation_loss,
    }


class Projected(Objective):
    """Efficient captioning's: both sides through a linear layer to a shared size."""

    def __init__(self, recipe: EncoderKdRecipe, space: Space) -> None:
        super().__init__()
        self.student = nn.Linear(space.dim, recipe.shared)
        self.teacher = nn.Linear(space.dim, recipe.shared)
        self.contrastive = recipe.loss == "contrastive"
        if self.contrastive:
            self.log_scale = nn.Parameter(torch.tensor(math.log(recipe.start_scale)))

    def forward(self, student: Tensor, wanted: Tensor) -> Tensor:
        """student: (views, batch, dim); wanted: (batch, dim), raw."""
        first, second = self.student(student[0]), self.teacher(wanted)
        if self.contrastive:
            scale = self.log_scale.exp().clamp(max=100.0)
            return losses.pair_contrastive_loss(gather(first), gather(second), scale)
        return nn.functional.mse_loss(first, second)

    def compare(self, student: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """In the shared size."""
        return self.student(student), self.teacher(wanted)


class Ranked(Objective):
    """Ours: the cosine, the ranking of anchors, and the agreement of two crops."""

    anchors: Tensor

    def __init__(self, recipe: EdgeRecipe, space: Space) -> None:
        super().__init__()
        self.recipe = recipe
        self.register_buffer("anchors", space.anchors, persistent=False)

    def forward(self, student: Tensor, wanted: Tensor) -> Tensor:
        """student: (views, batch, dim); wanted: (batch, dim), unit."""
        views, recipe = len(student), self.recipe
        every, repeated = student.flatten(0, 1), wanted.repeat(views, 1)
        loss = losses.cosine_distillation_loss(every, repeated)
        if recipe.anchor_weight and len(self.anchors):
            ranking = losses.similarity_distillation_loss(every, repeated, self.anchors, recipe.anchor_scale)
            loss = loss + recipe.anchor_weight * ranking
        if recipe.consistency and views > 1:
            for i in range(views):
                agreement = losses.consistency_loss(student[i], student[(i + 1) % views])
                loss = loss + recipe.consistency / views * agreement
        return loss


def objective_of(recipe: Recipe, space: Space) -> Objective:
    """The objective of a recipe."""
    return _OBJECTIVES[type(recipe)](recipe, space)


_OBJECTIVES: dict[type[Recipe], Callable[..., Objective]] = {
    TinyclapRecipe: lambda recipe, space: Cosine(),
    SsondoRecipe: ThroughHead,
    EncoderKdRecipe: Projected,
    EdgeRecipe: Ranked,
}
