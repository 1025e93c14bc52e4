"""The training loop: a fixed number of steps, cosine schedule, moving average, resumable to the same weights.

The loop knows nothing of audio: a task gives it the loss of step i. Batches are functions of the seed and the step,
so a resumed run sees exactly the batches that the uninterrupted one would have seen.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tinyclap_edge.distill.checkpoint import load_checkpoint, save_checkpoint
from tinyclap_edge.errors import GateFailed


@dataclass(frozen=True)
class TrainConfig:
    """steps: optimiser steps of the schedule; stop: those really done (None: all of them); warmup: share of the steps with
    a rising rate; ema: decay of the averaged weights."""

    steps: int
    learning_rate: float
    batch: int = 64
    weight_decay: float = 1e-4
    warmup: float = 0.05
    ema: float = 0.995
    seed: int = 0
    clip_norm: float = 5.0
    checkpoint_every: int = 250
    log_every: int = 100
    stop: int | None = None


Loss = Callable[[int, torch.Generator], Tensor]
Log = Callable[[str], None]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine down to 1 % of the peak."""
    warm = max(1, int(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    at = (step - warm) / max(1, config.steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * at)))


def train(
    model: nn.Module,
    loss: Loss,
    config: TrainConfig,
    *,
    checkpoint: Path | None = None,
    groups: list[dict] | None = None,
    log: Log | None = None,
    title: str = "train",
    at_step: Callable[[int, nn.Module], None] | None = None,
) -> dict[str, Tensor]:
    """Train `model` in place and return the averaged weights (a state dict).

    loss(step, generator) -> scalar; generator is seeded by (seed, step) and the only source of randomness besides
    dropout, which is seeded likewise. groups: optimiser parameter groups with an optional 'lr_factor'.
    at_step(step, averaged model) is called after every `checkpoint_every` steps, and after the last.
    A loss that is not finite stops the run (GateFailed) and leaves the last checkpoint.
    """
    log = log or (lambda line: print(line, file=sys.stderr, flush=True))
    groups = groups or [{"params": list(model.parameters())}]
    factors = [float(group.pop("lr_factor", 1.0)) for group in groups]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    average = _Average(model, config.ema)
    start, last = 0, config.stop or config.steps
    state = load_checkpoint(checkpoint) if checkpoint else None
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.shadow = state["average"]
        start = int(state["step"])
        log(f"{title}: resumed at step {start}")
    recent: list[float] = []
    began = time.monotonic()
    with _progress(title, last, start) as advance:
        for step in range(start, last):
            model.train()
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            torch.manual_seed(config.seed * 1_000_003 + step)
            rate = learning_rate(step, config)
            for group, factor in zip(optimiser.param_groups, factors, strict=True):
                group["lr"] = rate * factor
            optimiser.zero_grad(set_to_none=True)
            value = loss(step, generator)
            if not torch.isfinite(value):
                raise GateFailed(
                    f"{title}: the loss of step {step} is {value.item()}", "the last checkpoint is kept; lower the rate"
                )
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            optimiser.step()
            average.update(model, step)
            recent.append(value.item())
            advance(recent[-1])
            done = step + 1
            if done % config.log_every == 0 or done == last:
                seconds = time.monotonic() - began
                pace = (done - start) * config.batch / seconds
                log(f"{title}: step {done}/{last} loss {sum(recent) / len(recent):.4f} {pace:.0f} clips/s")
                recent.clear()
            if done % config.checkpoint_every == 0 or done == last:
                if checkpoint:
                    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
                    save_checkpoint(checkpoint, state | {"average": average.shadow, "step": done})
                if at_step:
                    average.borrow(model, partial(at_step, done, model))
    return {name: value.clone() for name, value in average.shadow.items()}


class _Average:
    """Exponential moving average of weights and batch-norm statistics; young averages follow faster."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value, 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def borrow(self, model: nn.Module, action: Callable[[], None]) -> None:
        """Run `action` while the model holds the averaged weights."""
        kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.shadow)
        model.eval()
        try:
            action()
        finally:
            model.load_state_dict(kept)
            model.train()


def lean(model: nn.Module) -> nn.Module:
    """Make a PhiNet quicker to train on a CPU without changing what it computes; returns it.

    Activations work in place, dropout of 5 % is off (a small student underfits), maps are channels-last.
    """
    for module in model.modules():
        if isinstance(module, (nn.ReLU6, nn.Hardswish)):
            module.inplace = True
        elif isinstance(module, nn.Dropout2d):
            module.p = 0.0
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


class _progress:
    """A bar on a terminal, nothing elsewhere (the log's plain lines are enough there)."""

    def __init__(self, title: str, steps: int, start: int) -> None:
        self.title, self.steps, self.start = title, steps, start
        self.bar: Any = None

    def __enter__(self) -> Callable[[float], None]:
        if not sys.stderr.isatty():
            return lambda loss: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True))
        self.bar.start()
        task = self.bar.add_task(self.title, total=self.steps, completed=self.start)
        return lambda loss: self.bar.update(task, advance=1, description=f"{self.title} {loss:.3f}")

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()
