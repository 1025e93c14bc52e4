"""The C frame codec against COBS and CRC-32 written down again from their definitions: nothing here comes from the package.

COBS: Cheshire and Baker, 1999. CRC-32: ISO 3309, bit by bit.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from link_native import c_decode, c_encode

from tinyclap_edge.device.link_frames import Damaged, Frame, Text

VERSION, PAYLOAD_MAX, CONTENT_MAX = 0xA1, 264, 271


def crc32(data: bytes) -> int:
    """The remainder by 0x04C11DB7, least significant bit first."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            feedback = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0xEDB88320 if feedback else 0)
    return register ^ 0xFFFFFFFF


def stuff(data: bytes) -> bytes:
    """COBS: each run of bytes up to a zero in groups of 254, the last of them shorter; none behind a full one at the end."""
    out, runs = bytearray(), data.split(b"\0")
    for number, run in enumerate(runs):
        whole = len(run) - len(run) % 254
        for at in range(0, whole, 254):
            out += b"\xff" + run[at : at + 254]
        if number + 1 < len(runs) or whole < len(run) or not run:
            out += bytes([len(run) - whole + 1]) + run[whole:]
    return bytes(out)


def unstuff(data: bytes) -> bytes | None:
    """The bytes, or None for what no COBS encoder writes: a group that is cut off."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        group = data[at + 1 : at + code]
        if len(group) != code - 1:
            return None
        out += group
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def frame(kind: int, sequence: int, payload: bytes) -> bytes:
    """A frame on the wire."""
    content = bytes([VERSION, kind, sequence]) + payload
    return b"\0" + stuff(content + crc32(content).to_bytes(4, "little")) + b"\0"


def verdict(body: bytes) -> Frame | None:
    """What stands between two zeros, if it is a frame."""
    content = unstuff(body)
    if content is None or not 7 <= len(content) <= CONTENT_MAX or content[0] != VERSION:
        return None
    if crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
        return None
    return Frame(content[1], content[2], content[3:-4])


# many zeros, and long runs without one: where COBS has its edges
payloads = st.lists(
    st.binary(max_size=8) | st.builds(lambda b, n: bytes([b]) * n, st.integers(0, 255), st.integers(0, 260)), max_size=4
).map(lambda parts: b"".join(parts)[:PAYLOAD_MAX])
types, numbers = st.integers(0, 255), st.integers(0, 255)


def test_the_definitions_of_this_file_give_the_published_values() -> None:
    assert crc32(b"123456789") == 0xCBF43926
    for data, stuffed in (
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (bytes(range(1, 255)), b"\xff" + bytes(range(1, 255))),
        (bytes(range(255)), b"\x01\xff" + bytes(range(1, 255))),
        (bytes(range(1, 256)), b"\xff" + bytes(range(1, 255)) + b"\x02\xff"),
        (bytes(range(2, 256)) + b"\0", b"\xff" + bytes(range(2, 256)) + b"\x01\x01"),
    ):
        assert stuff(data) == stuffed and unstuff(stuffed) == data


@settings(max_examples=200)
@given(types, numbers, payloads)
def test_the_c_writes_the_frame_of_the_definitions(kind: int, sequence: int, payload: bytes) -> None:
    assert c_encode(Frame(kind, sequence, payload)) == frame(kind, sequence, payload)


@settings(max_examples=200)
@given(types, numbers, payloads)
def test_the_c_reads_the_frame_of_the_definitions(kind: int, sequence: int, payload: bytes) -> None:
    assert c_decode(frame(kind, sequence, payload)) == [Frame(kind, sequence, payload)]


@settings(max_examples=200)
@given(types, numbers, payloads, st.data())
def test_the_c_believes_a_damaged_frame_if_and_only_if_the_definitions_do(kind, sequence, payload, data) -> None:
    body = bytearray(frame(kind, sequence, payload)[1:-1])
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=1).filter(lambda b: b != b"\0"))
    wanted = verdict(bytes(body))
    found = c_decode(b"\0" + bytes(body) + b"\0")
    assert [event for event in found if isinstance(event, Frame)] == ([wanted] if wanted else [])


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=320).map(lambda b: b.replace(b"\0", b"\x01")))
def test_bytes_between_two_zeros_are_a_frame_or_text_or_damage_and_nothing_is_lost(body: bytes) -> None:
    found = c_decode(b"\0" + body + b"\0")
    text = b"".join(event.data for event in found if isinstance(event, Text))
    starts = len(body) >= 2 and body[0] > 1 and body[1] == VERSION
    assert [event for event in found if isinstance(event, Frame)] == ([verdict(body)] if verdict(body) else [])
    assert text == (b"" if starts or len(body) == 1 else body) or Damaged() in found


@given(types, numbers, payloads.filter(lambda p: len(p) < 60), st.integers(0, 10_000))
def test_no_flip_of_one_bit_makes_another_frame(kind: int, sequence: int, payload: bytes, bit: int) -> None:
    data = bytearray(frame(kind, sequence, payload))
    bit %= 8 * len(data)
    data[bit // 8] ^= 1 << bit % 8
    assert not [event for event in c_decode(bytes(data)) if isinstance(event, Frame)]
