"""The host's side of semihosting, with files in memory: what the firmware asks for by a trap.

Operations and argument blocks: Arm, "Semihosting for AArch32 and AArch64" (RISC-V uses the same). Only the console, files
opened for reading and the exit are served; anything else answers -1, as the specification asks for a failed call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

SYS_OPEN, SYS_CLOSE, SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_READ = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
SYS_ISTTY, SYS_SEEK, SYS_FLEN, SYS_GET_CMDLINE, SYS_EXIT, SYS_EXIT_EXTENDED = 0x09, 0x0A, 0x0C, 0x15, 0x18, 0x20
SYS_ELAPSED = 0x30
APPLICATION_EXIT = 0x20026
_CONSOLE = 1
_FIRST_FILE = 3
_FIRST_DEVICE = 0x100
_MAX_TRANSFER = 1 << 24  # bytes; a larger request is a broken program, not a wish
FAILED = 0xFFFFFFFF

Read = Callable[[int, int], bytes]
Write = Callable[[int, bytes], None]


class GuestDevice(Protocol):
    """What stands behind a file name that is no file in memory: a serial line, a flash, sound that never ends."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes."""

    def write(self, data: bytes) -> bool:
        """Whether all was taken."""

    def seek(self, position: int) -> bool:
        """Whether there is such a position."""


class SemihostingFiles:
    """Answers the calls of one run. `files` maps names to contents, `devices` to what is no file; console output is
    collected in `console`, or handed on to `on_console`."""

    def __init__(
        self,
        files: dict[str, bytes],
        command_line: str = "",
        console_limit_bytes: int = 64 << 20,
        devices: dict[str, GuestDevice] | None = None,
        on_console: Callable[[bytes], None] | None = None,
    ) -> None:
        self.files = files
        self.devices, self.on_console = devices or {}, on_console
        self._attached: dict[int, GuestDevice] = {}
        self.command_line = command_line.encode()
        self.console = bytearray()
        self.console_limit_bytes = console_limit_bytes
        self.exit_code: int | None = None
        self._open: dict[int, tuple[memoryview, int]] = {}

    def call(self, operation: int, argument: int, read: Read, write: Write) -> int:
        """One call: `argument` is the parameter register; `read` and `write` reach the guest's memory. Returns the result register."""

        def words(count: int) -> list[int]:
            raw = read(argument, 4 * count)
            return [int.from_bytes(raw[4 * i : 4 * i + 4], "little") for i in range(count)]

        if operation == SYS_OPEN:
            name, mode, length = words(3)
            return self._open_file(bytes(read(name, min(length, 4096))).decode("utf-8", "replace"), mode)
        if operation == SYS_CLOSE:
            (handle,) = words(1)
            return 0 if handle == _CONSOLE or self._open.pop(handle, None) is not None else FAILED
        if operation == SYS_WRITE:
            handle, address, count = words(3)
            if handle in self._attached and count <= _MAX_TRANSFER:
                return 0 if self._attached[handle].write(read(address, count)) else count
            if handle == _CONSOLE and self.on_console is not None and count <= _MAX_TRANSFER:
                self.on_console(read(address, count))
                return 0
            if handle != _CONSOLE or count > _MAX_TRANSFER or len(self.console) + count > self.console_limit_bytes:
                return count
            self.console += read(address, count)
            return 0
        if operation == SYS_WRITEC:
            self.console += read(argument, 1)
            return 0
        if operation == SYS_READ:
            handle, address, count = words(3)
            if handle in self._attached and count <= _MAX_TRANSFER:
                got = self._attached[handle].read(count)
                write(address, got)
                return count - len(got)
            if handle not in self._open or count > _MAX_TRANSFER:
                return count
            data, position = self._open[handle]
            chunk = data[position : position + count]
            write(address, bytes(chunk))
            self._open[handle] = (data, position + len(chunk))
            return count - len(chunk)
        if operation == SYS_ISTTY:
            (handle,) = words(1)
            return int(handle == _CONSOLE)
        if operation == SYS_SEEK:
            handle, position = words(2)
            if handle in self._attached:
                return 0 if self._attached[handle].seek(position) else FAILED
            if handle not in self._open or position > len(self._open[handle][0]):
                return FAILED
            self._open[handle] = (self._open[handle][0], position)
            return 0
        if operation == SYS_FLEN:
            (handle,) = words(1)
            return len(self._open[handle][0]) if handle in self._open else FAILED
        if operation == SYS_GET_CMDLINE:
            buffer, size = words(2)
            if len(self.command_line) + 1 > size:
                return FAILED
            write(buffer, self.command_line + b"\0")
            write(argument + 4, len(self.command_line).to_bytes(4, "little"))
            return 0
        if operation == SYS_ELAPSED:  # ticks are microseconds of this PC
            write(argument, (time.monotonic_ns() // 1000).to_bytes(8, "little"))
            return 0
        if operation == SYS_EXIT_EXTENDED:
            reason, code = words(2)
            self.exit_code = code & 0xFF if reason == APPLICATION_EXIT else 1
            return 0
        if operation == SYS_EXIT:  # on 32-bit the register itself holds the reason
            self.exit_code = 0 if argument == APPLICATION_EXIT else 1
            return 0
        return FAILED

    def _open_file(self, name: str, mode: int) -> int:
        if name == ":tt":
            return _CONSOLE
        if name in self.devices:
            handle = _FIRST_DEVICE + len(self._attached)
            self._attached[handle] = self.devices[name]
            return handle
        if name not in self.files or mode > 1:  # 0 "r", 1 "rb"
            return FAILED
        handle = _FIRST_FILE + len(self._open)
        while handle in self._open:
            handle += 1
        self._open[handle] = (memoryview(self.files[name]), 0)
        return handle
