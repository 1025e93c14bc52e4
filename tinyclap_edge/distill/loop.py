"""The training loop: a fixed number of steps, a schedule, a moving average, resumable to the same weights.

The loop knows nothing of audio: a task gives it the loss of step i. Batches are functions of the seed and the step,
so a resumed run sees exactly the batches that the uninterrupted one would have seen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tinyclap_edge.distill.checkpoint import OneFile
from tinyclap_edge.distill.ema import Average
from tinyclap_edge.distill.processes import ALONE, World
from tinyclap_edge.distill.schedules import SCHEDULES
from tinyclap_edge.errors import GateFailed


@dataclass(frozen=True)
class TrainConfig:
    """steps: optimiser steps of the schedule; stop: those really done (None: all of them); warmup: share of the steps with
    a rising rate; ema: decay of the averaged weights, 0 for none."""

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
    schedule: str = "cosine"
    optimiser: str = "adamw"


Loss = Callable[[int, torch.Generator], Tensor]
Log = Callable[[str], None]
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


class Keeper(Protocol):
    """Where checkpoints go; see checkpoint.py."""

    def load(self) -> dict[str, Any] | None: ...

    def save(self, state: dict[str, Any], score: float | None) -> None: ...


@dataclass(frozen=True)
class Step:
    """One finished optimiser step, for whoever watches: loss and length of the gradient over all processes."""

    done: int
    loss: float
    rate: float
    gradient: float


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step by the schedule of the configuration."""
    return SCHEDULES[config.schedule](step, config.steps, config.learning_rate, config.warmup)


def train(
    model: nn.Module,
    loss: Loss,
    config: TrainConfig,
    *,
    checkpoint: Path | Keeper | None = None,
    groups: list[dict] | None = None,
    log: Log | None = None,
    title: str = "train",
    at_step: Callable[[int, nn.Module], float | None] | None = None,
    backward: Loss | None = None,
    world: World = ALONE,
    watch: Callable[[Step], None] | None = None,
    memory: dict[str, Any] | None = None,
    name_batch: Callable[[int], str] | None = None,
) -> dict[str, Tensor]:
    """Train `model` in place and return the averaged weights (a state dict).

    loss(step, generator) -> scalar; generator is seeded by (seed, step) and the only source of randomness besides
    dropout, which is seeded likewise. backward: instead of loss, computes the gradients as well (in parts, say).
    groups: optimiser parameter groups with an optional 'lr_factor'.
    at_step(step, averaged model) is called after every `checkpoint_every` steps, and after the last; what it returns
    is the checkpoint's score. watch(step) is called after each step. memory: plain values that checkpoints carry.
    A loss or gradient that is not finite stops the run (GateFailed, with name_batch(step) in it) and leaves the last
    checkpoint.
    """
    log = log or (lambda line: print(line, file=sys.stderr, flush=True))
    groups = groups or [{"params": list(model.parameters())}]
    factors = [float(group.pop("lr_factor", 1.0)) for group in groups]
    optimiser = OPTIMISERS[config.optimiser](groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    average = Average(model, config.ema)
    keeper: Keeper | None = OneFile(checkpoint) if isinstance(checkpoint, Path) else checkpoint
    start, last = 0, config.stop or config.steps
    state = keeper.load() if keeper else None
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.shadow = {name: value.to(average.shadow[name]) for name, value in state["average"].items()}
        start = int(state["step"])
        if memory is not None:
            memory.update(state.get("memory", {}))
        log(f"{title}: resumed at step {start}")
    recent: list[float] = []
    began = time.monotonic()
    with _progress(title, last, start, world.first) as advance:
        for step in range(start, last):
            model.train()
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            torch.manual_seed(config.seed * 1_000_003 + step + world.rank * 7_777_777)
            rate = learning_rate(step, config)
            for group, factor in zip(optimiser.param_groups, factors, strict=True):
                group["lr"] = rate * factor
            optimiser.zero_grad(set_to_none=True)
            value = (backward or loss)(step, generator)
            mean = world.mean(value).item()
            _demand_finite(mean, "loss", title, step, name_batch)
            if backward is None:
                value.backward()
            length = float(nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm))
            _demand_finite(length, "gradient", title, step, name_batch)
            optimiser.step()
            average.update(model, step)
            recent.append(mean)
            advance(mean)
            done = step + 1
            if watch:
                watch(Step(done, mean, rate, length))
            if done % config.log_every == 0 or done == last:
                seconds = time.monotonic() - began
                pace = (done - start) * config.batch / seconds
                log(f"{title}: step {done}/{last} loss {sum(recent) / len(recent):.4f} {pace:.0f} clips/s")
                recent.clear()
            if done % config.checkpoint_every == 0 or done == last:
                score = average.borrow(model, partial(at_step, done, model)) if at_step else None
                if keeper and world.first:
                    keeper.save(
                        {
                            "model": model.state_dict(),
                            "optimiser": optimiser.state_dict(),
                            "average": average.shadow,
                            "step": done,
                            "sampler": {"seed": config.seed, "step": done},
                            "rng": torch.get_rng_state(),
                            "memory": memory or {},
                        },
                        score,
                    )
                world.wait()
    return {name: value.clone() for name, value in average.shadow.items()}


def _demand_finite(value: float, what: str, title: str, step: int, name_batch: Callable[[int], str] | None) -> None:
    if value - value != 0:  # NaN or infinity
        batch = f"; its batch: {name_batch(step)}" if name_batch else ""
        raise GateFailed(
            f"{title}: the {what} of step {step} is {value}{batch}", "the last checkpoint is kept; lower the rate"
        )


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

    def __init__(self, title: str, steps: int, start: int, shown: bool = True) -> None:
        self.title, self.steps, self.start, self.shown = title, steps, start, shown
        self.bar: Any = None

    def __enter__(self) -> Callable[[float], None]:
        if not (self.shown and sys.stderr.isatty()):
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
