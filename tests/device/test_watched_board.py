"""An emulated board from outside: events, counters, captures; and what it does when it cannot do its work."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import HANGING_SAMPLE
from serial_boards import PCM, Firmware, built_firmware, lines_of, pack

from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.events import EventDetector
from tinyclap_edge.device.link import Command, Link, Refusal, Refused
from tinyclap_edge.device.link_labels import pull, push, show
from tinyclap_edge.device.link_monitor import Event, EventSettings, ResetCause, SafeMode, Scores, Status
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.device.serial_board import EmulatorBoard
from tinyclap_edge.labels.pack import LabelPack

PATIENCE_S = 30.0
HANGING = np.full(200, HANGING_SAMPLE, np.int16)  # one window, wherever it begins; what is left of it hangs no other


@pytest.fixture(scope="session")
def firmware() -> Firmware:
    return built_firmware()


@contextmanager
def connected(board: EmulatorBoard) -> Iterator[tuple[Link, bytearray]]:
    """A link to the board, and the text that it writes."""
    text, stream = bytearray(), PortStream(board.port)
    try:
        yield Link(stream, on_text=text.extend), text
    finally:
        stream.close()


def until(link: Link, holds: Callable[[Status], bool]) -> Status:
    """The first status for which that holds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            status = link.status()
        except Refused as refused:  # it was reset: a session begins anew
            assert refused.code in (Refusal.SESSION, Refusal.SEQUENCE)
            link.hello()
            continue
        if holds(status):
            return status
    raise AssertionError(f"it never came to that: {status}")


def eventful(labels: int = 5, background: int | None = 1) -> LabelPack:
    """A pack whose thresholds lie among the scores of PCM."""
    made = pack(labels, seed=4)
    scores = raw_scores(made, np.tile(PCM, 4))
    thresholds = np.quantile(scores, 0.6, axis=0).astype(np.int16)
    return LabelPack(made.encoder_id, made.frontend_id, made.names, made.rows, thresholds, background)


def raw_scores(labels: LabelPack, pcm: np.ndarray) -> np.ndarray:
    return np.array([[int(x) for x in line.split(" S ")[1].split(",")] for line in lines_of(pcm, labels)])


def test_events_on_the_line_and_on_the_console_are_those_that_the_pc_foretells(
    firmware: Firmware, tmp_path: Path
) -> None:
    labels, sound, pcm, wanted = eventful(), FedSound(), np.tile(PCM, 4), EventSettings(1, 3, 500)
    twin = EventDetector(labels.thresholds_q15, labels.background, wanted)
    foretold: list[tuple[int, int, int]] = []
    smoothed = []
    for window, scores in enumerate(raw_scores(labels, pcm)):
        begins = twin.take(scores)
        assert twin.scores_q15 is not None
        smoothed.append(twin.scores_q15.tolist())
        foretold += [(window, label, int(twin.scores_q15[label])) for label in begins]
    assert len(foretold) > 10
    with firmware.emulated(tmp_path, sound) as board, connected(board) as (link, text):
        push(link, labels.to_bytes())
        assert link.settings(wanted) == wanted and link.settings() == wanted
        notices = link.notices()
        sound.feed(pcm)
        got = list(islice(notices, len(smoothed) + len(foretold)))
        status = until(link, lambda s: s.windows == len(smoothed))
    events = [(n.window, n.label, round(n.score * 32768)) for n in got if isinstance(n, Event)]
    windows = [(n.window, n.scores_q15.tolist()) for n in got if isinstance(n, Scores)]
    assert events == foretold and windows == list(enumerate(smoothed))
    assert all(n.name == labels.names[n.label] for n in got if isinstance(n, Event))
    lines = [line for line in text.decode().splitlines() if line.startswith("EVENT ")]
    assert lines == [f"EVENT {window} {score} {labels.names[label]}" for window, label, score in foretold]
    assert (status.events, status.dropped_samples, status.missed_windows) == (len(foretold), 0, 0)
    assert link.lost_notices == 0


def test_a_capture_is_the_newest_sound_and_the_board_listens_on(firmware: Firmware, tmp_path: Path) -> None:
    sound, pcm = FedSound(), np.random.default_rng(2).integers(-32768, 32768, 6000).astype(np.int16)
    with firmware.emulated(tmp_path, sound) as board, connected(board) as (link, _):
        link.hello()
        with pytest.raises(Refused, match="audio"):
            link.capture()
        sound.feed(pcm)
        until(link, lambda s: s.samples == len(pcm))
        assert np.array_equal(link.capture(), pcm[-4096:])
        assert np.array_equal(link.capture(700), pcm[-700:])
        before = until(link, lambda s: True)
        sound.feed(PCM)
        after = until(link, lambda s: s.samples == len(pcm) + len(PCM))
        assert after.windows > before.windows and after.dropped_samples == 0
        assert after.stack_bytes > 0 and after.safe_mode == SafeMode.NONE


