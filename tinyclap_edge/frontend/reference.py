"""The definition of the features, in float64. Every other implementation is measured against this one."""

from __future__ import annotations

import functools

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec

FULL_SCALE = 32768.0


def logmel_float(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """Log-mel in dB of int16 PCM (n,): float64 (T, mel_bins), T = spec.frame_count(n), clamped to the floor.

    P[k] = 4 |sum_n w[n] x[n]/32768 exp(-2 pi i k n / n_fft)|^2 / (sum w)^2, so that a full-scale sine gives 0 dB in its
    bin; a mel bin is 10 log10 of the weighted sum of P. Specifications of imported students change that by
    `band_gain`, `power_offset` and the reflection of a centred clip.
    """
    if spec.centred and len(pcm) > 1:
        pcm = np.pad(pcm, spec.window_samples // 2, mode="reflect")
    frames = frame_pcm(pcm, spec) / FULL_SCALE  # (T, window)
    window = hann(spec)
    spectrum = np.fft.rfft(frames * window, n=spec.n_fft, axis=1)  # (T, n_fft/2 + 1)
    power = 4.0 * np.abs(spectrum) ** 2 / window.sum() ** 2
    energy = power @ mel_filterbank(spec).T  # (T, mel_bins)
    if spec != spec.plain:
        energy = energy * band_gain(spec) + spec.power_offset
    return 10.0 * np.log10(np.maximum(energy, 10.0 ** (spec.floor_db / 10.0)))


def band_gain(spec: FrontendSpec) -> np.ndarray:
    """Factor of each mel bin's energy over that of the plain front end: (mel_bins,) float64, 1 where it is plain."""
    gain = np.ones(spec.mel_bins)
    if spec.power == "raw":
        gain *= hann(spec).sum() ** 2 / 4
    if spec.mel_norm == "slaney":
        edges = _edges_hz(spec)
        gain *= 2 / (edges[2:] - edges[:-2])
    return gain


def frame_pcm(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """The overlapping frames of int16 PCM (n,): int16 view (T, window_samples). UsageError on any other array."""
    pcm = np.asarray(pcm)
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise UsageError(
            f"the front end takes mono int16 PCM, not {pcm.dtype} of shape {pcm.shape}", "scale by 32767 and round"
        )
    if len(pcm) < spec.window_samples:
        return np.empty((0, spec.window_samples), np.int16)
    return np.lib.stride_tricks.sliding_window_view(pcm, spec.window_samples)[:: spec.hop_samples]


def hann(spec: FrontendSpec) -> np.ndarray:
    """The periodic Hann window, float64 (window_samples,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.window_samples) / spec.window_samples)


@functools.lru_cache(maxsize=16)
def mel_filterbank(spec: FrontendSpec) -> np.ndarray:
    """Triangles of peak 1 with straight flanks in Hz, float64 (mel_bins, n_fft/2 + 1), read-only."""
    edges = _edges_hz(spec)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]  # (mel_bins, 1)
    bins = np.arange(spec.n_fft // 2 + 1) * spec.sample_rate_hz / spec.n_fft  # Hz
    weights = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights.flags.writeable = False
    return weights


def _edges_hz(spec: FrontendSpec) -> np.ndarray:
    """Corners of the triangles, float64 (mel_bins + 2,)."""
    lowest, highest = hz_to_mel(np.array([spec.f_min_hz, spec.f_max_hz]), spec.mel_scale)
    return mel_to_hz(np.linspace(lowest, highest, spec.mel_bins + 2), spec.mel_scale)


def hz_to_mel(hz: np.ndarray, scale: str) -> np.ndarray:
    """HTK: 2595 log10(1 + f/700). Slaney: 3f/200 below 1 kHz, then 27 steps to each factor of 6.4."""
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    return np.where(hz < 1000.0, hz * 3 / 200, 15.0 + 27.0 * np.log(np.maximum(hz, 1000.0) / 1000.0) / np.log(6.4))


def mel_to_hz(mel: np.ndarray, scale: str) -> np.ndarray:
    """The inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return np.where(mel < 15.0, mel * 200 / 3, 1000.0 * 6.4 ** ((np.maximum(mel, 15.0) - 15.0) / 27.0))
