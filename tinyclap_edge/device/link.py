"""The host's side of the link: numbered requests, each repeated until its answer comes. docs/protocol.md specifies it.

    link = Link(stream)                 # a serial port, a pty, a pipe: anything with read() and write()
    device = link.hello()
    answer = link.request(Command.SHOW, payload)
    for event in link.events(): ...     # as the board hears them

One request is under way at a time. A request that gets no answer in time is sent again, byte for byte; the device
answers a repetition without doing anything twice. A try ends when the stream has waited in vain, or when a device that
never stops talking has not answered in time.
"""

from __future__ import annotations

import os
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol

import numpy as np

from tinyclap_edge.device.link_device import PROTOCOL, Device, read_hello
from tinyclap_edge.device.link_frames import Frame, FrameDecoder, Text, encode
from tinyclap_edge.device.link_monitor import (
    NOTIFY_EVENTS,
    NOTIFY_SCORES,
    Event,
    EventSettings,
    Notice,
    NoticeReader,
    Scores,
    Status,
    read_settings,
    read_status,
)
from tinyclap_edge.errors import DeviceError, UsageError

__all__ = ["PROTOCOL", "Command", "Device", "Event", "Link", "Refusal", "Refused", "Scores", "Status", "Stream"]

ANSWER, REFUSAL = 0x80, 0xFF
TRIES = 20  # at one damaged byte in a thousand a whole exchange fails one time in four: 1 in 10^12 fails twenty times
HELLO_TRIES = 6
TIMEOUT_S = 0.5  # longer than an answer takes on a line of 9,600 baud, and most encoders run
_NOTICES_KEPT = 256
_CAPTURES = 3  # begun anew when the device was reset in the middle, or let its ring go


class Command(IntEnum):
    """Types of requests."""

    HELLO = 0x01
    STATUS = 0x02
    SETTINGS = 0x03
    NOTIFY = 0x04
    LABELS_BEGIN = 0x10
    LABELS_DATA = 0x11
    LABELS_COMMIT = 0x12
    LABELS_READ = 0x13
    SHOW = 0x20
    REPLAY_BEGIN = 0x30
    REPLAY_PCM = 0x31
    REPLAY_RUN = 0x32
    REPLAY_READ = 0x33
    CAPTURE = 0x40


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
    RANGE = 13
    AUDIO = 14


class Stream(Protocol):
    """Bytes both ways. The two may raise OSError when the other end is gone."""

    def read(self) -> bytes:
        """What has come, after waiting for it up to the stream's timeout; b"" when nothing came in that time."""

    def write(self, data: bytes) -> None:
        """Send all of `data`."""


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
        self.capture_rate_hz = 0  # of the newest `capture`
        self._decoder = FrameDecoder()
        self._sequence = 0
        self._notices = NoticeReader()
        self._waiting: deque[Notice] = deque(maxlen=_NOTICES_KEPT)  # those that came beside an answer

    def hello(self, tries: int = HELLO_TRIES) -> Device:
        """Begin a session. DeviceError when nothing answers, or something else does."""
        self._sequence = 0
        nonce = struct.pack("<I", self._nonce())
        answer = self._exchange(Frame(Command.HELLO, 0, nonce), tries, nonce)
        return read_hello(answer.payload)

    def request(self, command: Command, payload: bytes = b"") -> bytes:
        """The payload of the device's answer. Refused when it says no, DeviceError when it says nothing."""
        self._sequence = (self._sequence + 1) % 256
        return self._exchange(Frame(command, self._sequence, payload), self.tries).payload

    def status(self) -> Status:
        """The board's counters, and why it does not listen where it does not. A session must have begun."""
        return read_status(self.request(Command.STATUS))

    def settings(self, wanted: EventSettings | None = None) -> EventSettings:
        """The settings of events, after they were set to `wanted` if it is given."""
        return read_settings(self.request(Command.SETTINGS, wanted.to_bytes() if wanted else b""))

    def capture(self, samples: int = 0) -> np.ndarray:
        """The newest `samples` of the board's ring, fewer where it holds fewer; 0: all of it. (n,) int16, oldest first.

        The board does not listen meanwhile. Begins a session. Refused (AUDIO) by a board that hears nothing.
        """
        for _ in range(_CAPTURES):
            self.hello()
            try:
                return self._capture(samples)
            except Refused as refused:
                if refused.code not in (Refusal.SESSION, Refusal.SEQUENCE, Refusal.STATE, Refusal.OFFSET):
                    raise
        raise DeviceError("the device started anew during each capture", "check its power supply")

    def _capture(self, samples: int) -> np.ndarray:
        pcm, count = bytearray(), 1
        while len(pcm) // 2 < count:
            answer = self.request(Command.CAPTURE, struct.pack("<II", len(pcm) // 2, samples))
            if len(answer) < 10 or len(answer) % 2:
                raise DeviceError("the device's CAPTURE cannot be read", "is its firmware of this version?")
            count, self.capture_rate_hz = struct.unpack_from("<II", answer)
            pcm += answer[8:]
        return np.frombuffer(bytes(pcm), "<i2").astype(np.int16)

    def scores(self) -> Iterator[Scores]:
        """Smoothed scores, window by window, without end."""
        return (notice for notice in self.notices(NOTIFY_SCORES) if isinstance(notice, Scores))

    def events(self) -> Iterator[Event]:
        """Labels as they are heard, without end."""
        return (notice for notice in self.notices(NOTIFY_EVENTS) if isinstance(notice, Event))

    def notices(self, what: int = NOTIFY_SCORES | NOTIFY_EVENTS) -> Iterator[Notice]:
        """Scores and events from now on as the board sends them, without end. `lost_notices` counts gaps.

        Begins a session at once. Between two notices other requests may be made, but no `hello`, which ends them.
        """
        self.hello()
        self.request(Command.NOTIFY, bytes([what]))
        return self._notices_without_end()

    def _notices_without_end(self) -> Iterator[Notice]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            try:
                self._hear(self.stream.read())
            except OSError as error:
                raise _lost(error) from error

    @property
    def lost_notices(self) -> int:
        """Notifications that were sent and did not arrive."""
        return self._notices.lost

    def _hear(self, data: bytes) -> list[Frame]:
        """Text to who wants it, notifications to those that wait; the other frames of `data`."""
        self.received_bytes += len(data)
        frames = []
        for event in self._decoder.feed(data):
            if isinstance(event, Text):
                self.on_text(event.data)
            elif isinstance(event, Frame):
                notice = self._notices.read(event)
                if notice is not None:
                    self._waiting.append(notice)
                frames.append(event)
        return frames

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
                answers = [frame for frame in self._hear(got) if _answers(frame, request, begin)]
                if answers:
                    return answers[-1]
        except OSError as error:
            raise _lost(error) from error
        return None


def _lost(error: OSError) -> DeviceError:
    return DeviceError(f"the link was lost ({error.strerror or error})", "is the board still connected and powered?")


def _answers(frame: Frame, request: Frame, begin: bytes) -> bool:
    """Whether a frame is the answer: right number, right type, and for HELLO this session's nonce."""
    if frame.sequence != request.sequence:
        return False
    if frame.type == REFUSAL:
        return len(frame.payload) == 6 and frame.payload[0] == request.type
    return frame.type == request.type | ANSWER and frame.payload.startswith(begin)


def _command_name(command: int) -> str:
    return Command(command).name if command in set(Command) else f"command {command:#04x}"
