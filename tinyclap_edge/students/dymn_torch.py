"""DyMN dymn10: a MobileNetV3 whose kernels, activations and attention depend on the input through one context per block.

Dynamic convolution (arXiv 1912.03458), Dy-ReLU-B (arXiv 2003.10027) and coordinate attention (arXiv 2103.02907) share
the context, as in dynamic MobileNets for audio tagging (arXiv 2310.15648). The temperature of the kernels' softmax is
not in a checkpoint: 30 for S-SONDO's, 1 for EfficientAT's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.students.mobilenet_torch import (
    BN_EPS,
    BN_MOMENTUM,
    EMBEDDING,
    MN10,
    STEM,
    InvertedBlock,
    activation,
    conv_norm,
)

KERNELS = 4  # that each dynamic convolution mixes


class DynamicConv(nn.Module):
    """A convolution whose kernel is a mixture of four, weighted for each clip by softmax(context / temperature)."""

    def __init__(
        self, context: int, c_in: int, c_out: int, kernel: int, stride: int, groups: int, temperature: float
    ) -> None:
        super().__init__()
        self.shape = (c_out, c_in // groups, kernel, kernel)
        self.stride, self.groups, self.temperature = stride, groups, temperature
        self.residuals = nn.Sequential(nn.Linear(context, KERNELS))
        size = math.prod(self.shape)
        weight = torch.randn(1, 1, KERNELS, size) * math.sqrt(2 * c_out / size)  # He: fan-in of one kernel
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x: (batch, c_in, height, width), context: (batch, context)."""
        batch, c_in, height, width = x.shape
        share = torch.softmax(self.residuals(context) / self.temperature, 1)  # (batch, KERNELS)
        kernels = (share @ self.weight[0, 0]).reshape(batch * self.shape[0], *self.shape[1:])
        one = x.reshape(1, batch * c_in, height, width)  # each clip is a group with kernels of its own
        padding = self.shape[2] // 2
        out = F.conv2d(one, kernels, None, self.stride, padding, 1, batch * self.groups)
        return out.reshape(batch, self.shape[0], *out.shape[2:])

    def macs(self, output: Tensor) -> int:
        """Of mixing the kernels and of the convolution, for one clip."""
        size = math.prod(self.shape)
        return KERNELS * size + size * output.shape[2] * output.shape[3]


class DyReLU(nn.Module):
    """max(x * t0 + t2, x * t1 + t3) with four values a channel from the context."""

    lambdas: Tensor
    init_v: Tensor

    def __init__(self, context: int, channels: int) -> None:
        super().__init__()
        self.coef_net = nn.Sequential(nn.Linear(context, 4 * channels))
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        theta = 2 * torch.sigmoid(self.coef_net(context)) - 1  # (batch, 4 * channels)
        t = (theta.reshape(x.shape[0], x.shape[1], 4) * self.lambdas + self.init_v)[:, :, None, None]
        return torch.maximum(x * t[..., 0] + t[..., 2], x * t[..., 1] + t[..., 3])


class ContextGen(nn.Module):
    """From a block's input: one context vector, and gates along frequency and along time."""

    def __init__(self, context: int, c_in: int, expand: int, stride: int) -> None:
        super().__init__()
        self.joint_conv = nn.Conv2d(c_in, context, 1, bias=False)
        self.joint_norm = nn.BatchNorm2d(context, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.conv_f = nn.Conv2d(context, expand, 1)
        self.conv_t = nn.Conv2d(context, expand, 1)
        self.stride = stride

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (batch, c_in, F, T). Returns (batch, context), (batch, expand, F', 1) and (batch, expand, 1, T')."""
        along_f, along_t = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        joint = F.hardswish(self.joint_norm(self.joint_conv(torch.cat([along_f, along_t], 2))))  # (.., F + T, 1)
        part_f, part_t = joint.split([x.shape[2], x.shape[3]], 2)
        if self.stride == 2:
            part_f, part_t = (F.avg_pool2d(p, (3, 1), (2, 1), (1, 0)) for p in (part_f, part_t))
        return joint.mean((2, 3)), self.conv_f(part_f), self.conv_t(part_t.transpose(2, 3))


class DynamicBlock(nn.Module):
    """An inverted residual of dynamic parts; the first block has no expansion."""

    def __init__(self, row: InvertedBlock, temperature: float) -> None:
        super().__init__()
        context = context_width(row.expand)
        self.has_expand, self.skip = row.expand != row.c_in, row.skip
        if self.has_expand:
            self.exp_conv = DynamicConv(context, row.c_in, row.expand, 1, 1, 1, temperature)
            self.exp_norm = nn.BatchNorm2d(row.expand, eps=BN_EPS, momentum=BN_MOMENTUM)
            self.exp_act = activation(row.hswish)
        self.depth_conv = DynamicConv(context, row.expand, row.expand, row.kernel, row.stride, row.expand, temperature)
        self.depth_norm = nn.BatchNorm2d(row.expand, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.depth_act = DyReLU(context, row.expand)
        self.proj_conv = DynamicConv(context, row.expand, row.c_out, 1, 1, 1, temperature)
        self.proj_norm = nn.BatchNorm2d(row.c_out, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.context_gen = ContextGen(context, row.c_in, row.expand, row.stride)

    def forward(self, x: Tensor) -> Tensor:
        context, gate_f, gate_t = self.context_gen(x)
        out = x
        if self.has_expand:
            out = self.exp_act(self.exp_norm(self.exp_conv(out, context)))
        out = self.depth_act(self.depth_norm(self.depth_conv(out, context)), context)
        out = out * torch.sigmoid(gate_f) * torch.sigmoid(gate_t)
        out = self.proj_norm(self.proj_conv(out, context))
        return out + x if self.skip else out


def context_width(expand: int) -> int:
    """A quarter of the expansion, to a multiple of 8, within 32..128."""
    near = max(8, (expand // 4 + 4) // 8 * 8)
    if near < 0.9 * (expand // 4):
        near += 8
    return min(max(near, 32), 128)


class DyMN(nn.Module):
    """(batch, 1, mels, frames) -> (batch, 960)."""

    width = EMBEDDING

    def __init__(self, temperature: float = 30.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList([DynamicBlock(row, temperature) for row in MN10])
        self.in_c = conv_norm(1, STEM, 3, 2, 1, nn.Hardswish())
        self.out_c = conv_norm(MN10[-1].c_out, EMBEDDING, 1, 1, 1, nn.Hardswish())

    def forward(self, x: Tensor) -> Tensor:
        x = self.in_c(x)
        for layer in self.layers:
            x = layer(x)
        return self.out_c(x).mean((2, 3))
