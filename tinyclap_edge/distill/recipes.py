"""Recipes: everything that decides a training, as typed values with a name. `distill --show NAME` prints one.

A recipe says how a student learns; which student, which store and which seed are the run's. Rates, batches and losses
of the published ones are the published ones; where ours differs from what was published, the field says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from tinyclap_edge.errors import UsageError

ScheduleName = Literal["cosine", "constant", "one-cycle", "ramp", "exponential"]


@dataclass(frozen=True)
class Stage:
    """One training of a run. trained: 'all' of the student, or its 'head' alone with the rest frozen, norms included."""

    name: str
    steps: int
    learning_rate: float
    trained: Literal["all", "head"] = "all"
    from_best: bool = False  # start from the best checkpoint of the stage before, not from its last weights


@dataclass(frozen=True)
class Recipe:
    """What all recipes share. Steps are optimiser steps; shares are of the steps, or of the clips of a batch."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    targets: ClassVar[str] = "unit"  # what is learnt: 'raw' embeddings, 'unit' ones, or 'centred' unit ones

    steps: int = 4000
    batch: int = 64
    micro_batch: int = 0  # clips that go through the student at once; 0: all, halved when memory is short
    learning_rate: float = 1.2e-2
    schedule: ScheduleName = "cosine"
    warmup: float = 0.05
    optimiser: Literal["adam", "adamw"] = "adamw"
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    average: float = 0.0  # share of the steps over which weights are averaged (an exponential mean); 0: off
    sampler: Literal["plain", "clusters"] = "plain"
    clusters: int = 50
    distort: bool = False  # noise, equalisation, level and saturation on the student's input
    clean_share: float = 0.0  # of the clips, with distort: those that are heard as they are
    fade_out: float = 0.0  # share of the steps, the last ones, over which distortion dies away
    mask: float = 0.0  # SpecAugment: widest mask as a share of the axis
    mixup: float = 0.0  # share of clips that are heard together with another one
    validation: int = 256  # clips that are held out to choose the best checkpoint by
    r: int = 128  # dimensions that the student ships with
    reduction: Literal["rotate", "prune"] = "rotate"
    refit: bool = False  # in the end, the last layer by least squares towards the teacher's embeddings
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on a GPU
    compile: bool = False
    checkpoint_every: int = 500
    log_every: int = 100

    def __post_init__(self) -> None:
        for name, low, high in _LIMITS:
            value = getattr(self, name, None)
            if value is not None and not low <= value <= high:  # also refuses NaN
                raise UsageError(f"{name}={value} is outside {low:g}..{high:g}")

    def stages(self) -> tuple[Stage, ...]:
        """The trainings of a run, in order."""
        return (Stage("student", self.steps, self.learning_rate),)

    @property
    def views(self) -> int:
        """How often a step hears each of its clips, distorted differently."""
        return 1


_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("steps", 1, 1e9), ("batch", 2, 1 << 20), ("micro_batch", 0, 1 << 20), ("learning_rate", 0, 10),
    ("warmup", 0, 1), ("weight_decay", 0, 10), ("clip_norm", 1e-6, 1e6), ("average", 0, 1), ("clusters", 1, 1e5),
    ("mask", 0, 0.9), ("mixup", 0, 1), ("clean_share", 0, 1), ("fade_out", 0, 1), ("validation", 2, 1e5), ("r", 1, 4096), ("checkpoint_every", 1, 1e9),
    ("log_every", 1, 1e9), ("temperature", 1e-3, 1e3), ("dropout", 0, 0.95), ("hidden", 1, 1 << 16),
    ("shared", 1, 1 << 16), ("start_scale", 1e-2, 1e3), ("anchors", 0, 1e6), ("anchor_scale", 1e-2, 1e3),
    ("anchor_weight", 0, 1e3), ("crops", 1, 8), ("consistency", 0, 1e3), ("head_share", 0, 1), ("qat_steps", 0, 1e9),
)  # fmt: skip


