"""PhiNet as a torch module, in the published state-dict layout (`_layers.3._layers.4.weight` ...), and our Student.

A Student is a PhiNet body, a global mean over time and frequency, and one linear layer: dropping or rotating output
dimensions is then dropping or mixing rows, exactly (see reduce/).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.students.phinet_config import NARROW_WIDTH, STEM_WIDTH, Block, PhiNetConfig, blocks, parse_arch

BN_EPS = 1e-3
BN_MOMENTUM = 0.01  # the published 0.999 keeps little but the last batch; statistics are averaged here


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding (the extra row and column go to the end)."""

    def forward(self, x: Tensor) -> Tensor:
        sizes = zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        top, left = totals = [max((-(-size // s) - 1) * s + k - size, 0) for size, k, s in sizes]
        if not any(total % 2 for total in totals):  # even: pad inside the kernel (30 % more clips a second in training)
            pads = (top // 2, left // 2)
            return F.conv2d(x, self.weight, self.bias, self.stride, pads, self.dilation, self.groups)
        return super().forward(F.pad(x, (left // 2, left - left // 2, top // 2, top - top // 2)))


class PeerPad(nn.Module):
    """The published stem padding: one row and column at the end when the larger side is even, else on all sides."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 1, 0, 1) if max(x.shape[2:]) % 2 == 0 else (1, 1, 1, 1))


class Sublayers(nn.Module):
    """A chain that stores its members under `_layers`, as the published checkpoints do."""

    def __init__(self, layers: list[nn.Module], skip: bool = False) -> None:
        super().__init__()
        self._layers = nn.ModuleList(layers)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for layer in self._layers:
            out = layer(out)
        return out + x if self.skip else out


class SqueezeExcite(nn.Module):
    """Channel gates from the global mean: 1x1, activation, 1x1, sigmoid."""

    def __init__(self, channels: int, squeezed: int, hswish: bool) -> None:
        super().__init__()
        self.se_conv = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.se_conv2 = nn.Conv2d(squeezed, channels, 1, bias=False)
        self.act = _activation(hswish)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.act(self.se_conv(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.se_conv2(gate))


class PhiNet(nn.Module):
    """(batch, channels, height, width) -> feature map, or logits when `classes` is given."""

    def __init__(self, config: PhiNetConfig, in_channels: int = 1, classes: int | None = None) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        if config.conv2d_input:
            width = config.width(NARROW_WIDTH)
            layers += [nn.Conv2d(in_channels, width, 3, bias=False), _activation(config.hswish), _norm(width)]
        else:
            width = config.width(STEM_WIDTH)
            layers.append(PeerPad() if config.padding == "peer" else nn.Identity())
            conv = nn.Conv2d if config.padding == "peer" else SameConv
            depthwise = conv(in_channels, in_channels, 3, config.stem_stride, groups=in_channels, bias=False)
            pointwise = nn.Conv2d(in_channels, width, 1, bias=False)
            layers.append(Sublayers([depthwise, pointwise, _norm(width), _activation(config.hswish)]))
        for block in blocks(config):
            layers += [nn.MaxPool2d(2)] * block.pool_before
            layers.append(_block(block, config))
            layers += [nn.MaxPool2d(2)] * block.pool_after
            width = block.c_out
        self._layers = nn.ModuleList(layers)
        self.out_channels = width
        if classes is not None:
            self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self._layers:
            x = layer(x)
        return self.classifier(x) if hasattr(self, "classifier") else x


class Student(nn.Module):
    """log-mel (batch, 1, frames, mels), normalised -> embedding (batch, dim), not unit length."""

    def __init__(self, arch: str, dim: int) -> None:
        super().__init__()
        self.arch, self.dim = arch, dim
        self.body = PhiNet(parse_arch(arch))
        self.head = nn.Linear(self.body.out_channels, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


def _block(block: Block, config: PhiNetConfig) -> nn.Module:
    layers: list[nn.Module] = []
    if block.index:
        layers += [nn.Conv2d(block.c_in, block.expanded, 1, bias=False), _norm(block.expanded)]
        layers.append(_activation(config.hswish))
    layers.append(nn.Dropout2d(config.dropout))
    kernel, stride, wide = block.kernel, block.stride, block.expanded
    if config.padding == "same":
        layers.append(SameConv(wide, wide, kernel, stride, groups=wide, bias=False))
    else:
        pad = kernel // 2 if stride == 1 else 1
        layers.append(nn.Conv2d(wide, wide, kernel, stride, pad, groups=wide, bias=False))
    layers += [_norm(wide), _activation(config.hswish)]
    if block.se_width:
        layers.append(SqueezeExcite(wide, block.se_width, config.hswish))
    layers += [nn.Conv2d(wide, block.c_out, 1, bias=False), _norm(block.c_out)]
    return Sublayers(layers, skip=block.skip)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


def _activation(hswish: bool) -> nn.Module:
    return nn.Hardswish() if hswish else nn.ReLU6()
