"""Quantisation-aware training: a short self-distillation after which int8 does what the float student did.

The target is the float student's own embedding, so no teacher, text or label is needed: the calibration windows, or any
log-mels, are enough. Training starts from channels made even (qat_equalise.py) and post-training ranges, and ends in
ranges and scales that the quantiser takes as they are; weights end on their int8 grid. It pays where channels have very
unequal ranges; an even student loses next to nothing in int8 anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from tinyclap_export.calibrate import calibrate
from tinyclap_export.graph import Graph
from tinyclap_export.quantize import quantize

from tinyclap_edge.distill.losses import cosine_distillation_loss
from tinyclap_edge.distill.qat_equalise import equalise_hard_swish, equalise_links
from tinyclap_edge.distill.qat_graph import QatGraph
from tinyclap_edge.distill.qat_record import QatRecord, store_record, unfold
from tinyclap_edge.errors import GateFailed, UsageError
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.to_graph import student_graph

MAX_STEPS = 10_000
HARD_SWISH_ZERO = 3.0


@dataclass(frozen=True)
class QatConfig:
    """steps: optimiser steps; rates are peaks, in int8 codes a step (weights, biases, zero points) or log units (scales)."""

    steps: int = 60
    batch: int = 32
    weight_rate: float = 0.06
    bias_rate: float = 0.1
    zero_rate: float = 0.2
    gain_rate: float = 0.002  # ten times that shakes every layer by more than rounding does
    scale_rate: float = 0.02
    crop: float = 1.0  # share of a window's frames that a step hears; half of them cost half, for a mean-pooled network
    block_weight: float = 0.2  # of the block ends' errors beside the embedding's
    vary: bool = True  # mix, shift and level the windows: a few hundred are learnt by heart in 60 steps
    clip_norm: float = 1.0
    correction: int = 64  # windows from which biases are corrected before learning starts
    ranges: str = "mse"  # where learning starts, see tinyclap_export.calibrate
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise UsageError(f"{self.steps} steps of quantisation-aware training", f"30 to 100 do, 1..{MAX_STEPS} go")
        if self.batch < 1 or not 0 < self.crop <= 1:
            raise UsageError(
                f"a batch of {self.batch} windows, cropped to {self.crop:g}", "at least 1, at most all of it"
            )


@dataclass(frozen=True)
class QatResult:
    """The float graph with trained constants, its int8 graph, and what was learnt.

    start, end: cosine of the fake-quantised to the float embedding, mean over the training windows.
    """

    graph: Graph
    int8: Graph
    ranges: dict[str, tuple[float, float]]
    weight_scales: dict[str, np.ndarray]
    losses: tuple[float, ...]
    start: float
    end: float


def qat(
    source: Graph | StudentFile,
    features: np.ndarray,
    steps: int = 60,
    *,
    r: int | None = None,
    reduction: str | None = None,
    config: QatConfig | None = None,
    log: Callable[[str], None] = lambda line: None,
    device: str = "cpu",
) -> QatResult:
    """Train the int8 form of a float graph, or of a student reduced to r, towards its float embedding.

    features: (n, frames, mels, 1) float32 network input, as for `calibrate`. Deterministic on a CPU for one count of
    threads. Raises GateFailed (1) when the loss is not finite, UsageError (2) for no features or absurd steps.
    """
    config = replace(config or QatConfig(), steps=steps)
    graph = student_graph(source, r, reduction) if isinstance(source, StudentFile) else source
    if len(features) == 0:
        raise UsageError("quantisation-aware training needs windows", "give calibration windows")
    graph = equalise_links(graph, features)
    even = equalise_hard_swish(graph, features)
    found = useful_ranges(even, calibrate(even, features, config.ranges))
    start_int8 = quantize(even, found)
    model, teacher = QatGraph(even, start_int8).to(device), QatGraph(graph, start_int8).to(device)
    inputs = torch.from_numpy(np.ascontiguousarray(features, np.float32)).to(device)
    targets = _embed(teacher, inputs, config.batch, rounded=False)
    start = _better_biases(model, inputs, targets, config)
    begun = {name: value.detach().clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.Adam(_groups(model, config), betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, config.steps))
    rng = np.random.default_rng(config.seed)
    losses: list[float] = []
    for step in range(config.steps):
        batch = varied(inputs, config.batch, rng) if config.vary else inputs[_picks(rng, len(inputs), config.batch)]
        batch = batch[:, : max(1, round(config.crop * batch.shape[1]))]
        optimiser.zero_grad(set_to_none=True)
        loss = _loss(model, teacher, batch, config.block_weight)
        if not torch.isfinite(loss):
            raise GateFailed(
                f"quantisation-aware training: the loss of step {step} is {loss.item()}", "lower the rates"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % 10 == 0 or step + 1 == config.steps:
            log(f"qat: step {step + 1}/{config.steps} loss {np.mean(losses[-10:]):.5f}")
    end = _mean_cosine(_embed(model, inputs, config.batch), targets)
    if end < start:  # even channels leave nothing to learn, and steps shake what stands: the shipped students lost 5e-5
        model.load_state_dict(begun)
        log(f"qat: cosine {start:.5f} before the steps, {end:.5f} after: what they began with is kept")
        end = start
    learnt = model.cpu().learnt()
    ranges = found | learnt.ranges
    int8 = quantize(learnt.graph, ranges, learnt.weight_scales)
    return QatResult(learnt.graph, int8, ranges, learnt.weight_scales, tuple(losses), start, end)


def useful_ranges(graph: Graph, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The ranges without what nobody reads: a hard-swish gives 0 below -3, so its input needs no code there.

    On the stress model, by min-max and with nothing but the expansions' ends rounded, the cosine rises from 0.89 to 0.97.
    """
    out = dict(ranges)
    for tensor in graph.activations():
        readers = graph.consumers(tensor.name)
        if readers and all(op.kind == "HARD_SWISH" for op in readers) and tensor.name not in graph.outputs:
            low, high = out[tensor.name]
            out[tensor.name] = (max(low, -HARD_SWISH_ZERO), high)
    return out


