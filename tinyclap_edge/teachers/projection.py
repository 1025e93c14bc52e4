"""The projection of MS CLAP, on both sides: two bias-free linear layers around a shortcut, then LayerNorm."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Projection(nn.Module):
    """(batch, c_in) -> (batch, dim), not of unit length: LayerNorm(e + L2 gelu(e)) with e = L1 x.

    microsoft/CLAP, msclap/models/clap.py; the dropout of 0.5 on the second branch acts in training only.
    """

    def __init__(self, c_in: int, dim: int = 1024) -> None:
        super().__init__()
        self.linear1 = nn.Linear(c_in, dim, bias=False)
        self.linear2 = nn.Linear(dim, dim, bias=False)
        self.layer_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear1(x)
        return self.layer_norm(x + self.linear2(F.gelu(x)))
