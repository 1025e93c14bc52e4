"""MATPAC (ICASSP 2025) and MATPAC++: a ViT encoder on 16 x 16 patches of a log-mel, from the published weight files.

A file is a flat state dict. Any length goes in, as in the original's "precise" mode: chunks of the position table's
length, the last one shorter, and the mean over all columns of time. The table's own length says which configuration
a file is; the original goes by letters in its path.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.teachers.card import TeacherCard
from tinyclap_edge.teachers.logmel import logmel
from tinyclap_edge.teachers.weights import fit, identity_of, parameters_of, read_tensors, skeleton
from tinyclap_edge.teachers.windows import check_clips

WIDTH, DEPTH, HEADS, PATCH, ROWS = 768, 12, 12, 16, 5
COLUMNS = 38  # of 16 frames: 6.08 s; files fine-tuned on AudioSet have 62


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(batch, tokens, WIDTH))


class Mlp(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block (ViT, arXiv 2010.11929)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    """The blocks and the last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)


class PatchEmbed(nn.Module):
    """Patches of 16 mel bins x 16 frames to tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, WIDTH, PATCH, PATCH)


class MatpacEncoder(nn.Module):
    """Normalised log-mels (batch, 80, frames) -> (batch, columns, 3840), one vector for each 16 frames."""

    def __init__(self, columns: int = COLUMNS) -> None:
        super().__init__()
        self.columns = columns
        self.cls_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + ROWS * columns, WIDTH))
        self.patch_embed = PatchEmbed()
        self.student_encoder = Encoder()

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, -x.shape[2] % PATCH))
        return torch.cat([self._chunk(chunk) for chunk in x.split(self.columns * PATCH, dim=2)], 1)

    def _chunk(self, x: Tensor) -> Tensor:
        tokens = self.patch_embed.proj(x[:, None])  # (batch, 768, 5, columns), low frequencies first
        batch, _, rows, columns = tokens.shape
        table = self.pos_embed[0, 1:].view(ROWS, self.columns, WIDTH)[:, :columns]  # (5, columns, 768)
        x = tokens.flatten(2).transpose(1, 2) + table.reshape(rows * columns, WIDTH)
        x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1), x], 1)
        for block in self.student_encoder.blocks:
            x = block(x)
        x = self.student_encoder.norm(x)[:, 1:]
        return x.view(batch, rows, columns, WIDTH).transpose(1, 2).reshape(batch, columns, rows * WIDTH)


class Matpac:
    """A loaded MATPAC: embeddings of 3840 entries, not of unit length (S-SONDO clusters the raw ones)."""

    def __init__(self, card: TeacherCard, weights: Path, device: str = "cpu") -> None:
        assert card.frontend is not None
        tensors = read_tensors(weights)
        encoder = skeleton(MatpacEncoder, _columns(tensors, weights.name))
        fit(encoder, tensors, "", weights.name, card.title)
        self.card = replace(card, audio_parameters=parameters_of(encoder))
        self.frontend, self.device, self._encoder = card.frontend, device, encoder.to(device)

    @functools.cached_property
    def identity(self) -> str:
        """16 hex digits: see card.Teacher."""
        return identity_of(self._encoder.state_dict().items(), {"family": self.card.family, **asdict(self.frontend)})

    def embed_audio(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(n, 3840) float32: the mean over the columns of time of each clip."""
        out = np.zeros((len(clips), self.card.dim), np.float32)
        for i, clip in enumerate(check_clips(clips)):
            out[i] = self.embed_logmel(logmel(clip, self.frontend).T[None])[0]
        return out

    def embed_logmel(self, x: np.ndarray) -> np.ndarray:
        """(batch, 3840) float32 of normalised log-mels (batch, 80, frames)."""
        with torch.inference_mode():
            features = torch.from_numpy(np.ascontiguousarray(x)).to(self.device)
            return self._encoder(features).mean(1).float().cpu().numpy()

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """UsageError (2): it was trained on audio alone."""
        raise UsageError(
            f"the teacher {self.card.name} has no text side", "words need a CLAP teacher: `tinyclap-edge teachers list`"
        )


def _columns(tensors: dict[str, Tensor], file: str) -> int:
    table = tensors.get("pos_embed")
    rows = table.shape[1] - 1 if table is not None and table.ndim == 3 else 0
    if table is not None and (rows < ROWS or rows % ROWS or rows > 10_000):
        raise CorruptFile(
            f"{file}: pos_embed of shape {tuple(table.shape)} is no table of {ROWS} rows", "it is of another kind"
        )
    return rows // ROWS or COLUMNS


def load(card: TeacherCard, weights: Path, device: str = "cpu") -> Matpac:
    """From the weight file, or from a folder that holds the file by its published name."""
    return Matpac(card, weights / card.files[0].name if weights.is_dir() else weights, device)


def count(card: TeacherCard) -> tuple[int, None]:
    """Parameters of the encoder, the position table included."""
    return parameters_of(skeleton(MatpacEncoder)), None
