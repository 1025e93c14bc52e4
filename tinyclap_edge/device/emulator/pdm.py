"""A PDM microphone of a virtual board: PCM at the front end's rate becomes bits at 64 times that.

The sound is brought to 64 times its rate by a windowed sinc, then a sigma-delta modulator of second order makes one bit a
step, as in Schreier & Temes, Understanding Delta-Sigma Data Converters, 3.1: two sums, the last bit taken from either.
"""

from __future__ import annotations

import numpy as np

OVERSAMPLING = 64  # bits a sample
_TAPS = 16  # samples of sound that shape one bit
_LOUDEST = 0.9  # of full density: above it a modulator of second order falls out of step


def _interpolator() -> np.ndarray:
    """(64, 16): weights of the last 16 samples for each of a sample's bits; each row sums to 1."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)  # of a sample, counted from the one before the bits
    distance = at[None, :] - np.arange(OVERSAMPLING)[:, None] / OVERSAMPLING  # in samples
    weights = np.sinc(distance) * np.cos(np.pi * distance / _TAPS) ** 2
    return np.asarray(weights / weights.sum(1, keepdims=True))


class Modulator:
    """Keeps its state from call to call."""

    def __init__(self) -> None:
        self._weights = _interpolator()
        self._before = np.zeros(_TAPS - 1)
        self._sums = (0.0, 0.0)

    def bits(self, samples: np.ndarray) -> np.ndarray:
        """(n,) int16 -> (64 n,) uint8 of 0 and 1, the first of them earliest. The sound comes 8 samples late."""
        heard = np.concatenate([self._before, np.clip(samples / 32768.0, -_LOUDEST, _LOUDEST)])
        self._before = heard[-(_TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(heard, _TAPS)  # (n, 16)
        first, second = self._sums
        out = bytearray()
        for value in (windows @ self._weights.T).ravel().tolist():
            bit = second >= 0.0
            fed = 1.0 if bit else -1.0
            first += value - fed
            second += first - fed
            out.append(bit)
        self._sums = first, second
        return np.frombuffer(out, np.uint8)

    def octets(self, samples: np.ndarray, half_words: bool = False) -> bytes:
        """The same as memory has it: 8 bytes a sample, a byte's highest bit first; half_words: little-endian ones of 16 bits."""
        packed = np.packbits(self.bits(samples))
        return bytes(packed.reshape(-1, 2)[:, ::-1].tobytes() if half_words else packed.tobytes())
