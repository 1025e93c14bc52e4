"""The ring, events and health of the application, on this PC: what is dropped, what is an event, when the dog is fed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from app_native import FROZEN, LISTEN, RECORD, Parts

from tinyclap_edge.device.events import EventDetector
from tinyclap_edge.device.link import Command, Refusal
from tinyclap_edge.device.link_monitor import (
    Event,
    EventSettings,
    NoticeReader,
    ResetCause,
    SafeMode,
    Scores,
    StageTimes,
    read_settings,
    read_status,
)
from tinyclap_edge.errors import DeviceError, UsageError
from tinyclap_edge.labels.pack import LabelPack

POWER, PIN, WATCHDOG = 0, 1, 3


def labels(thresholds: list[int], background: int | None = None) -> bytes:
    """A pack with these thresholds in Q15."""
    rows = np.full((len(thresholds), 4), 7, np.int8)
    names = tuple(f"label {i}" for i in range(len(thresholds)))
    return LabelPack("0" * 16, "0" * 16, names, rows, np.array(thresholds, np.int16), background).to_bytes()


def settings(parts: Parts, smoothing: int, refractory: int, hysteresis: int) -> EventSettings:
    wanted = EventSettings(smoothing, refractory, hysteresis)
    answer = parts.command(Command.SETTINGS, wanted.to_bytes())
    assert isinstance(answer, bytes) and read_settings(answer) == wanted
    return wanted


def heard(parts: Parts, scores: list[int]) -> list[int]:
    """Windows in which the only label begins."""
    return [i for i, score in enumerate(scores) if parts.window(i, np.array([score]))[1]]


def ramp(begin: int, count: int) -> np.ndarray:
    return np.arange(begin, begin + count).astype(np.int16)


@pytest.mark.parametrize("background", [None, 0, 4])
@pytest.mark.parametrize("smoothing", range(8))
def test_events_and_smoothed_scores_are_those_of_the_twin_in_python(smoothing: int, background: int | None) -> None:
    rng = np.random.default_rng(smoothing)
    count, windows = 6, 1000
    thresholds = rng.integers(-2000, 2000, count)
    parts = Parts(labels(thresholds.tolist(), background))
    wanted = settings(parts, smoothing, int(rng.integers(0, 6)), int(rng.integers(0, 3000)))
    twin = EventDetector(thresholds, background, wanted)
    scores = np.cumsum(rng.integers(-6000, 6001, (windows, count)), 0)  # wander, as sound does
    scores = (np.abs(scores % 131072 - 65536) - 32768).clip(-32768, 32767)
    begun: list[int] = []
    for i, window in enumerate(scores):
        smoothed, begins = parts.window(i, window)
        assert twin.take(window) == begins
        assert smoothed.tolist() == twin.scores_q15.tolist()
        begun += begins
    assert len(begun) > 3 and background not in begun


def test_a_score_at_its_threshold_is_an_event_once_until_it_has_fallen_below_the_hysteresis() -> None:
    parts = Parts(labels([1000]))
    settings(parts, 0, 0, 100)
    assert heard(parts, [999, 1000, 2000, 901, 1500, 900, 1000, 899, 1000]) == [1, 8]


def test_within_the_refractory_time_no_event_follows() -> None:
    parts = Parts(labels([1000]))
    settings(parts, 0, 2, 0)
    assert heard(parts, [1000, 0, 1000, 1000, 1000, 0, 0, 1000]) == [0, 3, 7]


def test_where_the_background_row_wins_nothing_was_heard() -> None:
    parts = Parts(labels([1000, -32768], background=1))
    settings(parts, 0, 0, 0)
    scores = [(5000, 5000), (5000, 5001), (5000, 4999), (0, 30000)]
    assert [parts.window(i, np.array(s))[1] for i, s in enumerate(scores)] == [[], [], [0], []]


def test_smoothing_moves_a_score_part_of_the_way() -> None:
    parts = Parts(labels([32767]))
    settings(parts, 2, 0, 0)
    assert [int(parts.window(i, np.array([s]))[0][0]) for i, s in enumerate([0, 1000, 1000, -1000])] == [
        0,
        250,
        438,
        79,
    ]


def test_settings_outside_their_limits_are_refused_and_change_nothing() -> None:
    parts = Parts(labels([0]))
    before = settings(parts, 3, 4, 5)
    assert parts.command(Command.SETTINGS, bytes([8, 0, 0, 0])) == Refusal.RANGE
    assert parts.command(Command.SETTINGS, struct.pack("<BBh", 0, 0, -1)) == Refusal.RANGE
    assert parts.command(Command.SETTINGS, b"\0") == Refusal.LENGTH
    answer = parts.command(Command.SETTINGS)
    assert isinstance(answer, bytes) and read_settings(answer) == before
    with pytest.raises(UsageError, match="outside 0..7"):
        EventSettings(smoothing=8)


def test_scores_of_many_labels_and_events_arrive_whole_and_in_order() -> None:
    count = 256
    parts, reader = Parts(labels([0] * count)), NoticeReader()
    settings(parts, 0, 0, 0)
    scores = np.arange(-128, 128).astype(np.int16)
    parts.window(0, scores)
    assert parts.frames() == []  # nobody asked
    parts.hello()
    assert parts.command(Command.NOTIFY, b"\3") == b"\3"
    parts.window(1, np.full(count, -1))
    parts.frames()
    parts.window(2, scores)
    notices = [notice for frame in parts.frames() if (notice := reader.read(frame)) is not None]
    events = [notice for notice in notices if isinstance(notice, Event)]
    assert [event.name for event in events] == [f"label {i}" for i in range(128, 256)]
    assert (events[5].window, events[5].label, events[5].score, events[5].threshold) == (2, 133, 5 / 32768, 0.0)
    (whole,) = [notice for notice in notices if isinstance(notice, Scores)]
    assert whole.window == 2 and np.array_equal(whole.scores_q15, scores) and reader.lost == 0
    parts.hello()
    parts.window(3, scores)
    assert parts.frames() == []


def test_a_notification_that_is_lost_is_counted_and_spoils_only_its_own_window() -> None:
    parts, reader = Parts(labels([32767] * 200)), NoticeReader()
    parts.command(Command.NOTIFY, b"\1")
    for window in range(4):
        parts.window(window, np.full(200, window))
    frames = parts.frames()
    assert len(frames) == 8
    del frames[3]  # the second half of window 1
    windows = [n.window for frame in frames if isinstance(n := reader.read(frame), Scores)]
    assert windows == [0, 2, 3] and reader.lost == 1
    assert parts.command(Command.NOTIFY, b"\4") == Refusal.RANGE


def test_samples_come_out_of_the_ring_as_they_went_in() -> None:
    parts = Parts()
    parts.mode(LISTEN)
    rng = np.random.default_rng(0)
    said, got, at = [], [], 0
    for _ in range(300):
        count = int(rng.integers(1, 17))
        parts.take(ramp(at, count))
        said.append(ramp(at, count))
        at += count
        if rng.random() < 0.3:
            got.append(parts.read())
    got.append(parts.read())
    assert np.array_equal(np.concatenate(got), np.concatenate(said)) and parts.dropped == 0


def test_a_full_ring_drops_what_comes_and_counts_it() -> None:
    parts = Parts(ring_samples=64)
    parts.mode(LISTEN)
    for i in range(6):
        parts.take(ramp(16 * i, 16))
    assert parts.dropped == 32
    assert parts.read().tolist() == list(range(64))
    parts.take(ramp(96, 16))
    assert parts.read().tolist() == list(range(96, 112)) and parts.dropped == 32


def test_a_capture_gives_the_newest_samples_while_the_ring_stands_still() -> None:
    parts = Parts(ring_samples=1024)
    parts.mode(LISTEN)
    for i in range(100):
        parts.take(ramp(16 * i, 16))
        parts.read()
    got, offset, rate = [], 0, 0
    while offset < 300:
        answer = parts.command(Command.CAPTURE, struct.pack("<II", offset, 300))
        assert isinstance(answer, bytes)
        total, rate = struct.unpack_from("<II", answer)
        assert total == 300
        got += np.frombuffer(answer, "<i2", offset=8).tolist()
        offset = len(got)
        parts.take(ramp(-500, 16))
    assert got == list(range(1300, 1600)) and rate == 16000
    assert parts.dropped == 0 and parts.mode() == LISTEN  # the last samples have been read
    assert parts.read().tolist() == ramp(-500, 16).tolist()


@pytest.mark.parametrize("how", ["hello", "silence"])
def test_a_capture_that_its_host_forgets_lets_the_board_listen_again(how: str) -> None:
    parts = Parts()
    parts.mode(LISTEN)
    parts.take(ramp(0, 16))
    parts.time(10.0)
    for offset in (0, 128):
        parts.take(ramp(0, 16))
        parts.command(Command.CAPTURE, struct.pack("<II", offset, 0))
    for _ in range(20):
        parts.take(ramp(0, 16))
    parts.command(Command.CAPTURE, struct.pack("<II", 0, 0))
    if how == "hello":
        assert parts.mode() == FROZEN
        parts.hello()
    else:
        parts.time(11.9)
        assert parts.mode() == FROZEN
        parts.time(12.1)
    assert parts.mode() == LISTEN
    assert parts.command(Command.CAPTURE, struct.pack("<II", 128, 0)) == Refusal.STATE


def test_a_capture_refuses_what_is_not_there() -> None:
    parts = Parts()
    assert parts.command(Command.CAPTURE, struct.pack("<II", 0, 10)) == Refusal.AUDIO
    parts.take(ramp(0, 16))
    assert parts.command(Command.CAPTURE, struct.pack("<II", 4, 10)) == Refusal.STATE
    assert parts.command(Command.CAPTURE, b"1234") == Refusal.LENGTH
    assert len(parts.command(Command.CAPTURE, struct.pack("<II", 0, 1000))) == 8 + 2 * 16
    assert parts.mode() == RECORD


def test_status_says_how_the_board_fares() -> None:
    parts = Parts(ring_samples=64)
    parts.start(PIN)
    parts.mode(LISTEN)
    for i in range(5):
        parts.take(ramp(i, 16))
    answer = parts.command(Command.STATUS)
    assert isinstance(answer, bytes)
    status = read_status(answer + b"fields of a later version")
    assert (status.safe_mode, status.reset_cause) == (SafeMode.NONE, ResetCause.PIN)
    assert (status.samples, status.dropped_samples, status.overruns, status.ring_samples) == (80, 16, 0, 64)
    assert (status.rows, status.windows, status.missed_windows, status.events) == (11, 12, 13, 0)
    assert (status.stack_bytes, status.damaged_frames, status.repeated_requests) == (22, 20, 21)
    assert status.shut_windows == 23 and read_status(answer[:76]).shut_windows is None
    assert (status.microseconds, status.cycles) == (StageTimes(14, 16, 18), StageTimes(15, 17, 19))
    assert parts.command(Command.STATUS, b"x") == Refusal.LENGTH
    for strange in (answer[:40], b"\x09" + answer[1:]):
        with pytest.raises(DeviceError, match="STATUS cannot be read"):
            read_status(strange)


def test_the_watchdog_is_fed_only_when_samples_and_rows_both_advance() -> None:
    parts = Parts()
    assert parts.start(POWER) == SafeMode.NONE and parts.lib.health_started_ms() == 8000
    assert [parts.step(*at) for at in ((10, 1), (20, 1), (20, 2), (30, 2), (30, 3))] == [1, 0, 1, 0, 1]
    assert [parts.step(40 + i, 3) for i in range(5)] == [0] * 5  # inference stands still
    assert [parts.step(50, 4 + i) for i in range(5)] == [1, 0, 0, 0, 0]  # sound does


def test_the_third_reset_by_the_watchdog_in_a_row_is_safe_mode_and_a_pin_ends_it() -> None:
    parts = Parts()
    parts.lib.health_forget()  # after power-up memory holds anything
    assert parts.start(POWER) == SafeMode.NONE
    reasons = []
    for _ in range(4):
        parts.step(100, 1)  # it hears, and hangs
        reasons.append(parts.start(WATCHDOG))
    assert reasons == [SafeMode.NONE, SafeMode.NONE, SafeMode.WATCHDOG, SafeMode.WATCHDOG]
    assert parts.lib.health_started_ms() == 0
    status = read_status(bytes(parts.command(Command.STATUS)))  # type: ignore[arg-type]
    assert (status.watchdog_resets, status.watchdog_in_a_row, status.detail) == (4, 4, 4)
    assert parts.start(PIN) == SafeMode.NONE


def test_three_runs_that_never_heard_a_sample_say_that_the_sound_is_missing() -> None:
    parts = Parts()
    parts.start(POWER)
    assert [parts.start(WATCHDOG) for _ in range(3)] == [SafeMode.NONE, SafeMode.NONE, SafeMode.AUDIO]


def test_eight_windows_make_a_good_run_and_resets_before_it_no_longer_count() -> None:
    parts = Parts()
    parts.start(POWER)
    for _ in range(5):
        assert parts.start(WATCHDOG) == SafeMode.NONE
        for row in range(1, 12):
            parts.step(10 * row, row, windows=row)
    status = read_status(bytes(parts.command(Command.STATUS)))  # type: ignore[arg-type]
    assert (status.watchdog_resets, status.watchdog_in_a_row) == (5, 0)