@dataclass(frozen=True)
class TinyclapRecipe(Recipe):
    """tinyCLAP (arXiv 2311.14517): cosine to the teacher's embedding; the whole student, then its projection alone.

    schedule=constant is what the released code does; the cosine schedule is the default here.
    """

    name: ClassVar[str] = "tinyclap"
    title: ClassVar[str] = "cosine, the whole student and then its projection (tinyCLAP)"

    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    head_share: float = 10 / 110  # steps of the second stage
    head_learning_rate: float = 4e-3

    def stages(self) -> tuple[Stage, ...]:
        """The second stage starts from the best checkpoint of the first."""
        head = round(self.head_share * self.steps)
        whole = Stage("student", max(1, self.steps - head), self.learning_rate)
        return (whole, Stage("projection", head, self.head_learning_rate, "head", from_best=True)) if head else (whole,)


@dataclass(frozen=True)
class SsondoRecipe(Recipe):
    """S-SONDO (arXiv 2604.24933): embeddings alone, through a projection head that only training has."""

    name: ClassVar[str] = "ssondo"
    title: ClassVar[str] = "embeddings alone through a training-only head, clusters balanced (S-SONDO)"
    targets: ClassVar[str] = "raw"

    learning_rate: float = 8e-4
    batch: int = 32
    schedule: ScheduleName = "ramp"
    warmup: float = 0.08
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 0.0
    sampler: Literal["plain", "clusters"] = "clusters"
    loss: Literal["cosine", "infonce", "kl", "l1", "mse"] = "cosine"
    hidden: int = 1280
    dropout: float = 0.2
    refit: bool = True  # into the teacher's space, where text can be compared
    temperature: float = 0.07  # of infonce
    kl_temperature: float = 1.0


@dataclass(frozen=True)
class EncoderKdRecipe(Recipe):
    """Encoder-level losses of efficient captioning (arXiv 2407.14329): both sides projected to a shared size.

    The published contrastive loss multiplies by the logarithm of its scale (2.66); here the scale is exp(log_scale)
    and starts at 1/0.07. loss=mse is as published: nothing but the data keeps both projections from shrinking.
    """

    name: ClassVar[str] = "encoder-kd"
    title: ClassVar[str] = "contrastive or MSE between projections of both encoders (efficient captioning)"
    targets: ClassVar[str] = "raw"

    learning_rate: float = 5e-4
    schedule: ScheduleName = "exponential"
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 1e-6
    clip_norm: float = 1.0
    refit: bool = True  # into the teacher's space, where text can be compared
    loss: Literal["contrastive", "mse"] = "contrastive"
    shared: int = 1024
    start_scale: float = 1 / 0.07


@dataclass(frozen=True)
class EdgeRecipe(Recipe):
    """Ours: cosine and ranking towards the centred embeddings of clean clips, while the student hears distorted ones.

    `python -m benchmarks distill` measures each choice against its absence.
    """

    name: ClassVar[str] = "edge"
    title: ClassVar[str] = "cosine and ranking towards centred embeddings, distorted input, last layer refitted (ours)"
    targets: ClassVar[str] = "centred"

    average: float = 0.02  # a mean over many more steps lags behind in a short run: 69 instead of 74 % after 600 steps
    distort: bool = True
    clean_share: float = 0.7  # without clean ones rain is taken for static: distorted, they are alike
    fade_out: float = 0.4
    refit: bool = True  # what a short training leaves undone in the last layer has a closed form
    anchors: int = 2048  # stored embeddings whose ranking the student learns beside its own
    anchor_scale: float = 15.0
    anchor_weight: float = 1.0
    crops: int = 1  # distorted copies of each clip in a batch, whose number stays `batch`
    consistency: float = 0.0  # weight of 1 - cos between the copies
    centre: bool = True
    qat_steps: int = 0  # quantisation-aware steps at the end

    @property
    def views(self) -> int:
        """See Recipe."""
        return self.crops


RECIPES: dict[str, type[Recipe]] = {
    kind.name: kind for kind in (EdgeRecipe, TinyclapRecipe, SsondoRecipe, EncoderKdRecipe)
}


def find_recipe(name: str) -> Recipe:
    """A recipe with its own defaults. UsageError for an unknown name."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, 1)
        raise UsageError(
            f"unknown recipe {name!r}", f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(RECIPES)
        )
    return RECIPES[name]()


def values(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Field by field, as one may --set it."""
    for each in fields(recipe):
        yield each.name, getattr(recipe, each.name)
