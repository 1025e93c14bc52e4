"""A student and what it is taught by, one step at a time: the batch, the forward pass, the gradients, in parts if need be.

A step's batch is drawn for all processes alike and each takes its slice; what is random about it (distortion, masks,
partners) is drawn for the whole batch and sliced too. So 1, 2 and 4 processes learn from the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.distill.augment import AugmentConfig, NoiseShapes, distort, draw_distortion
from tinyclap_edge.distill.masking import Mixup, draw_masks, draw_mixup, mask, mix
from tinyclap_edge.distill.objectives import Objective
from tinyclap_edge.distill.processes import World
from tinyclap_edge.distill.recipes import Recipe
from tinyclap_edge.distill.rows import Rows
from tinyclap_edge.distill.samplers import Sampler
from tinyclap_edge.errors import DoesNotFit


class Trainee(nn.Module):
    """The student and its objective as one module: network input and wanted embeddings -> loss."""

    def __init__(self, student: nn.Module, objective: Objective, views: int, autocast: torch.dtype | None) -> None:
        super().__init__()
        self.student = student
        self.objective: Objective = objective
        self.views, self.autocast = views, autocast
        self.frozen_body = False
        self._call: Callable[[Tensor], Tensor] | None = None

    def compile(self) -> None:  # type: ignore[override]
        """Let torch.compile make the student's kernels; weights and checkpoints stay as they are."""
        object.__setattr__(self, "_call", torch.compile(self.student))

    def freeze_body(self) -> list[nn.Parameter]:
        """Train the student's last layer (and the objective's own) alone; batch norms keep their statistics."""
        for parameter in self.student.parameters():
            parameter.requires_grad_(False)
        for parameter in last_layer(self.student).parameters():
            parameter.requires_grad_(True)
        self.frozen_body = True
        return [p for p in self.parameters() if p.requires_grad]

    def train(self, mode: bool = True) -> Trainee:
        """A frozen body stays in evaluation mode."""
        super().train(mode)
        if self.frozen_body:
            self.student.eval()
        return self

    def forward(self, x: Tensor, wanted: Tensor) -> Tensor:
        """x: (views * batch, 1, frames, mels); wanted: (batch, dim)."""
        kind = x.device.type
        with torch.autocast(kind, self.autocast) if self.autocast else nullcontext():
            embedded = self.student(x) if self._call is None else self._call(x)
        embedded = embedded.float()
        return self.objective(embedded.view(self.views, len(wanted), -1), wanted)


def last_layer(student: nn.Module) -> nn.Module:
    """What makes the embedding: `head` in every family of ours (a linear layer, but for imported tinyCLAP students)."""
    head = student.get_submodule("head")
    return head


