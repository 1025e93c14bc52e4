"""The host's side of the link: numbered requests, each repeated until its answer comes. docs/protocol.md specifies it.

    link = Link(stream)                 # a serial port, a pty, a pipe: anything with read() and write()
    device = link.hello()
    answer = link.request(Command.SHOW, payload)

One request is under way at a time. A request that gets no answer in time is sent again, byte for byte; the device
answers a repetition without doing anything twice. A try ends when the stream has waited in vain, or when a device that
never stops talking has not answered in time.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

from tinyclap_edge.device.link_frames import Frame, FrameDecoder, Text, encode
from tinyclap_edge.errors import DeviceError, UsageError

PROTOCOL = 1
ANSWER, REFUSAL = 0x80, 0xFF
TRIES = 20  # at one damaged byte in a thousand a whole exchange fails one time in four: 1 in 10^12 fails twenty times
HELLO_TRIES = 6
TIMEOUT_S = 0.5  # longer than an answer takes on a line of 9,600 baud, and most encoders run
_HELLO = struct.Struct("<IBBH8s8sIIIIHHIIIIII")


class Command(IntEnum):
    """Types of requests."""

    HELLO = 0x01
    LABELS_BEGIN = 0x10
    LABELS_DATA = 0x11
    LABELS_COMMIT = 0x12
    LABELS_READ = 0x13
    SHOW = 0x20
    REPLAY_BEGIN = 0x30
    REPLAY_PCM = 0x31
    REPLAY_RUN = 0x32
    REPLAY_READ = 0x33


class Refusal(IntEnum):
    """Why a device refuses a request."""

    COMMAND = 1
    LENGTH = 2
    SESSION = 3
    SEQUENCE = 4
    NO_FLASH = 5
    TOO_LARGE = 6
    FOREIGN = 7
    STATE = 8
    OFFSET = 9
    FLASH = 10
    CHECKSUM = 11
    PACK = 12


class Stream(Protocol):
    """Bytes both ways. The two may raise OSError when the other end is gone."""

    def read(self) -> bytes:
        """What has come, after waiting for it up to the stream's timeout; b"" when nothing came in that time."""

    def write(self, data: bytes) -> None:
        """Send all of `data`."""


@dataclass(frozen=True)
class Device:
    """What a device says of itself in HELLO."""

    protocol: int
    slot: int | None  # the slot whose pack is in use; None: the pack that the firmware was built with
    data_bytes: int  # of a pack in one request
    encoder_id: str
    frontend_id: str
    capacity_bytes: int  # the largest pack it takes; 0: it keeps none
    generation: int
    pack_bytes: int
    pack_checksum: int
    labels: int
    dim: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int  # 0 where it cannot tell
    windows: int
    damaged_frames: int
    label_changes: int
    version: str
    board: str


class Refused(DeviceError):
    """The device understood the request and refuses it; `code` says why, `detail` what it adds."""

    def __init__(self, command: int, code: int, detail: int) -> None:
        name = Refusal(code).name.lower().replace("_", " ") if code in set(Refusal) else f"error {code}"
        super().__init__(f"the device refuses {_command_name(command)}: {name} (detail {detail})")
        self.command, self.code, self.detail = command, code, detail


class Link:
    """A session over a stream. `on_text` gets what the firmware prints between frames."""

    def __init__(
        self,
        stream: Stream,
        tries: int = TRIES,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        on_text: Callable[[bytes], None] = lambda text: None,
        nonce: Callable[[], int] = lambda: int.from_bytes(os.urandom(4), "little"),
    ) -> None:
        if tries < 1:
            raise UsageError("a request is tried at least once")
        self.stream, self.tries, self.timeout_s = stream, tries, timeout_s
        self.on_text, self._clock, self._nonce = on_text, clock, nonce
        self.repeated = 0  # requests sent again
        self.sent_bytes = self.received_bytes = 0
        self._decoder = FrameDecoder()
        self._sequence = 0

    def hello(self, tries: int = HELLO_TRIES) -> Device:
        """Begin a session. DeviceError when nothing answers, or something else does."""
        self._sequence = 0
        nonce = struct.pack("<I", self._nonce())
        answer = self._exchange(Frame(Command.HELLO, 0, nonce), tries, nonce)
        return _read_hello(answer.payload)

    def request(self, command: Command, payload: bytes = b"") -> bytes:
        """The payload of the device's answer. Refused when it says no, DeviceError when it says nothing."""
        self._sequence = (self._sequence + 1) % 256
        return self._exchange(Frame(command, self._sequence, payload), self.tries).payload

    def _exchange(self, request: Frame, tries: int, begin: bytes = b"") -> Frame:
        data = encode(request)
        for attempt in range(tries):
            self.repeated += attempt > 0
            answer = self._try(request, data, begin)
            if answer is None:
                continue
            if answer.type == REFUSAL:
                command, code, detail = struct.unpack("<BBi", answer.payload)
                raise Refused(command, code, detail)
            return answer
        raise DeviceError(
            f"no answer to {_command_name(request.type)} after {tries} tries",
            "is it this port, at this speed, and does the firmware run there?"
            if request.type == Command.HELLO
            else "the link was lost: check the cable, then push again; the labels in use before are still there",
        )

    def _try(self, request: Frame, data: bytes, begin: bytes) -> Frame | None:
        """Send once, and read until the answer comes or the stream has waited in vain."""
        deadline = self._clock() + self.timeout_s
        try:
            self.stream.write(data)
            self.sent_bytes += len(data)
            while self._clock() < deadline:
                got = self.stream.read()
                if not got:
                    return None
                self.received_bytes += len(got)
                answer = None
                for event in self._decoder.feed(got):  # to its end: text may stand behind the answer
                    if isinstance(event, Text):
                        self.on_text(event.data)
                    elif isinstance(event, Frame) and _answers(event, request, begin):
                        answer = event
                if answer is not None:
                    return answer
        except OSError as error:
            raise DeviceError(
                f"the link was lost ({error.strerror or error})", "is the board still connected and powered?"
            ) from error
        return None


def _answers(frame: Frame, request: Frame, begin: bytes) -> bool:
    """Whether a frame is the answer: right number, right type, and for HELLO this session's nonce."""
    if frame.sequence != request.sequence:
        return False
    if frame.type == REFUSAL:
        return len(frame.payload) == 6 and frame.payload[0] == request.type
    return frame.type == request.type | ANSWER and frame.payload.startswith(begin)


def _command_name(command: int) -> str:
    return Command(command).name if command in set(Command) else f"command {command:#04x}"


def _read_hello(payload: bytes) -> Device:
    """HELLO's answer. A later protocol may append fields: what lies behind the known ones is not read."""
    if len(payload) < 5 or payload[4] != PROTOCOL:
        spoken = payload[4] if len(payload) > 4 else "none"
        raise DeviceError(
            f"the firmware speaks protocol {spoken}, this tool speaks {PROTOCOL}",
            "export, build and flash the firmware with this version of the tool",
        )
    try:
        _, protocol, slot, data_bytes, encoder, frontend, *numbers = _HELLO.unpack_from(payload)
        version, at = _text(payload, _HELLO.size)
        board, _ = _text(payload, at)
        who: list[Any] = [protocol, slot - 1 if slot else None, data_bytes, encoder.hex(), frontend.hex()]
        return Device(*[*who, *numbers, version, board])
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DeviceError("the device's HELLO is too short or no text", "is this firmware of tinyclap-edge?") from error


def _text(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    if end > len(payload):
        raise IndexError
    return payload[at + 1 : end].decode("utf-8"), end
