"""What a student hears instead of the clip: masked bands and moments (SpecAugment), or two clips at once (mixup).

Everything is drawn for the global batch and then sliced, so that several processes hear what one would have heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tinyclap_edge.distill.augment import mix_powers


@dataclass(frozen=True)
class Masks:
    """start, width: (batch, masks) in frames or bins, for the time axis and for the mel axis."""

    time: tuple[Tensor, Tensor]
    mel: tuple[Tensor, Tensor]

    def part(self, rows: slice) -> Masks:
        """The masks of some clips."""
        return Masks((self.time[0][rows], self.time[1][rows]), (self.mel[0][rows], self.mel[1][rows]))


def draw_masks(batch: int, frames: int, mels: int, share: float, generator: torch.Generator) -> Masks:
    """Two masks an axis and clip, each up to `share` of the axis wide."""

    def axis(length: int) -> tuple[Tensor, Tensor]:
        width = (torch.rand(batch, 2, generator=generator) * share * length).round()
        start = (torch.rand(batch, 2, generator=generator) * (length - width)).floor()
        return start, width

    return Masks(axis(frames), axis(mels))


def mask(db: Tensor, masks: Masks) -> Tensor:
    """SpecAugment (arXiv 1904.08779) without warping: masked parts take the clip's mean. db: (batch, frames, mels)."""
    hidden = _covered(db.shape[1], masks.time).to(db.device)[:, :, None]
    hidden = hidden | _covered(db.shape[2], masks.mel).to(db.device)[:, None, :]
    return torch.where(hidden, db.mean((1, 2), keepdim=True), db)


def _covered(length: int, spans: tuple[Tensor, Tensor]) -> Tensor:
    """(batch, length) bool."""
    start, width = (s[:, :, None] for s in spans)
    at = torch.arange(length)[None, None]
    return ((at >= start) & (at < start + width)).any(1)


@dataclass(frozen=True)
class Mixup:
    """chosen: (batch,) bool; partner: (batch,) indices into the batch; below_db: (batch,) how much quieter it is."""

    chosen: Tensor
    partner: Tensor
    below_db: Tensor

    def part(self, rows: slice) -> Mixup:
        """The draws of some clips; partners still count in the global batch."""
        return Mixup(self.chosen[rows], self.partner[rows], self.below_db[rows])

    @property
    def weight(self) -> Tensor:
        """(batch,) share of the clip itself in the wanted embedding: that of its amplitude."""
        return torch.where(self.chosen, 1 / (1 + 10 ** (-self.below_db / 20)), torch.ones_like(self.below_db))


def draw_mixup(batch: int, share: float, generator: torch.Generator, deepest_db: float = 12.0) -> Mixup:
    """Partners are a random permutation of the batch."""
    return Mixup(
        torch.rand(batch, generator=generator) < share,
        torch.randperm(batch, generator=generator),
        deepest_db * torch.rand(batch, generator=generator),
    )


def mix(db: Tensor, level_db: Tensor, other_db: Tensor, other_level_db: Tensor, mixup: Mixup) -> tuple[Tensor, Tensor]:
    """Log-mels (batch, frames, mels) with their partners' power added, and the new levels (batch,) in dB."""
    gain = level_db - other_level_db - mixup.below_db
    mixed = mix_powers(db, other_db, gain.to(db.device))
    level = level_db + 10 * torch.log10(1 + 10 ** (-mixup.below_db / 10))
    chosen = mixup.chosen.to(db.device)
    return torch.where(chosen[:, None, None], mixed, db), torch.where(mixup.chosen, level, level_db)
