"""labels.tlp: what is written can be read by Python and C alike, and nothing else can."""

from __future__ import annotations

import ctypes
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.labels.pack import MAX_BYTES, LabelPack


def resealed(data: bytes) -> bytes:
    """The same bytes with a right checksum: damage that the CRC cannot see."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def python_accepts(data: bytes) -> bool:
    try:
        LabelPack.from_bytes(data)
    except CorruptFile:
        return False
    return True


def test_a_pack_survives_the_round_trip_in_python(make_pack):
    pack = make_pack(5, 33, background=2)
    again = LabelPack.from_bytes(pack.to_bytes())
    assert (again.names, again.background, again.encoder_id, again.frontend_id) == (
        pack.names,
        2,
        pack.encoder_id,
        pack.frontend_id,
    )
    assert np.array_equal(again.rows, pack.rows) and np.array_equal(again.thresholds_q15, pack.thresholds_q15)
    assert again.to_bytes() == pack.to_bytes()


def test_the_bytes_are_those_of_the_specification():
    pack = LabelPack(
        "0102030405060708",
        "1112131415161718",
        ("ab", "c"),
        np.array([[127], [-1]], np.int8),
        np.array([-2, 3], np.int16),
    )
    expected = (
        b"TCLP\x01\x00\x20\x00\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"
        + struct.pack("<IHH", 72, 1, 2)
        + struct.pack("<IhHHH", 8454656, -2, 0, 2, 0)  # round(2^32 / (127 * 256)) << 6
        + struct.pack("<IhHHH", 1 << 30, 3, 2, 1, 0)
        + b"\x7f\0\0\0\xff\0\0\0abc\0"
    )
    assert pack.to_bytes() == expected + struct.pack("<I", zlib.crc32(expected))
    text = (Path(__file__).parents[2] / "docs" / "label-pack.md").read_text(encoding="utf-8")
    listing = re.findall(r"^    ((?:[0-9A-F]{2} {1,2})+)(?: |$)|^    ([0-9A-F ]{11}) *CRC", text, re.MULTILINE)
    assert bytes.fromhex("".join("".join(part) for part in listing)) == pack.to_bytes()


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_c_reads_what_python_wrote_at_any_address(native, make_pack, offset):
    pack = make_pack(7, 21, background=4)
    code, view, held = native.open(pack.to_bytes(), offset)
    assert code == 0 and held.size
    assert (view.count, view.dim, view.stride, view.background) == (7, 21, 24, 4)
    assert tuple(native.name(view, i) for i in range(7)) == pack.names
    got = [native.lib.tce_labels_threshold(ctypes.byref(view), i) for i in range(7)]
    assert got == pack.thresholds_q15.tolist()
    assert ctypes.string_at(view.encoder_id, 8).hex() == pack.encoder_id
    assert ctypes.string_at(view.frontend_id, 8).hex() == pack.frontend_id


def test_a_pack_for_another_encoder_or_front_end_does_not_match(native, make_pack):
    pack = make_pack()
    _, view, held = native.open(pack.to_bytes())
    encoder, frontend = bytes.fromhex(pack.encoder_id), bytes.fromhex(pack.frontend_id)
    assert held.size and native.lib.tce_labels_match(ctypes.byref(view), encoder, frontend) == 0
    assert native.lib.tce_labels_match(ctypes.byref(view), frontend, frontend) == -13
    assert native.lib.tce_labels_match(ctypes.byref(view), encoder, encoder) == -13


def test_the_largest_pack_is_read_and_one_byte_more_is_not(native):
    names = tuple(f"{i:064d}" for i in range(256))
    rows = np.full((256, 1024), -127, np.int8)
    data = LabelPack("0" * 16, "0" * 16, names, rows, np.zeros(256, np.int16)).to_bytes()
    assert len(data) == MAX_BYTES
    assert native.open(data)[0] == 0 and python_accepts(data)
    assert native.open(data + b"\0")[0] == -2 and not python_accepts(data + b"\0")


def test_every_truncation_is_refused(native, make_pack):
    data = make_pack().to_bytes()
    for n in range(len(data)):
        assert native.open(data[:n])[0] < 0 and not python_accepts(data[:n]), n
        assert native.open(data[n + 1 :])[0] < 0


def test_every_single_bit_flip_is_refused(native, make_pack):
    data = bytearray(make_pack(background=1).to_bytes())
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        assert native.open(bytes(data))[0] < 0 and not python_accepts(bytes(data)), bit
        data[bit // 8] ^= 1 << bit % 8


def test_both_readers_agree_on_damage_behind_a_right_checksum(native, make_pack):
    data = make_pack(background=1).to_bytes()
    accepted = 0
    for at in range(len(data) - 4):
        for value in {0, 1, 2, 0x7F, 0x80, 0xFF, data[at] ^ 1, data[at] ^ 0x80}:
            changed = resealed(data[:at] + bytes([value]) + data[at + 1 :])
            assert (native.open(changed)[0] == 0) == python_accepts(changed), (at, value)
            accepted += python_accepts(changed)
    assert accepted  # an id or a threshold may hold any value


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_both_readers_agree_on_arbitrary_changes(native, make_pack, data):
    base = bytearray(make_pack(3, 5, background=0).to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(base) - 5))
        base[at : at + 1] = data.draw(st.binary(min_size=0, max_size=3))
    if data.draw(st.booleans()):
        base[24:28] = struct.pack("<I", len(base))
    changed = resealed(bytes(base))
    assert (native.open(changed)[0] == 0) == python_accepts(changed)


@settings(max_examples=400, deadline=None)
@given(st.binary(min_size=1, max_size=8))
def test_both_readers_agree_on_which_bytes_are_a_name(native, name):
    """Any bytes as the name of one label, well formed but for that."""
    template = LabelPack("0" * 16, "0" * 16, ("x" * len(name),), np.array([[1]], np.int8), np.zeros(1, np.int16))
    data = resealed(template.to_bytes().replace(b"x" * len(name), name))
    assert (native.open(data)[0] == 0) == python_accepts(data)


@pytest.mark.parametrize("point", [0x7F, 0x80, 0x9F, 0xA0, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF])
def test_the_edges_of_utf8_are_judged_alike(native, point):
    name = chr(point)
    data = LabelPack("0" * 16, "0" * 16, ("x" * len(name.encode()),), np.array([[1]], np.int8), np.zeros(1, np.int16))
    changed = resealed(data.to_bytes().replace(b"x" * len(name.encode()), name.encode()))
    allowed = point not in (0x7F, 0x80, 0x9F)
    assert (native.open(changed)[0] == 0) is allowed and python_accepts(changed) is allowed


@pytest.mark.parametrize(
    "name",
    [
        "c080",
        "c1bf",
        "e08080",
        "e09fbf",
        "eda080",
        "edbfbf",
        "f0808080",
        "f08fbfbf",
        "f4908080",
        "f5808080",
        "80",
        "c3",
    ],
)
def test_bytes_that_are_not_utf8_are_no_name(native, name):
    """Overlong forms, surrogates, beyond U+10FFFF, stray and missing continuations."""
    letters = b"x" * (len(name) // 2)
    template = LabelPack("0" * 16, "0" * 16, (letters.decode(),), np.array([[1]], np.int8), np.zeros(1, np.int16))
    changed = resealed(template.to_bytes().replace(letters, bytes.fromhex(name)))
    assert native.open(changed)[0] == -9 and not python_accepts(changed)


def test_each_fault_has_its_own_code(native, make_pack):
    data = make_pack(3, 6, background=0).to_bytes()
    entry, rows, names = 32, 32 + 36, 32 + 36 + 24

    def changed(at: int, *values: int) -> int:
        return native.open(resealed(data[:at] + bytes(values) + data[at + len(values) :]))[0]

    assert native.open(data[:-1] + bytes([data[-1] ^ 1]))[0] == -7
    assert changed(0, 0x74) == -3
    assert changed(4, 2) == -4 and changed(6, 36) == -4
    assert changed(28, 0, 0) == -5 and changed(28, 1, 4) == -5
    assert changed(30, 0, 0) == -6 and changed(30, 1, 1) == -6
    assert changed(entry + 10, 2) == -8 and changed(entry + 22, 1) == -8
    assert changed(entry + 6, 1) == -9 and changed(entry + 8, 0) == -9 and changed(names, 7) == -9
    assert changed(rows, 0x80) == -11 and changed(rows, 1) == -11 and changed(entry, 0) == -11
    assert changed(rows + 6, 1) == -12


def test_two_labels_of_one_name_are_refused(native, make_pack):
    data = make_pack(3, 6).to_bytes()
    changed = resealed(data.replace(b"sound 2", b"sound 0"))
    assert native.open(changed)[0] == -10 and not python_accepts(changed)


def test_null_pointers_are_refused(native):
    assert native.lib.tce_labels_open(None, 100, None) == -1


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "no labels"),
        (("a", "b", "a"), "'a' is given twice"),
        (("é" * 33,), "66 bytes"),
        (("bell\n",), "control character"),
        (("\ud800",), "not valid text"),
        (tuple(map(str, range(257))), "257 labels"),
    ],
)
def test_names_that_do_not_fit_are_refused_in_words(names, says):
    rows = np.ones((len(names), 2), np.int8)
    with pytest.raises(UsageError, match=says):
        LabelPack("0" * 16, "0" * 16, names, rows, np.zeros(len(names), np.int16))