def qat_student(
    student: StudentFile,
    features: np.ndarray,
    steps: int = 60,
    *,
    r: int | None = None,
    reduction: str | None = None,
    config: QatConfig | None = None,
    log: Callable[[str], None] = lambda line: None,
    device: str = "cpu",
) -> StudentFile:
    """The student with trained weights and, in its card, the ranges and scales that export then uses as they are.

    r, reduction: those it will be exported at, by default its own. Exported at another r, it keeps the ranges of its
    body, and its head is calibrated.
    """
    r, reduction = r or student.default_r, reduction or student.reduction
    result = qat(student, features, steps, r=r, reduction=reduction, config=config, log=log, device=device)
    tensors = unfold(student, result.graph, r, reduction)
    record = QatRecord(
        r, reduction, steps, result.ranges, result.weight_scales, round(result.start, 5), round(result.end, 5)
    )
    return store_record(replace(student, tensors=tensors), record)


def _better_biases(model: QatGraph, inputs: torch.Tensor, targets: torch.Tensor, config: QatConfig) -> float:
    """Correct the biases where that helps (clipped outliers can make it harm); returns the cosine that learning starts at."""
    plain = _mean_cosine(_embed(model, inputs, config.batch), targets)
    kept = {name: bias.detach().clone() for name, bias in model.biases.items()}
    model.correct_biases(inputs[: config.correction])
    corrected = _mean_cosine(_embed(model, inputs, config.batch), targets)
    if corrected > plain:
        return corrected
    with torch.no_grad():
        for name, bias in kept.items():
            model.biases[name].copy_(bias)
    return plain


def varied(inputs: torch.Tensor, batch: int, rng: np.random.Generator) -> torch.Tensor:
    """(batch, frames, ...) windows rolled in time, louder or softer, half of them mixed with another one.

    The float student answers for any sound, so sounds need not be ones that anybody has heard.
    """
    first, second = _picks(rng, len(inputs), batch), _picks(rng, len(inputs), batch)
    count = len(first)
    shape = (count, *[1] * (inputs.ndim - 1))
    share = np.where(rng.uniform(size=count) < 0.5, rng.uniform(0.5, 1.0, count), 1.0).reshape(shape)
    level = rng.uniform(-0.3, 0.3, count).reshape(shape)  # in units of the network's input: 6 dB either way
    mix, offset = (torch.from_numpy(v.astype(np.float32)).to(inputs.device) for v in (share, level))
    frames = inputs.shape[1]
    rolled = torch.roll(inputs[first], int(rng.integers(frames)), 1)
    return mix * rolled + (1 - mix) * torch.roll(inputs[second], int(rng.integers(frames)), 1) + offset


def _picks(rng: np.random.Generator, count: int, batch: int) -> torch.Tensor:
    return torch.from_numpy(rng.permutation(count)[:batch])


def _loss(model: QatGraph, teacher: QatGraph, x: torch.Tensor, block_weight: float) -> torch.Tensor:
    """1 - cosine of the embeddings, and of each block's end the squared error as a share of its float square."""
    with torch.no_grad():
        wanted, wanted_blocks = teacher(x, rounded=False)
    found, blocks = model(x)
    loss = cosine_distillation_loss(found.flatten(1), wanted.flatten(1))
    if block_weight and blocks:
        shares = [
            F.mse_loss(b, w) / w.square().mean().clamp_min(1e-12) for b, w in zip(blocks, wanted_blocks, strict=True)
        ]
        loss = loss + block_weight * torch.stack(shares).mean()
    return loss


def _groups(model: QatGraph, config: QatConfig) -> list[dict]:
    weights = [w.codes for w in model.weights.values()]  # type: ignore[union-attr]
    gains = [w.log_gain for w in model.weights.values()]  # type: ignore[union-attr]
    fakes = [f for f in dict.fromkeys(model.fakes.values()) if f.learn]  # type: ignore[union-attr]
    return [
        {"params": weights, "lr": config.weight_rate},
        {"params": [b for b in model.biases.values() if b.requires_grad], "lr": config.bias_rate},
        {"params": [f.zero for f in fakes], "lr": config.zero_rate},
        {"params": gains, "lr": config.gain_rate},
        {"params": [f.log_scale for f in fakes], "lr": config.scale_rate},
    ]


def _rate(step: int, steps: int) -> float:
    """A tenth of warm-up, then half a cosine to nothing."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, steps - warm))))


@torch.no_grad()
def _embed(model: QatGraph, inputs: torch.Tensor, batch: int, rounded: bool = True) -> torch.Tensor:
    return torch.cat([model(part, rounded)[0].flatten(1) for part in inputs.split(batch)])


def _mean_cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(F.cosine_similarity(a, b, dim=-1).mean())
