"""Fake quantisation: int8 rounding inside a float computation, with scales that learn.

Rounding passes gradients straight through; the gradients of scale and zero point follow LSQ (arXiv 1902.08153) and LSQ+
(arXiv 2004.09576). Scales are learnt as logarithms, so that they stay positive and a step means a share. What is learnt
here is exactly what the quantiser takes: `low` and `high` are the values of the codes -128 and 127.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tinyclap_export.graph import Quant
from torch import Tensor, nn

ACTIVATION_CODES = (-128, 127)
WEIGHT_CODES = (-127, 127)  # symmetric, as TFLite wants them


class _Round(torch.autograd.Function):
    """x -> (clamp(round(x / scale) + zero) - zero) * scale, the gradients of LSQ+ behind it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero: Tensor, low: int, high: int) -> Tensor:
        whole = zero.round()
        code = (x / scale).add_(whole)
        out = code.round().clamp_(low, high).sub_(whole)
        ctx.save_for_backward(code, out, scale)
        ctx.bounds = (low, high)
        return out * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        code, out, scale = ctx.saved_tensors
        low, high = ctx.bounds
        inside = (code >= low - 0.5) & (code <= high + 0.5)
        through = grad * inside
        error = torch.where(inside, code.round() - code, out)  # outside: the code at which x was cut off
        to_scale = _sum_to(grad * error, scale)
        to_zero = None
        if ctx.needs_input_grad[2]:
            to_zero = _sum_to((grad - through) * -scale, scale)
        return through, to_scale, to_zero, None, None


def _sum_to(x: Tensor, like: Tensor) -> Tensor:
    """Sum over the axes along which `like` was spread."""
    return x.sum_to_size(like.shape) if like.ndim else x.sum()


class FakeActivation(nn.Module):
    """int8 per tensor, asymmetric. `limit`: a largest scale, where the quantiser clips the range by itself."""

    def __init__(self, start: Quant, learn: bool = True, limit: float | None = None) -> None:
        super().__init__()
        self.learn = learn
        self.limit = limit
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(start.s))), requires_grad=learn)
        self.zero = nn.Parameter(torch.tensor(float(start.z)), requires_grad=learn)
        self.fixed = start

    @property
    def scale(self) -> Tensor:
        scale = self.log_scale.exp()
        return scale if self.limit is None else scale.clamp(max=self.limit)

    def forward(self, x: Tensor) -> Tensor:
        return _Round.apply(x, self.scale, self.zero.clamp(*ACTIVATION_CODES), *ACTIVATION_CODES)

    @torch.no_grad()
    def learnt(self) -> tuple[float, float]:
        """(low, high): what the codes -128 and 127 stand for."""
        scale, zero = float(self.scale), round(float(self.zero.clamp(*ACTIVATION_CODES)))
        return (-128 - zero) * scale, (127 - zero) * scale


class _WholeCodes(torch.autograd.Function):
    """clamp(round(codes)), the gradient straight through where nothing is cut off."""

    @staticmethod
    def forward(ctx: Any, codes: Tensor, low: int, high: int) -> Tensor:
        ctx.save_for_backward((codes >= low - 0.5) & (codes <= high + 0.5))
        return codes.round().clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0] * ctx.saved_tensors[0], None, None


class FakeWeight(nn.Module):
    """A constant as its int8 codes times a scale, symmetric, one scale a slice of the first axis, or one in all.

    Codes and scale learn apart: a step of the codes is the same for a large and a small channel, and a step of the scale
    is a gain of its channel, bias included.
    """

    def __init__(self, value: Tensor, start: Tensor) -> None:
        super().__init__()
        self.unit: Tensor
        shape = (-1, *[1] * (value.ndim - 1)) if start.numel() > 1 else (1,) * value.ndim
        self.register_buffer("unit", start.reshape(shape).clone())
        self.codes = nn.Parameter(value / self.unit)
        self.log_gain = nn.Parameter(torch.zeros_like(self.unit))  # relative to the first scale

    @property
    def gain(self) -> Tensor:
        """(k,) of each slice."""
        return self.log_gain.exp().reshape(-1)

    @property
    def scale(self) -> Tensor:
        """As `unit`: (k, 1, ...)."""
        return self.unit * self.log_gain.exp()

    def forward(self, rounded: bool = True) -> Tensor:
        codes = _WholeCodes.apply(self.codes, *WEIGHT_CODES) if rounded else self.codes
        return codes * self.scale

    @torch.no_grad()
    def learnt(self) -> tuple[Tensor, Tensor]:
        """(value on its grid, (k,) scales), float32."""
        return self(), self.scale.reshape(-1)
