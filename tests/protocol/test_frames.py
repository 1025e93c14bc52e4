"""Frames: the bytes of the specification, and the same verdict of Python and C on every stream."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_native import c_decode, c_encode

from tinyclap_edge.device.link_frames import PAYLOAD_MAX, Damaged, Frame, FrameDecoder, Text, cobs_encode, encode

payloads = st.binary(max_size=24) | st.builds(
    lambda byte, count, tail: (bytes([byte]) * count + tail)[:PAYLOAD_MAX],
    st.integers(0, 255),
    st.integers(0, PAYLOAD_MAX),
    st.binary(max_size=9),
)
frames = st.builds(Frame, st.integers(1, 255), st.integers(0, 255), payloads)
lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(lambda s: s.encode() + b"\n")


@settings(max_examples=150)
@given(frames)
def test_both_encoders_write_the_same_bytes_and_both_decoders_read_them(frame):
    data = encode(frame)
    assert c_encode(frame) == data
    assert data.count(0) == 2 and data[0] == data[-1] == 0
    assert c_decode(data) == FrameDecoder().feed(data) == [frame]


@pytest.mark.parametrize("size", [0, 1, 246, 247, 248, 253, 254, 255, PAYLOAD_MAX])
@pytest.mark.parametrize("byte", [0, 1, 255])
def test_payloads_about_a_whole_group_of_cobs_survive(size, byte):
    frame = Frame(0x11, 255, bytes([byte]) * size)
    data = encode(frame)
    assert c_encode(frame) == data and c_decode(data) == FrameDecoder().feed(data) == [frame]
    assert len(data) <= 2 + 7 + size + 1 + (7 + size) // 254


def test_cobs_gives_the_published_examples():
    assert cobs_encode(b"") == b"\x01"
    assert cobs_encode(b"\0\0") == b"\x01\x01\x01"
    assert cobs_encode(b"\x11\x22\0\x33") == b"\x03\x11\x22\x02\x33"
    assert cobs_encode(bytes(range(1, 255))) == b"\xff" + bytes(range(1, 255))
    assert cobs_encode(bytes(range(1, 256))) == b"\xff" + bytes(range(1, 255)) + b"\x02\xff"


def test_the_example_of_the_specification_is_what_the_code_writes():
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    listed = re.search(r"HELLO with the nonce.*?\n\n    ([0-9A-F ]+?)\n", text, re.DOTALL)
    assert listed and bytes.fromhex(listed[1]) == encode(Frame(1, 0, (0x11223344).to_bytes(4, "little")))


def test_a_payload_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="264"):
        encode(Frame(1, 0, bytes(PAYLOAD_MAX + 1)))


@settings(max_examples=100)
@given(st.lists(frames | lines, max_size=6))
def test_text_and_frames_share_a_stream_without_touching_each_other(parts):
    data = b"".join(part if isinstance(part, bytes) else encode(part) for part in parts)
    events = FrameDecoder().feed(data)
    assert [e for e in events if isinstance(e, Frame)] == [p for p in parts if isinstance(p, Frame)]
    assert b"".join(e.data for e in events if isinstance(e, Text)) == b"".join(p for p in parts if isinstance(p, bytes))
    assert Damaged() not in events and c_decode(data) == events


@settings(max_examples=150)
@given(st.data())
def test_both_decoders_agree_on_damaged_streams(data):
    stream = bytearray(b"".join(encode(f) + b"W 1 S 2\n" for f in data.draw(st.lists(frames, min_size=1, max_size=3))))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert c_decode(bytes(stream)) == FrameDecoder().feed(bytes(stream))


@settings(max_examples=150)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"\0", b"\x01", b"\x02", b"\xa1", b"\xff", b"\x07" * 90])).map(b"".join)
)
def test_both_decoders_agree_on_any_bytes(data):
    assert c_decode(data) == FrameDecoder().feed(data)


@given(frames, st.integers(1, 7))
def test_a_stream_may_come_in_pieces(frame, step):
    decoder, data = FrameDecoder(), b"text\n" + encode(frame)
    events = [e for i in range(0, len(data), step) for e in decoder.feed(data[i : i + step])]
    assert [e for e in events if isinstance(e, Frame)] == [frame]


def test_no_flipped_bit_and_no_missing_byte_makes_another_frame():
    data = encode(Frame(0x11, 7, bytes(range(64))))
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert not [e for e in c_decode(bytes(changed)) if isinstance(e, Frame)], bit
    for at in range(1, len(data) - 1):
        assert not [e for e in c_decode(data[:at] + data[at + 1 :]) if isinstance(e, Frame)], at


@pytest.mark.parametrize("before", [b"half a fra", b"\0", b"\0\x05\xa1ab", b"\0\xff\xa1" + bytes([7]) * 200])
def test_half_a_frame_costs_no_more_than_the_next_one(before):
    """Whatever was cut off before: a frame sent twice arrives."""
    frame = Frame(0x20, 1, b"xy")
    events = FrameDecoder().feed(before + encode(frame) * 2)
    assert [e for e in events if isinstance(e, Frame)].count(frame) >= 1
    assert c_decode(before + encode(frame) * 2) == events


def test_bytes_without_end_are_no_frame_and_take_no_memory():
    decoder = FrameDecoder()
    events = decoder.feed(b"\0\xff\xa1" + b"\x7f" * 5000)
    assert events[0] == Damaged() and len(decoder._content) < 300
    assert decoder.feed(encode(Frame(1, 0)))[-1] == Frame(1, 0)