@dataclass
class Task:
    """The loss of a step for the loop. rows are those of `picks` (indices into rows), shuffled by the sampler."""

    recipe: Recipe
    rows: Rows
    picks: np.ndarray
    sampler: Sampler
    trainee: Trainee
    model: nn.Module  # the trainee, wrapped where there are several processes
    noise: NoiseShapes
    mean: Tensor  # (dim,), what is taken from unit embeddings; zeros where the space is not centred
    world: World
    device: str
    say: Callable[[str], None]
    parts: int = 1

    def __post_init__(self) -> None:
        self.clips = self.recipe.batch // self.recipe.views  # of a step, all processes together
        self.world.slice_of(self.clips)
        self.crops = bool((self.rows.lengths[self.picks] > self.rows.spec.frames).any())
        if self.recipe.micro_batch:
            each = self.clips // self.world.size
            self.parts = -(-each // max(1, self.recipe.micro_batch // self.recipe.views))

    def clip_ids(self, step: int) -> list[str]:
        """The ids of a step's clips."""
        return [self.rows.ids[i] for i in self.picks[self.sampler.batch(step, self.clips)]]

    def blame(self, step: int) -> str:
        """The ids of a step's clips, those with a broken embedding first; for an error message."""
        picks = self.picks[self.sampler.batch(step, self.clips)]
        broken = ~np.isfinite(self.rows.embeddings(picks)).all(1)
        if broken.any():
            return ", ".join(self.rows.ids[i] for i in picks[broken][:8]) + " (its embedding is not finite)"
        ids = [self.rows.ids[i] for i in picks]
        return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")

    def wanted(self, raw: np.ndarray) -> Tensor:
        """Stored embeddings as the recipe learns them: (k, dim) on the device."""
        x = torch.from_numpy(np.asarray(raw, np.float32)).to(self.device)
        if self.recipe.targets == "raw":
            return x
        x = F.normalize(x, dim=-1)
        return F.normalize(x - self.mean, dim=-1) if self.recipe.targets == "centred" else x

    def distortion(self, step: int) -> AugmentConfig:
        """How a step distorts: all but the clean share, and ever fewer clips while distortion dies away."""
        recipe = self.recipe
        fading = max(0.0, 1 - (recipe.steps - step - 1) / (recipe.fade_out * recipe.steps)) if recipe.fade_out else 0.0
        return AugmentConfig(clean_share=recipe.clean_share + (1 - recipe.clean_share) * fading)

    def batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """This process's slice of a step: log-mels (views, k, frames, mels) in dB and wanted embeddings (k, dim)."""
        mine = self.world.slice_of(self.clips)
        every = self.picks[self.sampler.batch(step, self.clips)]
        spec, recipe = self.rows.spec, self.recipe
        mixup = draw_mixup(self.clips, recipe.mixup, generator).part(mine) if recipe.mixup else None
        spare = self.rows.lengths[every] - spec.frames  # where a clip is longer than a window, each view is a crop
        views: list[Tensor] = []
        for _ in range(recipe.views):
            starts = None
            if self.crops:
                starts = (torch.rand(self.clips, generator=generator).numpy() * (spare + 1)).astype(np.int64)
                starts = np.minimum(starts, spare)
            if starts is not None or not views:
                heard, level = self._hear(every, starts, mine, mixup)
            view = heard
            if recipe.distort:
                distortion = draw_distortion(
                    self.clips, spec.frames, len(self.noise.db), self.distortion(step), generator
                )
                view = distort(view, level, self.noise, distortion.part(mine), spec.floor_db)
            if recipe.mask:
                view = mask(view, draw_masks(self.clips, spec.frames, spec.mel_bins, recipe.mask, generator).part(mine))
            views.append(view)
        return torch.stack(views), self._learn(every, mine, mixup)

    def _hear(
        self, every: np.ndarray, starts: np.ndarray | None, mine: slice, mixup: Mixup | None
    ) -> tuple[Tensor, Tensor]:
        """Log-mels (k, frames, mels) in dB and their levels (k,), partners mixed in."""

        def read(rows: slice | np.ndarray) -> tuple[Tensor, Tensor]:
            q8 = self.rows.features(every[rows], None if starts is None else starts[rows])
            db = torch.from_numpy(q8.astype(np.float32)).to(self.device) / 256.0
            return db, torch.from_numpy(self.rows.levels(every[rows]))

        db, level = read(mine)
        return (db, level) if mixup is None else mix(db, level, *read(mixup.partner.numpy()), mixup)

    def _learn(self, every: np.ndarray, mine: slice, mixup: Mixup | None) -> Tensor:
        """The wanted embeddings (k, dim); of two clips at once, between both in the proportion of their amplitudes."""
        wanted = self.wanted(self.rows.embeddings(every[mine]))
        if mixup is None:
            return wanted
        other = self.wanted(self.rows.embeddings(every[mixup.partner.numpy()]))
        weight = mixup.weight.to(self.device)[:, None]
        both = weight * F.normalize(wanted, dim=-1) + (1 - weight) * F.normalize(other, dim=-1)
        if self.recipe.targets == "raw":  # keeps the length
            both = both * wanted.norm(dim=-1, keepdim=True)
        return torch.where(weight < 1, both, wanted)

    def backward(self, step: int, generator: torch.Generator) -> Tensor:
        """The loss of a step over this process's slice, with its gradients. Out of memory halves what goes through at
        once, says so and begins the step again; with several processes it is DoesNotFit (5)."""
        state = generator.get_state()
        while True:
            try:
                return self._in_parts(step, generator)
            except torch.OutOfMemoryError as error:
                each = -(-self.clips // self.world.size // self.parts)
                if self.world.size > 1 or each <= 2:
                    raise DoesNotFit(
                        f"{each * self.recipe.views} clips at once do not fit into the memory of {self.device}",
                        f"--set micro_batch={max(2, each * self.recipe.views // 2)}",
                    ) from error
            self.parts *= 2
            self.trainee.zero_grad(set_to_none=True)
            generator.set_state(state)
            if self.device.startswith("cuda"):
                torch.cuda.empty_cache()
            now = -(-self.clips // self.parts) * self.recipe.views
            self.say(
                f"memory is short: {now} clips at once from step {step} on, gradients of {self.parts} parts summed"
            )

    def _in_parts(self, step: int, generator: torch.Generator) -> Tensor:
        db, wanted = self.batch(step, generator)
        spec = self.rows.spec
        x = ((db + spec.offset_db) / spec.scale_db).unsqueeze(2)  # (views, k, 1, frames, mels)
        count, value = len(wanted), torch.zeros((), device=wanted.device)
        bounds = [count * i // self.parts for i in range(self.parts + 1)]
        pairs = [(a, b) for a, b in pairwise(bounds) if b > a]
        for number, (a, b) in enumerate(pairs):
            rows = x[:, a:b].flatten(0, 1).contiguous(memory_format=torch.channels_last)
            last = number == len(pairs) - 1
            with nullcontext() if last else self._no_sync():
                loss = self.model(rows, wanted[a:b]) * ((b - a) / count)
                loss.backward()
            value = value + loss.detach()
        return value

    def _no_sync(self) -> AbstractContextManager:
        wrapped = isinstance(self.model, nn.parallel.DistributedDataParallel)
        return self.model.no_sync() if wrapped else nullcontext()  # type: ignore[operator,return-value]
