"""HTSAT (arXiv 2202.00874) as MS CLAP 2023 uses it: a Swin transformer over a folded spectrogram, without class heads.

64 mel bins x 1024 frames are folded into an image of 256 x 256, four stretches of time on top of each other, cut into
4 x 4 patches, and go through four stages of windowed attention (Swin, arXiv 2103.14030).
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE, MEL_BINS, PATCH, WINDOW = 256, 64, 4, 8
FRAMES = SIDE * SIDE // MEL_BINS
EMBED, DEPTHS, HEADS = 96, (2, 2, 6, 2), (4, 8, 16, 32)
EMBEDDING = EMBED << (len(DEPTHS) - 1)


class WindowAttention(nn.Module):
    """Attention within windows of 8 x 8 tokens, with a learned bias for each relative position."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * WINDOW - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x: (batch * windows, 64, width); mask: (windows, 64, 64) added to the scores, or None."""
        rows, tokens, width = x.shape
        q, k, v = self.qkv(x).view(rows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[relative_positions()].view(tokens, tokens, self.heads).permute(2, 0, 1)
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1) + bias  # (rows, heads, 64, 64)
        if mask is not None:
            windows = len(mask)
            scores = scores.view(rows // windows, windows, self.heads, tokens, tokens) + mask.to(scores)[:, None]
            scores = scores.view(rows, self.heads, tokens, tokens)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, tokens, width))


class Mlp(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """Windowed attention and an MLP, each behind a LayerNorm and a shortcut; odd blocks shift the windows by half."""

    def __init__(self, width: int, side: int, heads: int, shifted: bool) -> None:
        super().__init__()
        self.side = side
        self.shift = WINDOW // 2 if shifted and side > WINDOW else 0
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, width = x.shape
        side, cells, shift = self.side, self.side // WINDOW, self.shift
        y = self.norm1(x).view(batch, side, side, width)
        if shift:
            y = y.roll((-shift, -shift), (1, 2))
        y = y.view(batch, cells, WINDOW, cells, WINDOW, width).transpose(2, 3).reshape(-1, WINDOW * WINDOW, width)
        y = self.attn(y, shift_mask(side, shift) if shift else None)
        y = y.view(batch, cells, cells, WINDOW, WINDOW, width).transpose(2, 3).reshape(batch, side, side, width)
        if shift:
            y = y.roll((shift, shift), (1, 2))
        x = x + y.reshape(batch, side * side, width)
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """2 x 2 neighbouring tokens to one of twice the width."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(len(x), self.side, self.side, -1)
        corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, -1).flatten(1, 2)))


class Stage(nn.Module):
    """`depth` Swin blocks at one resolution, then merging to the next (not after the last)."""

    def __init__(self, width: int, side: int, depth: int, heads: int, last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SwinBlock(width, side, heads, i % 2 == 1) for i in range(depth))
        self.downsample = None if last else PatchMerging(width, side)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbed(nn.Module):
    """Patches of 4 x 4 to tokens of 96."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, EMBED, PATCH, PATCH)
        self.norm = nn.LayerNorm(EMBED)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x).flatten(2).transpose(1, 2))


class Htsat(nn.Module):
    """Log-mels in dB (batch, 1, up to 1024 frames, 64) -> (batch, 768)."""

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(MEL_BINS)
        self.patch_embed = PatchEmbed()
        side, last = SIDE // PATCH, len(DEPTHS) - 1
        self.layers = nn.ModuleList(
            Stage(EMBED << i, side >> i, depth, heads, i == last)
            for i, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True))
        )
        self.norm = nn.LayerNorm(EMBEDDING)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        x = self.patch_embed(fold(x))  # (batch, 4096, 96)
        for stage in self.layers:
            x = stage(x)
        return self.norm(x).mean(1)


def fold(x: Tensor) -> Tensor:
    """(batch, 1, frames, 64) -> (batch, 1, 256, 256): row r is stretch r // 64 of the time, mel bin r % 64."""
    if x.shape[2] < FRAMES:
        x = F.interpolate(x, (FRAMES, MEL_BINS), mode="bicubic", align_corners=True)
    chunks = SIDE // MEL_BINS
    return x.view(len(x), 1, chunks, SIDE, MEL_BINS).transpose(3, 4).reshape(len(x), 1, SIDE, SIDE)


@functools.lru_cache(maxsize=1)
def relative_positions() -> Tensor:
    """(4096,) rows of the bias table: for each pair of tokens in a window, the offset between them."""
    at = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")).flatten(1)  # (2, 64)
    offset = at[:, :, None] - at[:, None, :] + WINDOW - 1  # (2, 64, 64), from 0 on
    return (offset[0] * (2 * WINDOW - 1) + offset[1]).flatten()


@functools.lru_cache(maxsize=8)
def shift_mask(side: int, shift: int) -> Tensor:
    """(windows, 64, 64): -100 between tokens that the cyclic shift brought together from opposite edges."""
    stripe = torch.zeros(side, dtype=torch.long)
    stripe[-WINDOW:-shift], stripe[-shift:] = 1, 2
    region = stripe[:, None] * 3 + stripe[None, :]
    cells = side // WINDOW
    region = region.view(cells, WINDOW, cells, WINDOW).transpose(1, 2).reshape(-1, WINDOW * WINDOW)
    return torch.where(region[:, None] == region[:, :, None], 0.0, -100.0)
