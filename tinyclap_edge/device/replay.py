"""Sound from the host through a board, stage by stage: the host's side of REPLAY (docs/protocol.md).

replay = Replay(link)               # after link.hello()
shape = replay.begin()
for rows in replay.send(pcm): ...   # checksums of log-mel and network input, as rows are made
replay.run(Stage.ENCODER)           # cycles and microseconds
replay.read(What.EMBEDDING)
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from tinyclap_edge.device.link import Command, Link, Refusal, Refused
from tinyclap_edge.errors import DeviceError, UsageError

READ_BYTES = 256
RUN_TRIES = 60  # of half a second each: RUN ends after 0.4 s and one encoder run, which takes 2 s on the slowest board
PATIENCE_S = 15.0  # a window that is being computed ends within it on any board
_BEGIN, _PCM, _RUN = struct.Struct("<IHHHHH"), struct.Struct("<IHII"), struct.Struct("<IIH")


class Stage(IntEnum):
    """What RUN runs: one row of the front end, the encoder over the window or over the rows since it ran, the scores."""

    FRONTEND = 0
    ENCODER = 1
    SCORES = 2


class What(IntEnum):
    """What READ reads."""

    LOGMEL_ROW = 0  # the newest, int16
    INPUT = 1  # int8 rows
    ARENA = 2
    EMBEDDING = 3  # int8
    SCORES = 4  # int16


@dataclass(frozen=True)
class Shape:
    """Sizes of a window on the board."""

    samples: int
    rows: int
    mels: int
    dim: int
    labels: int
    chunk: int  # samples of one request


@dataclass(frozen=True)
class Rows:
    """After a request of samples: rows so far, and the CRC-32 of all of them."""

    count: int
    logmel_crc: int
    input_crc: int


@dataclass(frozen=True)
class Ticks:
    """How long a stage took, all `times` together. cycles: 0 where the core counts none."""

    cycles: int
    microseconds: int
    times: int


class Replay:
    """One window at a time. Every method raises DeviceError when the link is lost or the firmware answers otherwise."""

    def __init__(self, link: Link, run_tries: int = RUN_TRIES) -> None:
        """run_tries: more for an emulated chip, whose 0.4 s may take this PC a minute."""
        self._link, self._run_tries = link, run_tries
        self._shape: Shape | None = None

    def begin(self) -> Shape:
        """Stop the board's own sound and forget what was heard. DeviceError for a firmware that knows no REPLAY."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._shape = Shape(*_unpack(_BEGIN, self._link.request(Command.REPLAY_BEGIN)))
                return self._shape
            except Refused as refused:
                if refused.code == Refusal.COMMAND:
                    raise DeviceError(
                        "the firmware on the board cannot replay sound",
                        "flash it with this version: `tinyclap-edge flash`",
                    ) from refused
                if refused.code != Refusal.STATE or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)  # in the middle of a window

    def send(self, pcm: np.ndarray) -> Iterator[Rows]:
        """(samples,) int16 of one window, in pieces of which each ends at most one row; after each, the rows so far."""
        assert self._shape is not None, "begin first"
        if pcm.shape != (self._shape.samples,) or pcm.dtype != np.int16:
            raise UsageError(f"the board's window has {self._shape.samples} samples, not {pcm.shape}")
        yield from self.go_on(pcm, 0)

    def go_on(self, pcm: np.ndarray, first: int) -> Iterator[Rows]:
        """The samples from the `first` one since `begin` on, of the sound of an encoder without end."""
        assert self._shape is not None, "begin first"
        data = pcm.astype("<i2").tobytes()
        step = 2 * self._shape.chunk
        for at in range(0, len(data), step):
            answer = self._link.request(Command.REPLAY_PCM, struct.pack("<I", first + at // 2) + data[at : at + step])
            samples, *rows = _unpack(_PCM, answer)
            if samples != first + min(len(data), at + step) // 2:
                raise DeviceError("the board has lost samples of the replay", "try again")
            yield Rows(*rows)

    def run(self, stage: Stage, times: int = 1) -> Ticks:
        """Run one stage on what was sent, up to `times` times: fewer where they would take more than half a second."""
        tries, self._link.tries = self._link.tries, self._run_tries
        try:
            answer = self._link.request(Command.REPLAY_RUN, struct.pack("<BH", stage, times))
        finally:
            self._link.tries = tries
        return Ticks(*_unpack(_RUN, answer))

    def read(self, what: What) -> bytes:
        """All of it."""
        data = bytearray()
        while True:
            answer = self._link.request(Command.REPLAY_READ, struct.pack("<BIH", what, len(data), READ_BYTES))
            data += answer
            if len(answer) < READ_BYTES:
                return bytes(data)

    def embedding(self) -> np.ndarray:
        """(dim,) int8 of the newest encoder run."""
        return np.frombuffer(self.read(What.EMBEDDING), np.int8)

    def scores(self) -> np.ndarray:
        """(labels,) int16, Q15, of the newest run of the scores."""
        return np.frombuffer(self.read(What.SCORES), "<i2").astype(np.int16)


def row_checksums(rows: np.ndarray) -> list[int]:
    """The CRC-32 behind each row of (rows, n), as the board keeps it: int16 low byte first, or int8."""
    kind = "<i2" if rows.dtype == np.int16 else np.int8
    crc, found = 0, []
    for row in rows:
        crc = zlib.crc32(row.astype(kind).tobytes(), crc)
        found.append(crc)
    return found


def _unpack(form: struct.Struct, answer: bytes) -> tuple[int, ...]:
    if len(answer) < form.size:
        raise DeviceError("the device's answer to REPLAY cannot be read", "is its firmware of this version?")
    return form.unpack_from(answer)
