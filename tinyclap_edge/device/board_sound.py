"""What a board that runs here listens to: a recording at its own speed, or samples as a caller gives them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

_PATIENCE_S = 30.0  # that a board waits for the rest of a read


class Sound(Protocol):
    """Where a board's samples come from."""

    def due_s(self) -> float | None:
        """Seconds until more samples can be read; None: none before somebody gives more. 0 at the end of the sound too."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes of int16; fewer only at the end."""


class PacedSound:
    """A recording at its own speed, again and again: (n,) int16."""

    def __init__(self, pcm: np.ndarray, rate_hz: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._data = np.ascontiguousarray(pcm, "<i2").tobytes() or b"\0\0"
        self._rate_bytes, self._clock = 2 * rate_hz, clock
        self._begun, self._done = clock(), 0

    def due_s(self) -> float:
        return max(0.0, self._begun + self._done / self._rate_bytes - self._clock())

    def read(self, count: int) -> bytes:
        at, size = self._done % len(self._data), len(self._data)
        self._done += count
        return (self._data[at:] + self._data * (-(-count // size)))[:count]


class FedSound:
    """Samples that the caller gives with `feed`, as fast as the board takes them; `end` ends the sound."""

    def __init__(self) -> None:
        self._data, self._ended, self._changed = bytearray(), False, threading.Condition()
        self._wanted = 1  # bytes that the board read last: with fewer it would only wait
        self.on_feed: Callable[[], None] = lambda: None

    def feed(self, pcm: np.ndarray) -> None:
        with self._changed:
            self._data += np.ascontiguousarray(pcm, "<i2").tobytes()
            self._changed.notify_all()
        self.on_feed()

    def want(self, count: int) -> None:
        """Bytes that the board will read at once: with fewer it would only wait."""
        self._wanted = count

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.on_feed()

    def due_s(self) -> float | None:
        with self._changed:
            return 0.0 if len(self._data) >= self._wanted or self._ended else None

    def read(self, count: int) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: len(self._data) >= count or self._ended, _PATIENCE_S)
            self._wanted = count
            data = bytes(self._data[:count])
            del self._data[:count]
        return data
