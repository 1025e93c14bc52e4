"""A host that means no good, at a board behind a pty: each request is refused by name, the labels stay, the board hears on.

The packs have right checksums, and go to the board past the checks of this tool.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from serial_boards import PCM, Firmware, built_firmware, pack

from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.link import Command, Link, Refusal, Refused
from tinyclap_edge.device.link_frames import Frame, encode
from tinyclap_edge.device.link_labels import pull
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.labels.pack import LabelPack

HEADER, ENTRY, LABELS = 32, 12, 3
ROWS = HEADER + LABELS * ENTRY
NAN, INFINITE = b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f"  # of a float, where the format has integers
HOSTILE = {  # what is wrong -> where, and the bytes that are put there
    "names that overlap": (HEADER + ENTRY + 6, b"\x01\x00"),
    "a hole between two names": (HEADER + ENTRY + 6, b"\x40\x00"),
    "a name behind the end": (HEADER + 2 * ENTRY + 8, b"\x3c\x00"),
    "a scale that is not a number": (HEADER, NAN),
    "a scale without end": (HEADER, INFINITE),
    "a scale of nothing": (HEADER, bytes(4)),
    "a row of zeros": (ROWS, bytes(8)),
    "a row below its range": (ROWS, b"\x80"),
    "two gigabytes in its header": (24, b"\x00\x00\x00\x80"),
    "more labels than bytes": (30, b"\xff\xff"),
    "longer rows than bytes": (28, b"\xff\xff"),
    "an unknown flag": (HEADER + 10, b"\x00\x80"),
}
CODE = {"two gigabytes in its header": -2, "a row of zeros": -11, "names that overlap": -9}  # TCE_ERR_LABELS_*


def hostile(what: str) -> bytes:
    """A pack with one field wrong, behind a right checksum."""
    data, (at, field) = bytearray(pack(LABELS, seed=7).to_bytes()), HOSTILE[what]
    data[at : at + len(field)] = field
    return bytes(data[:-4]) + struct.pack("<I", zlib.crc32(data[:-4]))


def send(link: Link, data: bytes, announced: int | None = None) -> None:
    """A push without a look at the pack."""
    link.hello()
    ids = pack(1).to_bytes()[8:24]
    link.request(Command.LABELS_BEGIN, struct.pack("<II", announced or len(data), zlib.crc32(data[:-4])) + ids)
    for at in range(0, len(data), 256):
        link.request(Command.LABELS_DATA, struct.pack("<I", at) + data[at : at + 256])
    link.request(Command.LABELS_COMMIT)


class Victim:
    """An emulated board, its sound, and the raw port."""

    def __init__(self, stream: PortStream, sound: FedSound, image: bytes) -> None:
        self.stream, self.link, self.sound, self.image = stream, Link(stream), sound, image

    def lives(self) -> None:
        """It answers, has its labels, and makes windows of new sound."""
        before = self.link.hello().windows
        assert pull(self.link) == self.image
        self.sound.feed(np.tile(PCM, 2))
        for _ in range(200):
            if self.link.status().windows > before:
                break
        status = self.link.status()
        assert status.windows > before and status.safe_mode.value == 0 and status.watchdog_resets == 0


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    firmware: Firmware = built_firmware()
    with opened(firmware, tmp_path_factory.mktemp("hostile")) as victim:
        yield victim


@contextmanager
def opened(firmware: Firmware, folder: Path) -> Iterator[Victim]:
    sound = FedSound()
    with firmware.emulated(folder, sound) as running:
        stream = PortStream(running.port)
        yield Victim(stream, sound, firmware.image_pack.to_bytes())
        stream.close()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_pack_is_refused_by_the_board_which_hears_on(board: Victim, what: str) -> None:
    with pytest.raises(Refused) as caught:
        send(board.link, hostile(what))
    assert caught.value.code == Refusal.PACK and -13 <= caught.value.detail <= -2
    assert caught.value.detail == CODE.get(what, caught.value.detail)
    board.lives()


@pytest.mark.parametrize("what", HOSTILE)
def test_this_tool_refuses_the_same_packs_with_one_fact_and_one_cure(what: str) -> None:
    with pytest.raises(CorruptFile) as caught:
        LabelPack.from_bytes(hostile(what))
    assert caught.value.fact and "\n" not in caught.value.fact and "labels encode" in caught.value.hint


def test_a_pack_of_two_gigabytes_is_refused_before_anything_is_erased(board: Victim) -> None:
    with pytest.raises(Refused) as caught:
        send(board.link, hostile("a row of zeros"), announced=2 << 30)
    assert caught.value.code == Refusal.TOO_LARGE and caught.value.detail > 16_000
    board.lives()


def test_a_pack_for_another_encoder_is_refused_before_anything_is_erased(board: Victim) -> None:
    board.link.hello()
    with pytest.raises(Refused) as caught:
        board.link.request(Command.LABELS_BEGIN, struct.pack("<II", 100, 0) + bytes(16))
    assert caught.value.code == Refusal.FOREIGN
    board.lives()


def test_a_push_that_is_left_half_way_changes_nothing(board: Victim) -> None:
    data = pack(30, seed=8).to_bytes()
    board.link.hello()
    board.link.request(Command.LABELS_BEGIN, struct.pack("<II", len(data), zlib.crc32(data[:-4])) + data[8:24])
    board.link.request(Command.LABELS_DATA, struct.pack("<I", 0) + data[:256])
    board.lives()


@pytest.mark.parametrize(
    "noise",
    [
        encode(Frame(0x01, 0, b"nonc"))[:7],
        b"\0",
        b"\0\xff\xa1" + bytes([7]) * 200,
        b"\0\xff\xa1" + b"\x7f" * 4000,
        b"name",
        np.random.default_rng(5).integers(0, 256, 20_000).astype(np.uint8).tobytes(),
    ],
    ids=["half a frame", "a zero", "a frame cut off", "a frame without end", "half a command", "noise"],
)
def test_whatever_comes_before_the_next_host_is_answered(board: Victim, noise: bytes) -> None:
    board.stream.write(noise)
    board.lives()
