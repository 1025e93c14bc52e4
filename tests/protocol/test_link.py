"""Requests and answers: each done once, whatever the line does to it."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from link_native import NativeDevice, pack_bytes

from tinyclap_edge.device.link import Command, Link, Refusal, Refused
from tinyclap_edge.device.link_frames import Frame, FrameDecoder, encode
from tinyclap_edge.device.link_labels import pull, push, push_bytes, show
from tinyclap_edge.errors import CorruptFile, DeviceError, DoesNotFit, UsageError

BAUD_BYTES = 115_200 / 10  # a byte on the wire has a start and a stop bit


class Line:
    """A stream to a device that drops, inserts and flips bytes. An empty read is a wait that brought nothing."""

    def __init__(self, device: NativeDevice, rate: float = 0.0, seed: int = 0) -> None:
        self.device, self.rate, self.rng = device, rate, np.random.default_rng(seed)
        self.to_device = self.from_device = 0

    def write(self, data: bytes) -> None:
        self.to_device += len(data)
        self.device.write(self.damaged(data))

    def read(self) -> bytes:
        data = self.device.read()
        self.from_device += len(data)
        return self.damaged(data)

    def damaged(self, data: bytes) -> bytes:
        if not self.rate or not data:
            return data
        out = bytearray()
        for byte, luck, kind in zip(data, self.rng.random(len(data)), self.rng.integers(0, 3, len(data)), strict=True):
            if luck >= self.rate:
                out.append(byte)
            elif kind == 1:
                out += bytes([byte, self.rng.integers(256)])
            elif kind == 2:
                out.append(byte ^ 1 << int(self.rng.integers(8)))
        return bytes(out)


def link_to(device: NativeDevice, **settings) -> Link:
    ticks = itertools.count()
    return Link(Line(device, **settings), clock=lambda: next(ticks) * 1e-6)


def test_hello_says_who_the_device_is():
    image = pack_bytes(5)
    device = link_to(NativeDevice(image)).hello()
    assert (device.board, device.version, device.protocol) == ("a-board", "0.1.0", 2)
    assert (device.encoder_id, device.frontend_id) == ("0123456789abcdef", "fedcba9876543210")
    assert (device.slot, device.generation, device.labels, device.dim) == (None, 0, 5, 8)
    assert (device.pack_bytes, device.pack_checksum) == (len(image), int.from_bytes(image[-4:], "little"))
    assert (device.arena_bytes, device.static_bytes, device.stack_bytes, device.windows) == (1000, 2000, 300, 7)
    assert device.capacity_bytes == 4096 - 48 - 8


def test_a_pushed_pack_is_in_use_at_once_and_after_a_reset():
    native = NativeDevice()
    for seed in (1, 2, 3):
        pushed = pack_bytes(20, seed=seed)
        after = push(link_to(native), pushed)
        assert native.pack == pushed and pull(link_to(native)) == pushed
        assert (after.generation, after.labels, after.slot) == (seed, 20, (seed + 1) % 2)
        native.start()
        assert native.pack == pushed and link_to(native).hello().generation == seed


def test_show_lists_every_label_with_threshold_and_score():
    native = NativeDevice(pack_bytes(60, name="a name of some length, " * 2))
    device, labels = show(link_to(native))
    assert len(labels) == device.labels == 60
    assert labels[59].name.endswith("0.59") and labels[0].background and not labels[1].background
    assert labels[7].score == 0.0 and -1 <= labels[7].threshold < 1


def test_pushing_what_is_there_already_writes_nothing():
    native = NativeDevice()
    pushed = pack_bytes(4, seed=1)
    push(link_to(native), pushed)
    assert native.start() == 0 and push(link_to(native), pushed).generation == 1
    assert native.fact("operations") == 0


@pytest.mark.parametrize("seed", range(6))
def test_every_transfer_completes_on_a_line_that_damages_one_byte_in_a_thousand(seed):
    native = NativeDevice(sectors=3)
    link = link_to(native, rate=1e-3, seed=seed)
    for generation in (1, 2):
        pushed = pack_bytes(50, dim=8, seed=seed + 10 * generation, name="a longer name for a sound " * 2)
        assert push(link, pushed).generation == generation
        assert native.pack == pushed and pull(link) == pushed
    assert native.fact("broken_rules") == 0


def test_the_noisy_line_of_these_tests_does_damage_frames():
    links = [link_to(NativeDevice(sectors=3), rate=1e-3, seed=seed) for seed in range(3)]
    for link in links:
        push(link, pack_bytes(50, seed=1, name="a longer name for a sound " * 2))
    assert sum(link.repeated for link in links) > 2


def test_a_repeated_request_is_answered_again_and_not_done_again():
    native = NativeDevice()
    link = link_to(native)
    link.hello()
    pushed = pack_bytes(4, seed=1)
    ids = bytes.fromhex("0123456789abcdeffedcba9876543210")
    begin = encode(Frame(Command.LABELS_BEGIN, 1, struct.pack("<II", len(pushed), 0) + ids))
    native.write(begin)
    first, operations = native.read(), native.fact("operations")
    native.write(begin)
    assert native.read() == first and native.fact("operations") == operations > 0
    assert native.fact("repeated") == 1


def test_another_request_with_the_number_of_the_last_one_is_refused():
    native = NativeDevice()
    link_to(native).hello()
    for first in (0, 1):
        native.write(encode(Frame(Command.SHOW, 1, struct.pack("<H", first))))
    answers = FrameDecoder().feed(native.read())
    assert [a.type for a in answers] == [0x80 | Command.SHOW, 0xFF]
    assert answers[1].payload == struct.pack("<BBi", Command.SHOW, Refusal.SEQUENCE, 2)


def test_before_a_hello_and_after_a_reset_everything_else_is_refused():
    native = NativeDevice()
    link = link_to(native)
    with pytest.raises(Refused) as caught:
        link.request(Command.SHOW, b"\0\0")
    assert caught.value.code == Refusal.SESSION
    link.hello()
    link.request(Command.SHOW, b"\0\0")
    native.start()
    with pytest.raises(Refused) as caught:
        link.request(Command.SHOW, b"\0\0")
    assert caught.value.code == Refusal.SESSION


def test_an_old_hello_that_comes_late_is_not_the_answer():
    """The answer to an earlier host's HELLO is still on the line."""
    native = NativeDevice()
    link_to(native)
    native.write(encode(Frame(Command.HELLO, 0, b"old!")))
    link = link_to(native)
    assert link.hello().board == "a-board" and link.repeated == 0


