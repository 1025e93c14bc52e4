"""Frames in a stream of bytes that also carries lines of text: the twin of firmware/protocol/tce_frame.c.

    00  COBS( A1 type sequence payload[0..264] CRC-32 )  00

docs/protocol.md specifies every byte; the tests hold this module and the C to the same answer on every input.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

VERSION = 0xA1  # first byte of the content: the format's version 1, and no letter of any text
HEADER_BYTES, CRC_BYTES, PAYLOAD_MAX = 3, 4, 264
CONTENT_MAX = HEADER_BYTES + PAYLOAD_MAX + CRC_BYTES
_FULL = 255


@dataclass(frozen=True)
class Frame:
    """One frame: what it is, its number, what it carries."""

    type: int
    sequence: int
    payload: bytes = b""


@dataclass(frozen=True)
class Text:
    """Bytes that belong to no frame: a line of the firmware, a part of one, or damage."""

    data: bytes


@dataclass(frozen=True)
class Damaged:
    """What began as a frame was none: cut short, too long, or with another checksum."""


Event = Frame | Text | Damaged


def cobs_encode(data: bytes) -> bytes:
    """`data` without a zero byte; at most 1 + len(data) // 254 bytes longer."""
    out, group = bytearray(), bytearray()
    for i, byte in enumerate(data):
        if byte:
            group.append(byte)
        if not byte or (len(group) == _FULL - 1 and i + 1 < len(data)):
            out += bytes([len(group) + 1]) + group
            group.clear()
    return bytes(out) + bytes([len(group) + 1]) + bytes(group)


def encode(frame: Frame) -> bytes:
    """The frame's bytes on the wire, delimiters included. ValueError for a payload of more than PAYLOAD_MAX bytes."""
    if len(frame.payload) > PAYLOAD_MAX:
        raise ValueError(f"a frame carries up to {PAYLOAD_MAX} bytes, not {len(frame.payload)}")
    content = bytes([VERSION, frame.type, frame.sequence]) + frame.payload
    return b"\0" + cobs_encode(content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")) + b"\0"


class FrameDecoder:
    """A receiver that may start anywhere in the stream and finds the next frame whatever came before."""

    def __init__(self) -> None:
        self._inside = False  # behind a zero byte that may begin a frame
        self._begun = bytearray()  # the first two encoded bytes behind it
        self._content = bytearray()
        self._left, self._zero_due = 0, False

    def feed(self, data: bytes) -> list[Event]:
        """What `data` completes, in order. Neighbouring bytes of text come as one."""
        events: list[Event] = []
        for byte in data:
            event = self._push(byte)
            if isinstance(event, Text) and events and isinstance(last := events[-1], Text):
                events[-1] = Text(last.data + event.data)
            elif event is not None:
                events.append(event)
        return events

    def _push(self, byte: int) -> Event | None:
        if byte == 0:
            if self._inside:
                return self._end()
            self._begin()
            return None
        if not self._inside:
            return Text(bytes([byte]))
        if len(self._begun) < 2:
            self._begun.append(byte)
            if len(self._begun) == 2 and (byte != VERSION or self._begun[0] == 1):
                self._inside = False
                return Text(bytes(self._begun))
        return self._take(byte)

    def _take(self, byte: int) -> Event | None:
        """One byte of COBS."""
        if self._left:
            self._left -= 1
            decoded: int | None = byte
        else:
            decoded = 0 if self._zero_due else None
            self._left, self._zero_due = byte - 1, byte != _FULL
        if decoded is not None:
            if len(self._content) == CONTENT_MAX:
                self._inside = False
                return Damaged()
            self._content.append(decoded)
        return None

    def _begin(self) -> None:
        self._inside = True
        self._begun.clear()
        self._content.clear()
        self._left, self._zero_due = 0, False

    def _end(self) -> Event | None:
        if not self._begun:  # two delimiters side by side
            return None
        content, whole = bytes(self._content), self._left == 0
        self._begin()  # if this was no frame's end, it may be the next one's begin
        if not whole or len(content) < HEADER_BYTES + CRC_BYTES:
            return Damaged()
        sealed, stored = content[:-CRC_BYTES], int.from_bytes(content[-CRC_BYTES:], "little")
        if zlib.crc32(sealed) != stored:
            return Damaged()
        self._inside = False
        return Frame(sealed[1], sealed[2], sealed[HEADER_BYTES:])
