"""What is wired to a virtual board: a serial line, and sound for its microphone.

Models of UARTs and of I2S or PDM receivers take their bytes and samples from here, so that every chip is wired alike.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tinyclap_edge.device.board_sound import FedSound, Sound


class Line(Protocol):
    """The board's end of a serial line (device/serial_line.py), or a test's."""

    def wait(self, seconds: float | None) -> bool:
        """Whether bytes have come within `seconds` of this PC's time (None: until `wake`)."""

    def receive(self, count: int) -> bytes:
        """Up to `count` bytes that have come, without waiting."""

    def send(self, data: bytes) -> None:
        """Bytes from the board."""

    def wake(self) -> None:
        """End a `wait` of another thread."""


class SerialWire:
    """The wire between a UART and a line: bytes arrive one after another, each in the time of ten bits."""

    def __init__(self, line: Line, baud: int = 115_200) -> None:
        self.line, self.byte_s = line, 10 / baud
        self._arrived, self._sent = bytearray(), bytearray()
        self._next_s = 0.0  # when the next byte is complete

    def power_up(self) -> None:
        """What was under way is lost."""
        self._arrived.clear()

    def look(self, now_s: float) -> None:
        """Bytes that somebody has sent begin to arrive now."""
        if not self._arrived:
            self._arrived += self.line.receive(4096)
            self._next_s = max(self._next_s, now_s + self.byte_s)

    def due_s(self) -> float | None:
        """When the next byte is complete; None while the line is quiet."""
        return self._next_s if self._arrived else None

    def take(self, now_s: float) -> int | None:
        """The next byte that is complete by now."""
        if not self._arrived or self._next_s > now_s:
            return None
        byte = self._arrived[0]
        del self._arrived[0]
        self._next_s += self.byte_s
        return byte

    def put(self, data: bytes) -> None:
        """Bytes from the board; handed on by `flush`."""
        self._sent += data

    def flush(self) -> None:
        """Hand on what the board has sent."""
        if self._sent:
            data = bytes(self._sent)
            self._sent.clear()
            self.line.send(data)


class Microphone:
    """Sound as samples in time. It stands still while there is none to be had; `broken`: it then gives no sample ever."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self.ended = self.broken = False
        self._waited = False

    def begin(self, count: int) -> None:
        """Samples will be taken `count` at a time: sound that is fed is not ready before there are so many."""
        if isinstance(self._sound, FedSound):
            self._sound.want(2 * count)

    def ready(self) -> bool:
        """Whether samples can be had now."""
        return not self.ended and not self.broken and self._sound.due_s() is not None

    def due_s(self, planned_s: float, now_s: float) -> float:
        """When samples are complete that were due at `planned_s`: not before now where nothing was to be had meanwhile."""
        waited, self._waited = self._waited, not self.ready()
        return max(planned_s, now_s) if waited and not self._waited else planned_s

    def waits(self) -> bool:
        """Whether there is nothing to hear now, and the board's time stands still. A broken one does not hold it up."""
        return not self.broken and not self.ready()

    def samples(self, count: int) -> np.ndarray | None:
        """(count,) int16, the last ones of a recording filled up with silence; None behind its end."""
        data = self._sound.read(2 * count)
        if not data:
            self.ended = True
            return None
        return np.frombuffer(data.ljust(2 * count, b"\0"), "<i2")
