"""firmware/ports/pdm/tce_pdm.c in NumPy, sample for sample. The filter's taps are read from the C; their response is tested."""

from __future__ import annotations

import functools
import re

import numpy as np

from tinyclap_edge.resources import firmware_dir

SAMPLE_BITS, CHUNK = 64, 32
_CIC_BITS, _STAGES, _ROWS = 16, 4, 4


@functools.cache
def taps() -> np.ndarray:
    """(64,) int64, Q14: the C's half and its mirror image."""
    source = (firmware_dir() / "ports" / "pdm" / "tce_pdm.c").read_text(encoding="utf-8")
    match = re.search(r"taps\[[^\]]*\] = \{([^}]*)\}", source)
    assert match
    half = np.array([int(word) for word in match[1].split(",")])
    return np.concatenate([half, half[::-1]])


def cic_kernel() -> np.ndarray:
    """Four boxes of 16 bits, one after another: (61,) int64."""
    kernel = np.ones(1, np.int64)
    for _ in range(_STAGES):
        kernel = np.convolve(kernel, np.ones(_CIC_BITS, np.int64))
    return kernel


def decimate(bits: np.ndarray) -> np.ndarray:
    """(64 n,) of 0 and 1, first to last, from silence on -> (n,) int16."""
    sums = np.convolve(2 * bits.astype(np.int64) - 1, cic_kernel())[_CIC_BITS - 1 : len(bits) : _CIC_BITS]
    rows = np.concatenate([np.zeros(len(taps()) - _ROWS, np.int64), _int16(sums >> 1)])
    windows = np.lib.stride_tricks.sliding_window_view(rows, len(taps()))[::_ROWS]
    return _int16((windows @ taps() + (1 << 13)) >> 14).astype(np.int16)


def unpack(octets: bytes, half_words: bool = False) -> np.ndarray:
    """Bits in their order in time, as a microphone's model has put them into memory."""
    packed = np.frombuffer(octets, np.uint8)
    return np.unpackbits(packed.reshape(-1, 2)[:, ::-1].ravel() if half_words else packed)


def snr_db(heard: np.ndarray, tone_hz: float, rate_hz: float = 16000.0) -> float:
    """Decibels of the fitted tone above all that is left of `heard`."""
    phase = 2 * np.pi * tone_hz / rate_hz * np.arange(len(heard))
    basis = np.stack([np.cos(phase), np.sin(phase), np.ones(len(heard))], 1)
    fitted = basis @ np.linalg.lstsq(basis, heard.astype(float), rcond=None)[0]
    return float(10 * np.log10(np.var(fitted) / np.var(heard - fitted)))


def _int16(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -32768, 32767)
