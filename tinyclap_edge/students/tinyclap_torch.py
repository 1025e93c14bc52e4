"""The tinyCLAP student as a torch module, with its published, folded or reduced head (docs/students.md has the algebra).

Only even rows and columns of the last map are read by the published head (its 1x1 convolution has stride 2), so with
a folded head the last block computes no others: twice its stride, and every other entry of its skip.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.students.phinet_torch import PhiNet, Sublayers
from tinyclap_edge.students.tinyclap_config import MELS, TinyclapConfig, parse_tinyclap


class EvenPositions(Sublayers):
    """A block of which only even rows and columns are computed."""

    def __init__(self, block: Sublayers) -> None:
        super().__init__(list(block._layers), block.skip)
        depthwise = next(m for m in self._layers if isinstance(m, nn.Conv2d) and m.groups > 1)
        depthwise.stride = (2 * depthwise.stride[0], 2 * depthwise.stride[1])

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for layer in self._layers:
            out = layer(out)
        return out + x[..., ::2, ::2] if self.skip else out


class PublishedHead(nn.Module):
    """Strided 1x1 convolution, mean, projection with a residual, LayerNorm."""

    def __init__(self, config: TinyclapConfig) -> None:
        super().__init__()
        self.pn_block = nn.Conv2d(config.channels, config.wide, 1, stride=2)
        self.linear1 = nn.Linear(config.wide, config.inner, bias=False)
        self.linear2 = nn.Linear(config.inner, config.inner, bias=False)
        self.layer_norm = nn.LayerNorm(config.inner)
        self.dropout = nn.Dropout(0.5)

    def forward(self, feature_map: Tensor) -> Tensor:
        first = self.linear1(self.pn_block(feature_map).mean((2, 3)))
        return self.layer_norm(first + self.dropout(self.linear2(F.gelu(first))))


class FoldedHead(nn.Module):
    """The same with convolution and first linear layer as one matrix behind the mean."""

    def __init__(self, config: TinyclapConfig) -> None:
        super().__init__()
        self.linear1 = nn.Linear(config.channels, config.inner)
        self.linear2 = nn.Linear(config.inner, config.inner, bias=False)
        self.layer_norm = nn.LayerNorm(config.inner)

    def forward(self, feature_map: Tensor) -> Tensor:
        first = self.linear1(feature_map.mean((2, 3)))
        return self.layer_norm(first + self.linear2(F.gelu(first)))


class ReducedHead(nn.Module):
    """r entries; LayerNorm's mean is inside the weights, its deviation a constant of calibration.

    pruned: the kept entries are the first of `linear1`, less the mean of all; rotated: the residual is the first
    channels of the pooled map itself, whose basis was turned for it.
    """

    def __init__(self, config: TinyclapConfig, dim: int) -> None:
        super().__init__()
        self.pruned = config.head == "pruned"
        direct = dim if self.pruned else min(dim, config.channels)
        self.linear1 = nn.Linear(config.channels, config.inner)
        self.gain = nn.Parameter(torch.ones(direct))
        self.linear2 = nn.Linear(config.inner, dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, feature_map: Tensor) -> Tensor:
        pooled = feature_map.mean((2, 3))
        first = self.linear1(pooled)
        source = first - first.mean(1, keepdim=True) if self.pruned else pooled
        direct = source[:, : self.gain.numel()] * self.gain
        out = self.linear2(F.gelu(first)) + self.bias
        return out + F.pad(direct, (0, out.shape[1] - direct.shape[1]))


class TinyclapStudent(nn.Module):
    """log-mel (batch, 1, frames, 64) in dB -> embedding (batch, dim), not unit length."""

    def __init__(self, arch: str, dim: int) -> None:
        super().__init__()
        config = parse_tinyclap(arch)
        self.arch, self.dim = arch, dim
        self.norm = nn.BatchNorm2d(MELS)  # over mel bins
        self.body = PhiNet(config.body)
        if config.head == "published":
            self.head: nn.Module = PublishedHead(config)
        else:
            self.body._layers[-1] = EvenPositions(self.body._layers[-1])  # type: ignore[arg-type]
            self.head = FoldedHead(config) if config.head == "folded" else ReducedHead(config, dim)

    def pooled(self, x: Tensor) -> Tensor:
        """Means of the even positions of the last map: (batch, channels), for a head that is not the published one."""
        return self.map(x).mean((2, 3))

    def map(self, x: Tensor) -> Tensor:
        """The last feature map, (batch, channels, height, width)."""
        return self.body(self.norm(x.transpose(1, 3)).transpose(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.map(x))
