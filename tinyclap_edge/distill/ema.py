"""Exponential moving average of weights and batch-norm statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Result = TypeVar("Result")


class Average:
    """The averaged state of a model; young averages follow faster. A decay of 0 follows the model exactly."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow: dict[str, Tensor] = {n: value.detach().clone() for n, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """After optimiser step `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value, 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def borrow(self, model: nn.Module, action: Callable[[], Result]) -> Result:
        """Run `action` while the model holds the averaged weights, in evaluation mode."""
        kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.shadow)
        model.eval()
        try:
            return action()
        finally:
            model.load_state_dict(kept)
            model.train()
