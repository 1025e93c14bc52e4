"""MLPerf Tiny's text protocol: the exchanges of its runner, against the same firmware that listens and answers the link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import DIM, MELS, OUTPUT_ZERO_POINT, ROWS
from serial_boards import Firmware, pack

from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.link import Link
from tinyclap_edge.device.link_port import PortStream
from tinyclap_edge.labels.score import score

INPUT = np.random.default_rng(3).integers(-128, 128, (ROWS, MELS)).astype(np.int8)
HOST_BYTES = 31  # that the runner sends in one command
HEARD = (b"W ", b"EVENT ")  # what a board says of windows that it hears meanwhile


class Runner:
    """The runner's side: a command, then lines until one holds m-ready. Windows that are heard meanwhile are not for it."""

    def __init__(self, port: str) -> None:
        self.stream, self.text = PortStream(port, timeout_s=5.0), b""
        Link(self.stream).hello()  # what was said at the reset is read with it: a late m-ready would shift every answer

    def command(self, words: str) -> list[str]:
        self.stream.write(words.encode() + b"%")
        lines: list[str] = []
        while not lines or "m-ready" not in lines[-1]:
            while b"\n" not in self.text:
                got = self.stream.read()
                assert got, (words, lines)
                self.text += got.replace(b"\r", b"").replace(b"\0", b"")
            line, self.text = self.text.split(b"\n", 1)
            if not line.startswith(HEARD):
                lines.append(line.decode())
        return lines[:-1]

    def load(self, data: bytes) -> list[str]:
        answers = self.command(f"db load {len(data)}")
        for at in range(0, len(data), HOST_BYTES):
            answers += self.command(f"db {data[at : at + HOST_BYTES].hex()}")
        return answers


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return Firmware(tmp_path_factory.mktemp("firmware"))


@pytest.fixture(params=["emulated", "on_this_pc"])
def runner(request: pytest.FixtureRequest, firmware: Firmware, tmp_path: Path) -> Iterator[Runner]:
    with getattr(firmware, request.param)(tmp_path) as board:
        made = Runner(board.port)
        yield made
        made.stream.close()


def expected() -> list[float]:
    """(1 + cosine) / 2 of the input's embedding with each label of the image."""
    embedding = ((np.arange(1, ROWS + 1)[:, None] * INPUT.astype(np.int32)).sum(0) >> 5).astype(np.int8)
    return [(int(s) + 32768) / 65536 for s in score(pack(3), embedding[None, :DIM], OUTPUT_ZERO_POINT)[0]]


def results(lines: list[str]) -> list[float]:
    (line,) = [line for line in lines if line.startswith("m-results-[")]
    return [float(word) for word in line.removeprefix("m-results-[").removesuffix("]").split(",")]


def test_the_exchanges_of_an_accuracy_run(runner: Runner) -> None:
    assert runner.command("name") == ["m-name-dut-[tinyclap-edge]"]
    profile = runner.command("profile")
    assert profile[0].startswith("m-profile-[") and profile[1] == "m-model-[kws01]"
    assert runner.load(INPUT.tobytes()) == [f"m-[Expecting {INPUT.size} bytes]", "m-load-done"]
    lines = runner.command("infer 1 0")
    assert lines[:3] == ["m-warmup-start-0", "m-warmup-done", "m-infer-start-1"]
    laps = [line for line in lines if re.fullmatch(r"m-lap-us-\d+", line)]
    assert len(laps) == 2 and lines[-2] == "m-infer-done"
    assert results(lines) == pytest.approx(expected(), abs=2e-5)
    assert results(runner.command("results")) == results(lines)
    assert [line.removeprefix("m-buffer-") for line in runner.command("db print")] == [
        INPUT.tobytes()[at : at + 32].hex() for at in range(0, INPUT.size, 32)
    ]


def test_the_laps_of_a_performance_run_grow_with_its_runs(runner: Runner) -> None:
    runner.load(INPUT.tobytes())
    spans = []
    for count in (1, 2000):
        first, last = (int(x[9:]) for x in runner.command(f"infer {count} 10") if x.startswith("m-lap-us-"))
        spans.append(last - first)
    assert 0 <= spans[0] < spans[1]
    (stamp,) = runner.command("timestamp")
    assert re.fullmatch(r"m-lap-us-\d+", stamp)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("results", "e-[No infer before]"),
        ("db 00", "e-[No db load before]"),
        ("db load 49", f"e-[The input has {ROWS * MELS} bytes]"),
        ("db load", "e-[Unknown command"),
        ("reboot", "e-[Unknown command: reboot]"),
        ("x" * 200, "e-[Unknown command: xxx"),
    ],
)
def test_what_makes_no_sense_is_an_error_line_and_then_ready(firmware, tmp_path, command: str, answer: str) -> None:
    with firmware.on_this_pc(tmp_path) as board:
        runner = Runner(board.port)
        lines = runner.command(command)
        assert lines[0].startswith(answer) or (command == "db load" and lines[0].startswith("e-["))
        assert runner.command("help")[0].startswith("name%")
        runner.stream.close()


def test_a_board_that_was_measured_listens_again_after_a_hello(firmware: Firmware, tmp_path: Path) -> None:
    sound = FedSound()
    with firmware.emulated(tmp_path, sound) as board:
        runner = Runner(board.port)
        runner.load(INPUT.tobytes())
        sound.feed(np.zeros(4000, np.int16))
        assert results(runner.command("infer 1 0")) == pytest.approx(expected(), abs=2e-5)
        link = Link(runner.stream)
        while link.hello().windows < 3:
            pass
        runner.stream.close()


def test_at_a_reset_the_board_says_what_the_protocol_wants_and_only_then(firmware: Firmware, tmp_path: Path) -> None:
    text = bytearray()
    with firmware.on_this_pc(tmp_path) as board:
        stream = PortStream(board.port)
        Link(stream, on_text=text.extend).hello()
        stream.close()
        again = PortStream(board.port)
        later = bytearray()
        Link(again, on_text=later.extend).hello()
        again.close()
    assert b"m-ready" not in later
    said = bytes(text).decode().splitlines()
    assert not said or said[-1] == "m-ready" or said[-1].encode().startswith(HEARD)
