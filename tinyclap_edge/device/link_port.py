"""Opening a serial port for the link, and saying plainly why it cannot be opened."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyclap_edge.device.link import TIMEOUT_S, Link
from tinyclap_edge.errors import DeviceError

BAUD = 115_200


class Quiet(Exception):
    """Nothing came over a port for as long as its user wanted to be told of."""


class PortStream:
    """A serial port as a Stream: reads wait up to `timeout_s`. Nobody else can open it meanwhile.

    quiet_s: a read raises Quiet when nothing has come for so long; None: never.
    """

    quiet_s: float | None = None

    def __init__(self, port: str, baud: int = BAUD, timeout_s: float = TIMEOUT_S) -> None:
        import serial

        self._heard = time.monotonic()
        _check_path(port)
        try:
            self._serial = serial.Serial(
                port, baud, timeout=timeout_s, write_timeout=max(timeout_s, 2.0), exclusive=True
            )
            self._serial.reset_input_buffer()  # text from before: nobody waits for it
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise _explain(port, baud, error) from error

    def read(self) -> bytes:
        """What has come; b"" when nothing came in time."""
        first = self._serial.read(1)
        now = time.monotonic()
        if first:
            self._heard = now
            return bytes(first + self._serial.read(self._serial.in_waiting))
        if self.quiet_s is not None and now - self._heard > self.quiet_s:
            self._heard = now
            raise Quiet
        return b""

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._serial.write(data)

    def close(self) -> None:
        """Leave the port to others."""
        self._serial.close()


@contextmanager
def open_link(port: str, baud: int = BAUD) -> Iterator[Link]:
    """A link over a serial port. DeviceError says why the port cannot be opened."""
    stream = PortStream(port, baud)
    try:
        yield Link(stream)
    finally:
        stream.close()


def _check_path(port: str) -> None:
    """What the system call would not say as plainly."""
    try:
        mode = Path(port).stat().st_mode
    except FileNotFoundError:
        raise DeviceError(f"there is no port {port}", _ports()) from None
    except OSError as error:
        raise _explain(port, 0, error) from error
    if not stat.S_ISCHR(mode):
        raise DeviceError(f"{port} is no serial port", _ports())


def _explain(port: str, baud: int, error: Exception) -> DeviceError:
    code = getattr(error, "errno", None)
    if code is None and error.__context__ is not None and error.__context__.args:  # pyserial wraps a termios.error
        code = error.__context__.args[0]
    if code in (errno.EACCES, errno.EPERM):
        return DeviceError(f"no permission to open {port}", "sudo usermod -aG dialout $USER, then log in again")
    if code in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        holder = _holder(port)
        return DeviceError(
            f"{port} is in use" + (f" by {holder}" if holder else " by another program"), "close it, then try again"
        )
    if code in (errno.ENOTTY, errno.EINVAL):
        return DeviceError(f"{port} is no serial port", _ports())
    if isinstance(error, ValueError):
        return DeviceError(f"{port} cannot run at {baud} baud", f"most boards run at {BAUD}")
    return DeviceError(
        f"{port} cannot be opened ({error})", "unplug the board, plug it in again, and look at the cable"
    )


def _ports() -> str:
    """The ports that there are."""
    from serial.tools import list_ports

    found = [
        p.device + (f" ({p.description})" if p.description not in (None, "n/a") else "")
        for p in sorted(list_ports.comports(), key=lambda p: p.device)
    ]
    return "there are " + ", ".join(found) if found else "no serial port is connected; some USB cables carry power only"


def _holder(port: str) -> str:
    """The program that has the port open, as far as this user may see."""
    wanted = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(handle) == wanted for handle in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:  # another user's, or it has just ended
            continue
    return ""
