"""The host's side of semihosting: files in memory, console, exit."""

from __future__ import annotations

import struct

import pytest

from tinyclap_edge.device.emulator.semihosting import (
    APPLICATION_EXIT,
    FAILED,
    SYS_CLOSE,
    SYS_EXIT,
    SYS_EXIT_EXTENDED,
    SYS_FLEN,
    SYS_GET_CMDLINE,
    SYS_OPEN,
    SYS_READ,
    SYS_SEEK,
    SYS_WRITE,
    SemihostingFiles,
)


class Guest:
    """Memory of a guest with an argument block at 0 and data behind it."""

    def __init__(self, files: SemihostingFiles) -> None:
        self.files = files
        self.memory = bytearray(4096)

    def call(self, operation: int, *words: int) -> int:
        self.memory[: 4 * len(words)] = struct.pack(f"<{len(words)}I", *words)
        return self.files.call(operation, 0, self.read, self.write)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.memory[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def open(self, name: bytes, mode: int = 1) -> int:
        self.write(100, name)
        return self.call(SYS_OPEN, 100, mode, len(name))


@pytest.fixture
def guest() -> Guest:
    return Guest(SemihostingFiles({"pcm.bin": b"0123456789"}, "firmware hop=3"))


def test_a_file_is_read_to_its_end_and_the_missing_bytes_are_told(guest: Guest) -> None:
    handle = guest.open(b"pcm.bin")
    assert guest.call(SYS_FLEN, handle) == 10
    assert guest.call(SYS_READ, handle, 200, 6) == 0 and guest.read(200, 6) == b"012345"
    assert guest.call(SYS_READ, handle, 200, 6) == 2 and guest.read(200, 4) == b"6789"
    assert guest.call(SYS_READ, handle, 200, 6) == 6
    assert guest.call(SYS_SEEK, handle, 9) == 0 and guest.call(SYS_READ, handle, 200, 1) == 0
    assert guest.call(SYS_CLOSE, handle) == 0 and guest.call(SYS_READ, handle, 200, 6) == 6


def test_only_the_given_files_can_be_opened_and_only_for_reading(guest: Guest) -> None:
    assert guest.open(b"/etc/passwd") == FAILED
    assert guest.open(b"pcm.bin", mode=4) == FAILED


def test_console_text_is_collected_up_to_a_limit(guest: Guest) -> None:
    guest.files.console_limit_bytes = 8
    console = guest.open(b":tt", mode=4)
    guest.write(200, b"hello")
    assert guest.call(SYS_WRITE, console, 200, 5) == 0
    assert guest.call(SYS_WRITE, console, 200, 5) == 5
    assert bytes(guest.files.console) == b"hello"


def test_the_command_line_is_given_only_to_a_buffer_that_holds_it(guest: Guest) -> None:
    assert guest.call(SYS_GET_CMDLINE, 200, 14) == FAILED
    assert guest.call(SYS_GET_CMDLINE, 200, 15) == 0
    assert guest.read(200, 15) == b"firmware hop=3\0" and guest.read(4, 4) == struct.pack("<I", 14)


def test_the_exit_code_is_kept(guest: Guest) -> None:
    guest.call(SYS_EXIT_EXTENDED, APPLICATION_EXIT, 70)
    assert guest.files.exit_code == 70
    guest.files.call(SYS_EXIT, 0x20023, guest.read, guest.write)  # ADP_Stopped_RunTimeError
    assert guest.files.exit_code == 1


def test_an_unknown_operation_fails_and_changes_nothing(guest: Guest) -> None:
    assert guest.call(0x31, 1, 2) == FAILED and guest.files.exit_code is None
