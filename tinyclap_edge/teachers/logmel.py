"""Log-mels as published teachers were trained on: one record of constants each, and one function for all of them.

Unlike tinyclap_edge.frontend, which is made for microcontrollers, these follow their originals: librosa's filters
(Slaney scale and norm) or HTK's, frames centred by reflection where the original does so. Computed in float64, where
the originals' own float32 rounding is up to 3e-4 dB away.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.frontend.reference import hz_to_mel, mel_to_hz


@dataclass(frozen=True)
class TeacherFrontend:
    """Everything between a waveform and a network's input.

    centred: n_fft / 2 samples are mirrored at both ends. filter_rate_hz: the rate that the mel filters were built
    for; MS CLAP 2023 applies filters of 32 kHz to 44.1 kHz. log: "db" is 10 log10(max(x, floor)), "ln" is
    ln(x + floor). The result is (value + offset) / scale. clip_samples: one pass of the network, 0 for any length;
    short: what becomes of a shorter clip ("tile", "repeat" whole times and then zeros, or "zeros").
    """

    sample_rate_hz: int
    n_fft: int
    hop_samples: int
    mel_bins: int
    f_min_hz: float
    f_max_hz: float
    filter_rate_hz: int
    centred: bool = True
    mel_scale: str = "slaney"  # or "htk"
    area_norm: bool = True  # each triangle scaled by 2 / its width in Hz
    log: str = "db"
    floor: float = 1e-10
    offset: float = 0.0
    scale: float = 1.0
    clip_samples: int = 0
    short: str = "tile"

    def frame_count(self, samples: int) -> int:
        """Frames of a recording of `samples` samples."""
        return 1 + (samples if self.centred else samples - self.n_fft) // self.hop_samples


def logmel(audio: np.ndarray, spec: TeacherFrontend, filters: np.ndarray | None = None) -> np.ndarray:
    """(frames, mel_bins) float32 of mono audio (samples,).

    filters: (n_fft / 2 + 1, mel_bins), where a weight file brings its own. Audio shorter than what one frame needs is
    followed by zeros.
    """
    x = np.asarray(audio, np.float64)
    least = spec.n_fft // 2 + 1 if spec.centred else spec.n_fft
    if len(x) < least:
        x = np.concatenate([x, np.zeros(least - len(x))])
    if spec.centred:
        x = np.pad(x, spec.n_fft // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(x, spec.n_fft)[:: spec.hop_samples]  # (frames, n_fft)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.n_fft) / spec.n_fft)  # periodic Hann
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2  # (frames, n_fft / 2 + 1)
    energy = power @ (mel_filters(spec) if filters is None else np.asarray(filters, np.float64))
    if spec.log == "db":
        level = 10.0 * np.log10(np.maximum(energy, spec.floor))
    else:
        level = np.log(energy + spec.floor)
    return ((level + spec.offset) / spec.scale).astype(np.float32)


@functools.lru_cache(maxsize=8)
def mel_filters(spec: TeacherFrontend) -> np.ndarray:
    """(n_fft / 2 + 1, mel_bins) float64 triangles with straight flanks in Hz, of unit peak or (Slaney) unit area."""
    lowest, highest = hz_to_mel(np.array([spec.f_min_hz, spec.f_max_hz]), spec.mel_scale)
    edges = mel_to_hz(np.linspace(lowest, highest, spec.mel_bins + 2), spec.mel_scale)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]  # (mel_bins,)
    bins = np.linspace(0.0, spec.filter_rate_hz / 2, spec.n_fft // 2 + 1)[:, None]  # Hz
    filters = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    if spec.area_norm:
        filters = filters * (2.0 / (high - low))
    filters.flags.writeable = False
    return filters
