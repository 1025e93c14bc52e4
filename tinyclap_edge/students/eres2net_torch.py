"""ERes2Net (arXiv 2305.12838) at S-SONDO's size: 16 channels, blocks 3 4 6 3 3, a 1024-d embedding.

Res2Net blocks in two splits; from the third stage on the splits are joined by attentional feature fusion, which also
joins the stages from below. Few parameters, but full-resolution maps: by far the most MACs of the students.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STAGES = (  # planes, blocks, stride, fusion inside the block
    (16, 3, 1, False),
    (32, 4, 2, False),
    (64, 6, 2, True),
    (128, 3, 2, True),
    (32, 3, 2, True),
)
SCALE, EXPANSION, REDUCTION = 2, 2, 4


class Clamp20(nn.Module):
    """ReLU that saturates at 20."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0.0, 20.0)


class Fusion(nn.Module):
    """Attentional feature fusion of two maps: x (1 + a) + y (1 - a), a = tanh of a small network over both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // REDUCTION
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.SiLU(),
            nn.Conv2d(inner, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        attention = torch.tanh(self.local_att(torch.cat([x, y], 1)))
        return x * (1 + attention) + y * (1 - attention)


class Res2Block(nn.Module):
    """1x1 (with the stride), two 3x3 convolutions in series over splits, 1x1 to twice the planes, residual."""

    def __init__(self, c_in: int, planes: int, stride: int, fused: bool) -> None:
        super().__init__()
        width, c_out = planes // 2, planes * EXPANSION
        self.width = width
        self.conv1 = nn.Conv2d(c_in, width * SCALE, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width * SCALE)
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(SCALE)])
        self.bns = nn.ModuleList([nn.BatchNorm2d(width) for _ in range(SCALE)])
        if fused:
            self.fuse_models = nn.ModuleList([Fusion(width) for _ in range(SCALE - 1)])
        self.fused = fused
        self.conv3 = nn.Conv2d(width * SCALE, c_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out)
        self.act = Clamp20()
        self.shortcut = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        splits = self.act(self.bn1(self.conv1(x))).split(self.width, 1)
        done: list[Tensor] = []
        for i, (conv, norm) in enumerate(zip(self.convs, self.bns, strict=True)):
            part = splits[i]
            if i:
                part = self.fuse_models[i - 1](done[-1], part) if self.fused else done[-1] + part
            done.append(self.act(norm(conv(part))))
        return self.act(self.bn3(self.conv3(torch.cat(done, 1))) + self.shortcut(x))


class ERes2Net(nn.Module):
    """(batch, 1, mels, frames), at least 17 frames -> (batch, width): mean and deviation over time of the fused map.

    width is 8 a mel bin where these are a multiple of 16: 1024 at 128.
    """

    def __init__(self, mels: int = 128) -> None:
        super().__init__()
        self.width = 2 * STAGES[-1][0] * EXPANSION * -(-mels // 16)
        channels = STAGES[0][0]
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        widths = []
        for stage, (planes, count, stride, fused) in enumerate(STAGES, 1):
            blocks = []
            for index in range(count):
                blocks.append(Res2Block(channels, planes, stride if index == 0 else 1, fused))
                channels = planes * EXPANSION
            widths.append(channels)
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        for stage in range(1, len(STAGES)):
            down = nn.Conv2d(widths[stage - 1], widths[stage], 3, 2, 1, bias=False)
            self.add_module(f"layer{stage}_downsample", down)
            self.add_module(_fusion(stage), Fusion(widths[stage]))

    def forward(self, x: Tensor) -> Tensor:
        below = stage_out = self.get_submodule("layer1")(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, len(STAGES)):
            stage_out = self.get_submodule(f"layer{stage + 1}")(stage_out)
            below = self.get_submodule(_fusion(stage))(stage_out, self.get_submodule(f"layer{stage}_downsample")(below))
        mean = below.mean(3).flatten(1)  # (batch, channels * mels / 16), channel-major
        deviation = torch.sqrt(below.var(3) + 1e-8).flatten(1)
        return torch.cat([mean, deviation], 1)


def _fusion(stage: int) -> str:
    """The published key of the fusion above `stage`: fuse_mode12, fuse_mode123, ..."""
    return "fuse_mode" + "".join(str(i) for i in range(1, stage + 2))