def test_a_board_whose_sound_stops_is_reset_and_says_so_in_the_end(firmware: Firmware, tmp_path: Path) -> None:
    sound = FedSound()
    with firmware.emulated(tmp_path, sound, watchdog_ms=150) as board, connected(board) as (link, text):
        link.hello()
        assert until(link, lambda s: True).reset_cause in (ResetCause.POWER, ResetCause.WATCHDOG)
        status = until(link, lambda s: s.safe_mode != SafeMode.NONE)
        assert (status.safe_mode, status.reset_cause) == (SafeMode.AUDIO, ResetCause.WATCHDOG)
        assert status.watchdog_in_a_row == 3 and board.resets == 3
        assert_every_command_is_answered(link)
        assert board.resets == 3 and board.running  # in safe mode nothing bites
    assert text.decode().count("TCE 0.1.0") >= 3 and "SAFE audio 3" in text.decode()


def test_a_board_whose_encoder_hangs_is_reset_and_listens_again(firmware: Firmware, tmp_path: Path) -> None:
    sound = FedSound()
    sound.feed(np.concatenate([PCM, HANGING]))
    with firmware.emulated(tmp_path, sound, watchdog_ms=2000) as board, connected(board) as (link, _):
        link.hello()
        status = until(link, lambda s: s.reset_cause == ResetCause.WATCHDOG)
        assert status.watchdog_resets >= 1 and status.safe_mode == SafeMode.NONE
        sound.feed(PCM)
        assert until(link, lambda s: s.windows >= 20).watchdog_in_a_row == 0  # a good run


def assert_every_command_is_answered(link: Link) -> None:
    """Whatever a host asks, the board says something sensible."""
    device, _ = show(link)
    assert device.board == "stm32f4"
    link.settings(EventSettings(2, 2, 2))
    link.request(Command.NOTIFY, b"\3")
    for command, payload in (
        (Command.CAPTURE, struct.pack("<II", 7, 0)), (Command.LABELS_READ, struct.pack("<IH", 1 << 31, 256)),
        (Command.LABELS_COMMIT, b""), (Command.LABELS_DATA, b"\0\0\0\0data"), (Command.REPLAY_READ, bytes(7)),
        (Command.LABELS_BEGIN, struct.pack("<II", 2 << 30, 0) + bytes(16)),
    ):  # fmt: skip
        with pytest.raises(Refused):
            link.request(command, payload)
    assert link.hello().labels == device.labels


def damaged_image() -> bytes:
    data = bytearray(pack(3).to_bytes())
    data[-1] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("image", "reason"),
    [(damaged_image(), SafeMode.LABELS), (pack(3, encoder="0123456789abcdef").to_bytes(), SafeMode.FOREIGN)],
    ids=["damaged", "foreign"],
)
def test_a_board_without_labels_says_why_and_listens_once_it_is_given_some(
    firmware: Firmware, image: bytes, reason: SafeMode, tmp_path: Path
) -> None:
    sound, labels, elf = FedSound(), pack(4, seed=9), firmware.with_labels(image, tmp_path / "firmware.elf")
    sound.feed(PCM)
    with firmware.emulated(tmp_path, sound, 60_000, elf) as board, connected(board) as (link, text):
        link.hello()
        status = link.status()
        assert (status.safe_mode, status.windows) == (reason, 0) and status.detail < 0
        assert_every_command_is_answered(link)
        push(link, labels.to_bytes())
        assert pull(link) == labels.to_bytes()
        sound.feed(PCM)
        assert until(link, lambda s: s.windows > 5).safe_mode == SafeMode.NONE
    assert f"SAFE {reason.name.lower()} {status.detail}" in text.decode()


def test_an_oversized_pack_half_a_frame_and_commands_cut_short_leave_the_board_running(
    firmware: Firmware, tmp_path: Path
) -> None:
    with firmware.emulated(tmp_path) as board, connected(board) as (link, _):
        device = link.hello()
        ids = bytes.fromhex(device.encoder_id + device.frontend_id)
        with pytest.raises(Refused) as refused:
            link.request(Command.LABELS_BEGIN, struct.pack("<II", 2_000_000_000, 1) + ids)
        assert refused.value.code == Refusal.TOO_LARGE and refused.value.detail == device.capacity_bytes
        for command in Command:
            if command == Command.HELLO:
                continue
            with pytest.raises(Refused):
                link.request(command, b"\1" * 3)
        link.stream.write(b"\0\x40\xa1\x10half of a frame")
        assert_every_command_is_answered(link)
        assert link.hello().damaged_frames == 1 and board.running


def test_nothing_in_the_image_allocates_memory(firmware: Firmware) -> None:
    symbols = read_elf(firmware.elf).symbols
    assert "tce_app_main" in symbols
    assert not [
        name for name in symbols if re.fullmatch(r"_*(m|c|re|aligned_)?alloc(_r)?|_*free(_r)?|_*sbrk(_r)?", name)
    ]
