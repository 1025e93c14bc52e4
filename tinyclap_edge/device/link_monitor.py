"""What a board says of its listening: counters, the newest samples, and scores and events as they come.

The bytes are docs/protocol.md's (STATUS, SETTINGS, NOTIFY, CAPTURE and the two notifications); Link has the methods.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from tinyclap_edge.device.link_frames import Frame
from tinyclap_edge.errors import DeviceError, UsageError

SCORES, EVENT = 0xC0, 0xC1  # types of notifications
NOTIFY_SCORES, NOTIFY_EVENTS = 1, 2  # bits of NOTIFY
_STATUS = struct.Struct("<4Bi17I")
_SHUT = struct.Struct("<I")  # behind it, from a firmware that tells
_SETTINGS = struct.Struct("<BBh")
_SCORES = struct.Struct("<IHHH")
_EVENT = struct.Struct("<IHhhB")
_Q15 = 32768


class SafeMode(IntEnum):
    """Why a board does not listen."""

    NONE = 0
    LABELS = 1
    FOREIGN = 2
    AUDIO = 3
    WATCHDOG = 4
    SCORE = 5


class ResetCause(IntEnum):
    """Why a board started."""

    POWER = 0
    PIN = 1
    SOFTWARE = 2
    WATCHDOG = 3


@dataclass(frozen=True)
class StageTimes:
    """The newest row of log-mel, the newest window's encoder, and its scores and events, each in one unit."""

    frontend: int
    encoder: int
    scoring: int


@dataclass(frozen=True)
class Status:
    """STATUS: how a board fares. Counters count from its start."""

    safe_mode: SafeMode
    reset_cause: ResetCause
    watchdog_resets: int  # since power-up; 255: so many or more
    watchdog_in_a_row: int
    detail: int  # of safe mode
    samples: int
    dropped_samples: int
    overruns: int
    rows: int
    windows: int
    missed_windows: int  # came due and were left out
    events: int
    stack_bytes: int  # touched; 0 where it cannot tell
    damaged_frames: int
    repeated_requests: int
    ring_samples: int
    microseconds: StageTimes
    cycles: StageTimes  # 0 where the core counts none
    shut_windows: int | None = None  # on which the power gate stayed shut; None: an older firmware does not say


@dataclass(frozen=True)
class EventSettings:
    """How scores become events. smoothing: a score moves by 1/2^smoothing of its distance a window."""

    smoothing: int = 1  # 0 .. 7
    refractory_windows: int = 2  # 0 .. 255
    hysteresis_q15: int = 655  # 0 .. 32767

    def __post_init__(self) -> None:
        for name, low, high in (("smoothing", 0, 7), ("refractory_windows", 0, 255), ("hysteresis_q15", 0, 32767)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name}={getattr(self, name)} is outside {low}..{high}")

    def to_bytes(self) -> bytes:
        """The payload of SETTINGS."""
        return _SETTINGS.pack(self.smoothing, self.refractory_windows, self.hysteresis_q15)


@dataclass(frozen=True)
class Scores:
    """Smoothed scores of one window. scores_q15: (labels,) int16; changes: of the labels, the low 16 bits."""

    window: int
    changes: int
    scores_q15: np.ndarray


@dataclass(frozen=True)
class Event:
    """A label that was heard. score, threshold: cosines."""

    window: int
    label: int
    name: str
    score: float
    threshold: float


Notice = Scores | Event


def read_status(payload: bytes) -> Status:
    """STATUS's answer; what lies behind the known fields is not read."""
    try:
        safe, cause, total, row, detail, *numbers = _STATUS.unpack_from(payload)
        counters, times = numbers[:-6], [StageTimes(*numbers[at:][:3]) for at in (-6, -3)]
        told = len(payload) >= _STATUS.size + _SHUT.size
        shut = _SHUT.unpack_from(payload, _STATUS.size)[0] if told else None
        fields: list[Any] = [SafeMode(safe), ResetCause(cause), total, row, detail, *counters, *times, shut]
        return Status(*fields)
    except (struct.error, ValueError) as error:
        raise DeviceError("the device's STATUS cannot be read", "is its firmware of this version?") from error


def read_settings(payload: bytes) -> EventSettings:
    """SETTINGS's answer."""
    try:
        return EventSettings(*_SETTINGS.unpack_from(payload))
    except (struct.error, UsageError) as error:
        raise DeviceError("the device's SETTINGS cannot be read", "is its firmware of this version?") from error


class NoticeReader:
    """Notifications as they arrive, whole: scores of many labels take several frames. `lost` counts those that are missing."""

    def __init__(self) -> None:
        self.lost = 0
        self._number: int | None = None
        self._part: Scores | None = None

    def read(self, frame: Frame) -> Notice | None:
        """What the frame completes; None for a part, for damage, and for frames that are no notifications."""
        if frame.type not in (SCORES, EVENT):
            return None
        if self._number is not None:
            self.lost += (frame.sequence - self._number - 1) % 256
        self._number = frame.sequence
        try:
            return self._scores(frame.payload) if frame.type == SCORES else _event(frame.payload)
        except (struct.error, UnicodeDecodeError, ValueError):  # another version's: as if it were lost
            self.lost += 1
            return None

    def _scores(self, payload: bytes) -> Scores | None:
        window, changes, labels, first = _SCORES.unpack_from(payload)
        part = Scores(window, changes, np.frombuffer(payload, "<i2", offset=_SCORES.size).astype(np.int16))
        if first:
            known = self._part
            if known is None or (known.window, len(known.scores_q15)) != (window, first):
                return None
            part = replace(part, scores_q15=np.concatenate([known.scores_q15, part.scores_q15]))
        whole = len(part.scores_q15) >= labels
        self._part = None if whole else part
        return part if whole else None


def _event(payload: bytes) -> Event:
    window, label, score, threshold, length = _EVENT.unpack_from(payload)
    name = payload[_EVENT.size : _EVENT.size + length].decode("utf-8")
    return Event(window, label, name, score / _Q15, threshold / _Q15)
