"""MobileNetV3 mn10 as S-SONDO and EfficientAT use it: the key layout `features.<n>...`, a 960-d pooled embedding.

Inverted residuals: 1x1 expansion, depthwise, squeeze-excite over channels with a plain sigmoid, linear 1x1; batch norms
with eps 1e-3, no convolution bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

BN_EPS, BN_MOMENTUM = 1e-3, 0.01
STEM, EMBEDDING = 16, 960


@dataclass(frozen=True)
class InvertedBlock:
    """One inverted residual; `squeeze` 0: no squeeze-excite; the skip exists where shapes allow it."""

    c_in: int
    kernel: int
    expand: int
    c_out: int
    squeeze: int
    hswish: bool
    stride: int

    @property
    def skip(self) -> bool:
        return self.stride == 1 and self.c_in == self.c_out


# MobileNetV3-Large at width 1.0 (arXiv 1905.02244, table 1), with SE widths of a quarter rounded to multiples of 8
MN10 = (
    InvertedBlock(16, 3, 16, 16, 0, False, 1),
    InvertedBlock(16, 3, 64, 24, 0, False, 2),
    InvertedBlock(24, 3, 72, 24, 0, False, 1),
    InvertedBlock(24, 5, 72, 40, 24, False, 2),
    InvertedBlock(40, 5, 120, 40, 32, False, 1),
    InvertedBlock(40, 5, 120, 40, 32, False, 1),
    InvertedBlock(40, 3, 240, 80, 0, True, 2),
    InvertedBlock(80, 3, 200, 80, 0, True, 1),
    InvertedBlock(80, 3, 184, 80, 0, True, 1),
    InvertedBlock(80, 3, 184, 80, 0, True, 1),
    InvertedBlock(80, 3, 480, 112, 120, True, 1),
    InvertedBlock(112, 3, 672, 112, 168, True, 1),
    InvertedBlock(112, 5, 672, 160, 168, True, 2),
    InvertedBlock(160, 5, 960, 160, 240, True, 1),
    InvertedBlock(160, 5, 960, 160, 240, True, 1),
)


def conv_norm(c_in: int, c_out: int, kernel: int, stride: int, groups: int, act: nn.Module | None) -> nn.Sequential:
    """Convolution without bias, batch norm, activation: keys `0.weight` and `1.*`."""
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=BN_EPS, momentum=BN_MOMENTUM),
    ]
    return nn.Sequential(*layers, *([act] if act else []))


def activation(hswish: bool) -> nn.Module:
    return nn.Hardswish() if hswish else nn.ReLU()


class ChannelGate(nn.Module):
    """Squeeze-excite over channels: mean over time and frequency, ReLU, sigmoid; both layers have a bias."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class GateList(nn.Module):
    """Holds the gates under the published key `conc_se_layers`; mn10 has the channel gate alone."""

    def __init__(self, gate: ChannelGate) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([gate])

    def forward(self, x: Tensor) -> Tensor:
        return self.conc_se_layers[0](x)


class InvertedResidual(nn.Module):
    """One block under the key `block`."""

    def __init__(self, row: InvertedBlock) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if row.expand != row.c_in:
            layers.append(conv_norm(row.c_in, row.expand, 1, 1, 1, activation(row.hswish)))
        layers.append(conv_norm(row.expand, row.expand, row.kernel, row.stride, row.expand, activation(row.hswish)))
        if row.squeeze:
            layers.append(GateList(ChannelGate(row.expand, row.squeeze)))
        layers.append(conv_norm(row.expand, row.c_out, 1, 1, 1, None))
        self.block = nn.Sequential(*layers)
        self.skip = row.skip

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x if self.skip else self.block(x)


class MobileNetV3(nn.Module):
    """(batch, 1, mels, frames) -> (batch, 960): the mean over time and frequency of the last map."""

    width = EMBEDDING

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(1, STEM, 3, 2, 1, nn.Hardswish())]
        layers += [InvertedResidual(row) for row in MN10]
        layers.append(conv_norm(MN10[-1].c_out, EMBEDDING, 1, 1, 1, nn.Hardswish()))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean((2, 3))