@pytest.mark.parametrize(
    ("command", "payload", "code"),
    [
        (0x7E, b"", Refusal.COMMAND),
        (Command.SHOW, b"", Refusal.LENGTH),
        (Command.LABELS_BEGIN, b"1234", Refusal.LENGTH),
        (Command.LABELS_DATA, b"\0\0\0\0", Refusal.LENGTH),
        (Command.LABELS_DATA, b"\0\0\0\0data", Refusal.STATE),
        (Command.LABELS_COMMIT, b"", Refusal.STATE),
        (Command.LABELS_COMMIT, b"x", Refusal.LENGTH),
        (Command.LABELS_READ, struct.pack("<IH", 1 << 31, 9), Refusal.OFFSET),
        (Command.LABELS_BEGIN, struct.pack("<II", 1 << 31, 0) + bytes(16), Refusal.TOO_LARGE),
        (Command.LABELS_BEGIN, struct.pack("<II", 100, 0) + bytes(16), Refusal.FOREIGN),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_name_and_the_device_goes_on(command, payload, code):
    native = NativeDevice()
    link = link_to(native)
    link.hello()
    with pytest.raises(Refused) as caught:
        link.request(command, payload)
    assert caught.value.code == code and native.fact("operations") == 0
    assert len(show(link)[1]) == 3


def test_data_out_of_order_are_refused_with_the_offset_that_is_due():
    native = NativeDevice()
    link = link_to(native)
    link.hello()
    pushed = pack_bytes(20, seed=3)
    ids = bytes.fromhex("0123456789abcdeffedcba9876543210")
    link.request(Command.LABELS_BEGIN, struct.pack("<II", len(pushed), 0) + ids)
    link.request(Command.LABELS_DATA, struct.pack("<I", 0) + pushed[:256])
    for at, data in ((0, pushed[:256]), (512, pushed[512:]), (256, pushed[256:300])):
        with pytest.raises(Refused) as caught:
            link.request(Command.LABELS_DATA, struct.pack("<I", at) + data)
        assert (caught.value.code, caught.value.detail) == (Refusal.OFFSET, 256)
    link.request(Command.LABELS_DATA, struct.pack("<I", 256) + pushed[256:512])


@pytest.mark.parametrize(
    ("change", "code"), [(lambda p: p[:40] + b"\x01" + p[41:], Refusal.PACK), (lambda p: p, Refusal.CHECKSUM)]
)
def test_a_pack_that_arrives_as_another_one_is_not_taken_into_use(change, code):
    native = NativeDevice()
    link = link_to(native)
    link.hello()
    pushed = change(pack_bytes(4, seed=3))
    ids = bytes.fromhex("0123456789abcdeffedcba9876543210")
    link.request(Command.LABELS_BEGIN, struct.pack("<II", len(pushed), 0) + ids)
    link.request(Command.LABELS_DATA, struct.pack("<I", 0) + pushed)
    with pytest.raises(Refused) as caught:
        link.request(Command.LABELS_COMMIT)
    assert caught.value.code == code and native.pack == native.image
    native.start()
    assert native.pack == native.image


def test_a_pack_for_another_encoder_is_refused_by_name_before_a_byte_of_it_is_sent():
    native = NativeDevice()
    with pytest.raises(UsageError, match=r"encoder 00000000000000aa .* a-board runs encoder 0123456789abcdef"):
        push(link_to(native), pack_bytes(3, encoder="00000000000000aa"))
    with pytest.raises(UsageError, match="no encoder in particular"):
        push(link_to(native), pack_bytes(3, encoder="0" * 16))
    with pytest.raises(UsageError, match="r = 9"):
        push(link_to(native), pack_bytes(3, dim=9))
    assert native.fact("operations") == 0


def test_a_pack_that_is_too_large_or_a_board_without_flash_is_refused_with_the_bytes():
    with pytest.raises(DoesNotFit, match=r"holds 4,040: [\d,]+ too many"):
        push(link_to(NativeDevice()), pack_bytes(200, seed=1))
    with pytest.raises(UsageError, match="keeps no labels"):
        push(link_to(NativeDevice(sectors=0)), pack_bytes(3, seed=1))


def test_what_is_no_pack_never_reaches_the_line():
    link = link_to(NativeDevice())
    with pytest.raises(CorruptFile):
        push(link, b"TCLP" + bytes(100))
    assert link.sent_bytes == 0


@pytest.mark.parametrize("lost_after", [1, 2, 5, 6])
def test_a_device_that_is_reset_in_the_middle_of_a_push_gets_the_whole_pack(lost_after):
    native = NativeDevice()
    link = link_to(native)
    pushed, seen = pack_bytes(40, seed=9), []

    def advance(count: int) -> None:
        seen.append(count)
        if len(seen) == lost_after:
            native.start()

    assert push(link, pushed, advance).pack_bytes == len(pushed)
    assert native.pack == pushed and len(seen) >= -(-len(pushed) // 256)


def test_a_device_that_is_reset_again_and_again_is_reported():
    native = NativeDevice()
    link = link_to(native)
    with pytest.raises(DeviceError, match="started anew 3 times"):
        push(link, pack_bytes(40, seed=9), lambda count: native.start())
    assert native.pack == native.image


class Silent:
    def read(self) -> bytes:
        return b""

    def write(self, data: bytes) -> None:
        pass


class Gone(Silent):
    def read(self) -> bytes:
        raise OSError(5, "Input/output error")


class Chatter(Silent):
    """A program that talks and never answers: the wrong board."""

    def read(self) -> bytes:
        return b"temperature 21.5\r\n"


def test_a_silent_port_a_lost_one_and_a_chattering_one_end_in_one_error():
    with pytest.raises(DeviceError, match="no answer to HELLO after 6 tries"):
        Link(Silent()).hello()
    with pytest.raises(DeviceError, match="the link was lost"):
        Link(Gone()).hello()
    ticks = itertools.count()
    with pytest.raises(DeviceError, match="no answer to HELLO"):
        Link(Chatter(), clock=lambda: next(ticks) * 0.01).hello()


def test_a_line_that_echoes_does_no_harm():
    class Echo(Line):
        def read(self) -> bytes:
            data = super().read()
            self.device.write(data)  # the device hears its own answers
            return data

    native = NativeDevice()
    link = Link(Echo(native))
    assert push(link, pack_bytes(9, seed=4)).labels == 9


@pytest.mark.parametrize("name", ["x" * 50, "doorbell chime"])
def test_fifty_labels_of_128_entries_take_less_than_a_second_and_a_half_of_wire(name):
    image, pushed = pack_bytes(1, dim=128), pack_bytes(50, dim=128, seed=1, name=name)
    native = NativeDevice(image, sectors=4, dim=128)
    line = Line(native)
    push(Link(line), pushed)
    on_wire = line.to_device + line.from_device
    assert native.pack == pushed and on_wire <= push_bytes(len(pushed)) < on_wire + 300
    assert push_bytes(len(pushed)) / BAUD_BYTES < 1.5
