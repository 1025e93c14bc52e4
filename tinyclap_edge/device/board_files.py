"""What an emulated serial board finds behind its file names: sound, the line, what to wait for, flash, a watchdog.

The firmware reaches them by semihosting (firmware/ports/semihost_link).
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tinyclap_edge.device.board_sound import Sound
from tinyclap_edge.device.serial_line import SerialLine

SOUND, BYTES, TICK, TICK_S = 1, 2, 4, 0.1  # events, as in firmware/ports/tce_port_link.h
CAUSE_POWER, CAUSE_WATCHDOG = 0, 3  # tce_port_reset
_AGAIN_S = 0.02  # a stop between two starts of the engine is lost, so it is repeated


class SoundFile:
    """pcm.bin of a board that listens."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound

    def read(self, count: int) -> bytes:
        return self._sound.read(count)

    def write(self, data: bytes) -> bool:
        return False

    def seek(self, position: int) -> bool:
        return False


class LinkFile:
    """:tce-link, the serial line."""

    def __init__(self, line: SerialLine) -> None:
        self._line = line

    def read(self, count: int) -> bytes:
        return self._line.receive(count)

    def write(self, data: bytes) -> bool:
        self._line.send(data)
        return True

    def seek(self, position: int) -> bool:
        return False


class WaitFile:
    """:tce-wait: a byte asks for events (1: sound too), a byte answers."""

    def __init__(self, line: SerialLine, sound: Sound) -> None:
        self._line, self._sound, self._with_sound = line, sound, True
        self.stopped = False

    def write(self, data: bytes) -> bool:
        self._with_sound = data != b"\0"
        return True

    def read(self, count: int) -> bytes:
        if self.stopped:
            return b"\0"
        due = self._sound.due_s() if self._with_sound else None
        come = self._line.wait(TICK_S if due is None else min(due, TICK_S))
        heard = due is not None and self._sound.due_s() == 0.0
        return bytes([BYTES * come | SOUND * heard or TICK]) if not self.stopped else b"\0"

    def seek(self, position: int) -> bool:
        return False


class FlashFile:
    """labels.flash: a file that the board also sees in its memory. `size` bytes, blank (FF) where it is new.

    Programming clears bits; a write of no bytes erases the sector that begins there.
    """

    def __init__(self, path: Path, size: int, sector_bytes: int) -> None:
        known = path.read_bytes()[:size] if path.is_file() else b""
        self.content = bytearray(known.ljust(size, b"\xff"))
        path.write_bytes(self.content)
        self._path, self._sector_bytes, self._at = path, sector_bytes, 0
        self.show: Callable[[int, bytes], None] = lambda at, data: None

    def seek(self, position: int) -> bool:
        self._at = position
        return position <= len(self.content)

    def read(self, count: int) -> bytes:
        return bytes(self.content[self._at : self._at + count])

    def write(self, data: bytes) -> bool:
        at, erase = self._at, not data
        if erase and at % self._sector_bytes:
            return False
        end = at + (self._sector_bytes if erase else len(data))
        if end > len(self.content):
            return False
        was = self.content[at:end]
        now = b"\xff" * len(was) if erase else bytes(a & b for a, b in zip(was, data, strict=True))
        self.content[at:end] = now
        with self._path.open("r+b") as file:
            file.seek(at)
            file.write(now)
        self.show(at, now)
        self._at = end
        return True


class WatchdogFile:
    """:tce-watchdog: written are four bytes (start, milliseconds), one (feed) or two (keep); read are cause and what was kept.

    When it is not fed in time it calls on_bite, from a thread of its own, and again until `reset` is called.
    """

    def __init__(self, on_bite: Callable[[], None]) -> None:
        self._on_bite = on_bite
        self._changed = threading.Condition()
        self._timeout_s = 0.0
        self._deadline: float | None = None  # None: not started
        self._kept, self._cause = 0, CAUSE_POWER
        self._closed = self.bitten = False
        self.resets = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def write(self, data: bytes) -> bool:
        with self._changed:
            if len(data) == 2:
                self._kept = int.from_bytes(data, "little")
                return True
            if len(data) == 4:
                self._timeout_s = int.from_bytes(data, "little") / 1000
                if not self._thread.is_alive():
                    self._thread.start()
            elif self._deadline is None:
                return True  # fed before it was started
            self._deadline = time.monotonic() + self._timeout_s
            self._changed.notify_all()
        return True

    def read(self, count: int) -> bytes:
        return struct.pack("<BH", self._cause, self._kept)[:count]

    def seek(self, position: int) -> bool:
        return False

    def reset(self) -> None:
        """The board starts anew: the watchdog stands still until it is started again."""
        with self._changed:
            self.bitten, self._deadline, self._cause = False, None, CAUSE_WATCHDOG
            self.resets += 1

    def close(self) -> None:
        """It bites no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _watch(self) -> None:
        while True:
            with self._changed:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if self._closed:
                    return
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                self.bitten = True
                self._on_bite()  # under the lock: none comes behind the reset
                self._changed.wait(_AGAIN_S)
