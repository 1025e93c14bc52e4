"""CNN14 (PANNs, arXiv 1912.10211) as MS CLAP 2022 uses it: without its class head."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 1024, 2048)
EMBEDDING = 2048


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with batch norm and ReLU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Cnn14(nn.Module):
    """Log-mels in dB (batch, 1, frames, 64) -> (batch, 2048). At least 32 frames."""

    def __init__(self, mel_bins: int = 64) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(mel_bins)
        for i, (c_in, c_out) in enumerate(zip((1, *WIDTHS), WIDTHS, strict=False), start=1):
            self.add_module(f"conv_block{i}", ConvBlock(c_in, c_out))
        self.fc1 = nn.Linear(EMBEDDING, EMBEDDING)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        for i in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"conv_block{i}")(x)
            if i < len(WIDTHS):
                x = F.avg_pool2d(x, 2)
        x = x.mean(3)  # (batch, 2048, frames / 32)
        return F.relu(self.fc1(x.amax(2) + x.mean(2)))
