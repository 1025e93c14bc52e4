"""Augmentation of log-mels without their audio: noise, equalisation, level, saturation, time shift.

Powers of independent sounds add, so noise at a stated signal-to-noise ratio is an addition of mel *powers*. The noise
shapes are log-mels of real noise that went through the same front end, so their frame-to-frame scatter is right too.
Noise on the student's input costs about one point on clean sound and returns thirty at 0 dB (measured; without it the
clean score hides a collapse).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

_DB = 0.1 * 2.302585092994046  # natural log of power per decibel


@dataclass(frozen=True)
class AugmentConfig:
    """Shares are probabilities per clip; ranges are uniform."""

    noise_share: float = 0.75
    snr_db: tuple[float, float] = (-2.0, 22.0)
    eq_share: float = 0.5
    tilt_db: float = 12.0  # end to end of the mel axis, either sign
    bumps_db: float = 5.0  # deviation of a smooth random curve
    level_share: float = 0.7
    level_db: tuple[float, float] = (-28.0, 10.0)
    saturate_share: float = 0.15
    shift_frames: int = 12
    floor_db: float = -100.0
    clean_share: float = 0.0  # clips that are heard as they are, but for the time shift


@dataclass(frozen=True)
class NoiseShapes:
    """Log-mels of noise: db (shapes, frames, mels) float32, each from noise of `level_db` (dB re full-scale RMS 1)."""

    db: Tensor
    level_db: float


@dataclass(frozen=True)
class Distortion:
    """What was drawn for a batch; every field has the clips in its first axis, but the two shifts of all clips alike."""

    shift: int
    saturation: tuple[Tensor, int, Tensor] | None  # shape of each clip, roll in frames, gain in dB below, 0 for none
    saturated: Tensor
    noise: Tensor  # (batch,) which shape
    noise_roll: int
    snr_db: Tensor
    noisy: Tensor
    equalised: Tensor
    tilt_db: Tensor  # (batch, 1)
    waves: tuple[tuple[Tensor, Tensor], ...]  # size in dB and phase of each wave of the curve, (batch, 1) each
    level_db: Tensor
    clean: Tensor

    def part(self, rows: slice) -> Distortion:
        """The distortion of some of the clips."""
        saturation = self.saturation and (self.saturation[0][rows], self.saturation[1], self.saturation[2][rows])
        return replace(
            self,
            saturation=saturation,
            waves=tuple((size[rows], phase[rows]) for size, phase in self.waves),
            **{name: getattr(self, name)[rows] for name in _BY_CLIP},
        )


_BY_CLIP = ("saturated", "noise", "snr_db", "noisy", "equalised", "tilt_db", "level_db", "clean")
_WAVES = (1.0, 2.0, 3.0)


def draw_distortion(
    batch: int, frames: int, shapes: int, config: AugmentConfig, generator: torch.Generator
) -> Distortion:
    """Draw what happens to `batch` clips of `frames` frames, with `shapes` noises to choose from. On the CPU."""

    def uniform(*size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*size, generator=generator)

    def chance(share: float) -> Tensor:
        return uniform(batch) < share

    def noise() -> tuple[Tensor, int]:
        pick = torch.randint(shapes, (batch,), generator=generator)
        roll = int(torch.randint(frames, (1,), generator=generator))
        chance(0.5)  # keeps the order of draws that the shipped students were trained with
        return pick, roll

    shift = int(torch.randint(-config.shift_frames, config.shift_frames + 1, (1,), generator=generator))
    saturated = chance(config.saturate_share)
    saturation = None
    if bool(saturated.any()):
        saturation = (*noise(), uniform(batch, low=-25.0, high=-8.0))
    pick, roll = noise()
    snr = uniform(batch, low=config.snr_db[0], high=config.snr_db[1])
    noisy = chance(config.noise_share)
    equalised = chance(config.eq_share)
    tilt = uniform(batch, 1, low=-config.tilt_db, high=config.tilt_db)
    waves = tuple(
        (
            config.bumps_db * torch.randn(batch, 1, generator=generator) / wave**0.5 / 1.5,
            uniform(batch, 1, high=6.2832),
        )
        for wave in _WAVES
    )
    level = uniform(batch, low=config.level_db[0], high=config.level_db[1]) * chance(config.level_share)
    clean = chance(config.clean_share)
    return Distortion(shift, saturation, saturated, pick, roll, snr, noisy, equalised, tilt, waves, level, clean)


def distort(db: Tensor, level_db: Tensor, shapes: NoiseShapes, drawn: Distortion, floor_db: float = -100.0) -> Tensor:
    """Apply what was drawn. db: (batch, frames, mels) in dB; level_db: (batch,) of each clip's audio in dB."""
    mels, device = db.shape[2], db.device
    shifted = torch.roll(db, drawn.shift, 1)
    power = torch.exp(shifted * _DB)
    # saturation: wide-band products that follow the clip's own loudness from frame to frame
    if drawn.saturation:
        pick, roll, gain_db = drawn.saturation
        shape = torch.roll(shapes.db[pick.to(device)], roll, 1)
        loudness = power.sum(2, keepdim=True) / mels
        products = loudness * torch.exp((shape - shape.mean((1, 2), keepdim=True)) * _DB)
        gain = torch.exp(gain_db.to(device) * _DB) * drawn.saturated.to(device)
        power = power + products * gain[:, None, None]
    # the room's noise
    shape = torch.roll(shapes.db[drawn.noise.to(device)], drawn.noise_roll, 1)
    gain_db = level_db.to(device) - drawn.snr_db.to(device) - shapes.level_db
    gain_db = torch.where(drawn.noisy.to(device), gain_db, torch.full_like(gain_db, -200.0))
    power = power + torch.exp((shape + gain_db[:, None, None]) * _DB)
    out = torch.log(power.clamp_min(1e-12)) / _DB
    # microphone and room colour: a tilt and a smooth curve over the mel axis
    axis = torch.linspace(-0.5, 0.5, mels, device=device)
    curve = drawn.tilt_db.to(device) * axis
    for wave, (size, phase) in zip(_WAVES, drawn.waves, strict=True):
        curve = curve + size.to(device) * torch.cos(6.2832 * wave * axis + phase.to(device))
    out = out + (curve * drawn.equalised.to(device).float()[:, None])[:, None, :]
    out = (out + drawn.level_db.to(device)[:, None, None]).clamp_min(floor_db)
    return torch.where(drawn.clean.to(device)[:, None, None], shifted, out)


def augment(
    db: Tensor, level_db: Tensor, shapes: NoiseShapes, config: AugmentConfig, generator: torch.Generator
) -> Tensor:
    """A distorted copy of a batch of log-mels.

    db: (batch, frames, mels) float, in dB; level_db: (batch,) RMS level of each clip's audio in dB, which the
    signal-to-noise ratio refers to; generator: on the CPU, decides everything. Returns (batch, frames, mels).
    """
    drawn = draw_distortion(len(db), db.shape[1], len(shapes.db), config, generator)
    return distort(db, level_db, shapes, drawn, config.floor_db)


def mix_powers(a_db: Tensor, b_db: Tensor, gain_db: Tensor) -> Tensor:
    """Two clips at once: a plus b at `gain_db` (batch,) relative to its own level. Shapes (batch, frames, mels), dB."""
    return torch.logaddexp(a_db * _DB, (b_db + gain_db[:, None, None]) * _DB) / _DB
