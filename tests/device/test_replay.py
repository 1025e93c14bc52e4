"""REPLAY over a port: sound from the host gives the stages' bytes, each stage is timed, and nothing out of order is done."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest
from device.fake_firmware import DIM, HOP, MELS, ROWS, WINDOW, expected_windows
from serial_boards import built_firmware

from tinyclap_edge.device.link import Command, Link, Refusal, Refused
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.device.replay import Replay, Shape, Stage, What, row_checksums
from tinyclap_edge.errors import UsageError
from tinyclap_edge.labels.score import score

SAMPLES = WINDOW + (ROWS - 1) * HOP
PCM = np.random.default_rng(3).integers(-20000, 20000, SAMPLES).astype(np.int16)


@pytest.fixture(scope="module")
def port(tmp_path_factory) -> Iterator[str]:
    with built_firmware().on_this_pc(tmp_path_factory.mktemp("board")) as board:
        yield board.port


@pytest.fixture
def link(port: str) -> Iterator[Link]:
    with open_link(port) as opened:
        opened.hello()
        yield opened


def sent(link: Link, pcm: np.ndarray = PCM) -> Replay:
    replay = Replay(link)
    replay.begin()
    assert [rows.count for rows in replay.send(pcm)][-1] == ROWS
    return replay


def refused(link: Link, command: Command, payload: bytes) -> Refusal:
    with pytest.raises(Refused) as caught:
        link.request(command, payload)
    return Refusal(caught.value.code)


def test_a_board_says_how_large_its_window_is(link: Link) -> None:
    assert Replay(link).begin() == Shape(SAMPLES, ROWS, MELS, DIM, 3, 128)


def test_a_window_from_the_host_has_the_bytes_of_one_that_was_heard(link: Link) -> None:
    replay = sent(link)
    replay.run(Stage.ENCODER)
    replay.run(Stage.SCORES)
    embedding, _ = expected_windows(PCM, ROWS)[0]
    assert np.array_equal(replay.embedding(), embedding)
    wanted = score(built_firmware().image_pack, embedding[None], 4)[0]
    assert np.array_equal(replay.scores(), wanted)


def test_checksums_behind_the_rows_are_those_of_what_can_be_read(link: Link) -> None:
    replay = Replay(link)
    replay.begin()
    newest = list(replay.send(PCM))[-1]
    rows = np.frombuffer(replay.read(What.INPUT), np.int8).reshape(ROWS, MELS)
    assert row_checksums(rows)[-1] == newest.input_crc
    frames = [PCM[at * HOP : at * HOP + WINDOW].astype(np.int32) for at in range(ROWS)]
    halves = [np.sign(x) * (np.abs(x) // 2) for x in frames]
    logmel = np.stack([h[:MELS] + h[::-1][:MELS] for h in halves]).astype(np.int16)
    assert row_checksums(logmel)[-1] == newest.logmel_crc
    assert np.array_equal(np.frombuffer(replay.read(What.LOGMEL_ROW), "<i2"), logmel[-1])


def test_every_stage_is_timed_and_no_request_takes_longer_than_half_a_second(link: Link) -> None:
    replay = sent(link)
    for stage in Stage:
        ticks = replay.run(stage, 4096)
        assert 1 <= ticks.times <= 4096 and ticks.microseconds < 900_000
    before = replay.read(What.INPUT)
    replay.run(Stage.FRONTEND, 3)
    assert replay.read(What.INPUT) == before


def test_a_new_window_forgets_the_one_before(link: Link) -> None:
    sent(link, PCM[::-1].copy())
    replay = sent(link)
    replay.run(Stage.ENCODER)
    assert np.array_equal(replay.embedding(), expected_windows(PCM, ROWS)[0][0])


def test_what_is_out_of_order_or_out_of_range_is_refused(link: Link) -> None:
    samples = struct.pack("<I", 0) + PCM[:8].tobytes()
    for command, payload in (
        (Command.REPLAY_PCM, samples), (Command.REPLAY_RUN, b"\1\1\0"), (Command.REPLAY_READ, bytes(7)),
    ):  # fmt: skip
        assert refused(link, command, payload) == Refusal.STATE
    Replay(link).begin()
    assert refused(link, Command.REPLAY_PCM, struct.pack("<I", 4) + bytes(8)) == Refusal.OFFSET
    assert refused(link, Command.REPLAY_PCM, struct.pack("<I", 0) + bytes(258)) == Refusal.LENGTH
    assert refused(link, Command.REPLAY_PCM, struct.pack("<I", 0) + bytes(3)) == Refusal.LENGTH
    assert refused(link, Command.REPLAY_RUN, b"\1\1\0") == Refusal.STATE  # no whole window yet
    link.request(Command.REPLAY_PCM, struct.pack("<I", 0) + PCM[:128].tobytes())
    assert refused(link, Command.REPLAY_PCM, struct.pack("<I", 128) + bytes(10)) == Refusal.TOO_LARGE
    for payload in (b"\3\1\0", b"\1\0\0", b"\1\1\x20"):
        assert refused(link, Command.REPLAY_RUN, payload) == Refusal.RANGE
    assert refused(link, Command.REPLAY_READ, struct.pack("<BIH", 9, 0, 16)) == Refusal.RANGE
    assert refused(link, Command.REPLAY_READ, struct.pack("<BIH", 3, DIM + 1, 16)) == Refusal.OFFSET
    assert refused(link, Command.REPLAY_BEGIN, b"x") == Refusal.LENGTH


def test_a_session_ends_the_replay(link: Link) -> None:
    sent(link)
    link.hello()
    assert refused(link, Command.REPLAY_RUN, b"\0\1\0") == Refusal.STATE


def test_a_window_of_another_length_is_refused_here(link: Link) -> None:
    replay = Replay(link)
    replay.begin()
    with pytest.raises(UsageError, match=f"window has {SAMPLES} samples"):
        list(replay.send(PCM[:-1]))
