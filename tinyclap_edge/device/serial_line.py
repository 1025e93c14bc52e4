"""A serial line without hardware: a pty whose other end is a board that runs here.

    line = SerialLine()             # SerialLine(115_200): and bytes take the time that they take on a wire
    serial.Serial(line.port)        # what any program opens

As on a board, what nobody reads is lost, and opening the port does not reset anything.
"""

from __future__ import annotations

import os
import pty
import select
import time
import tty

_PATIENCE_S = 0.2  # that a reader has to make room before bytes are lost


class SerialLine:
    """The board's end of a pty. Close it, or use it as a context."""

    def __init__(self, baud: int | None = None) -> None:
        self._byte_s = 10 / baud if baud else 0.0  # a start bit, eight, a stop bit
        self._free_at, self._waiting = 0.0, False
        self._master, self._slave = pty.openpty()  # the slave stays open, so that a reader may come and go
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._wake_read, self._wake_write = os.pipe()
        self.port = os.ttyname(self._slave)
        self.lost_bytes = 0
        self.closed = False

    def __enter__(self) -> SerialLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the pty back; whoever has it open gets an end of file."""
        if not self.closed:
            self.closed = True
            for handle in (self._master, self._slave, self._wake_read, self._wake_write):
                os.close(handle)

    def wake(self) -> None:
        """End a `wait` that another thread is in."""
        os.write(self._wake_write, b"w")

    def wait(self, seconds: float | None) -> bool:
        """Whether bytes have come within `seconds` (None: without end, until `wake`)."""
        ready = select.select([self._master, self._wake_read], [], [], seconds)[0]
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        return self._master in ready

    def receive(self, count: int) -> bytes:
        """Up to `count` bytes that have come, without waiting."""
        try:
            data = os.read(self._master, count)
        except BlockingIOError:
            return b""
        self._pass(len(data), self._waiting)
        self._waiting = len(data) == count  # more had come meanwhile, as into a UART's buffer
        return data

    def _pass(self, count: int, at_once: bool) -> None:
        """Let the time of `count` bytes on the wire pass; at_once: they followed those before without a gap."""
        if self._byte_s and count:
            begin = self._free_at if at_once else time.monotonic()
            self._free_at = begin + count * self._byte_s
            time.sleep(max(0.0, self._free_at - time.monotonic()))

    def send(self, data: bytes) -> None:
        """Bytes to whoever has the port open; what does not fit in time is lost and counted."""
        self._pass(len(data), False)
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                if not select.select([], [self._master], [], _PATIENCE_S)[1]:
                    self.lost_bytes += len(data)
                    return
