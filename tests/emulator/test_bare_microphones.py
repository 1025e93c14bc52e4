"""Every microphone that a bare port has a driver for, on its chip's models: what is said into it is what the application hears.

I2S, and PDM where the chip filters: the very samples. PDM where the firmware filters: the model says bits, and the samples are
those of the decimator in NumPy. No chip was near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.command import cli, refused
from device.images import fake_config, fake_parts
from emulator.bare_boards import ProbedBoard, bare_image
from pdm_reference import CHUNK, decimate, snr_db

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.bare_ports import PORTS, port_files, with_microphone
from tinyclap_edge.device.emulator.pdm import Modulator
from tinyclap_edge.device.platformio_project import write_project
from tinyclap_edge.errors import UsageError

pytestmark = pytest.mark.slow  # ten images are compiled

HALF = 160  # samples of the probe's halves
WIRED = [(name, kind) for name, port in PORTS.items() for kind in port.microphones]
FILTERED_BY_FIRMWARE = [(name, "pdm") for name in PORTS if name != "nrf52840"]
TONE_HZ = 500.0


@pytest.fixture(scope="module")
def elves(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    root = tmp_path_factory.mktemp("microphones")
    return {(name, kind): bare_image(root / name / kind, name, microphone=kind) for name, kind in WIRED}


def hearing(elves: dict[tuple[str, str], Path], name: str, kind: str) -> ProbedBoard:
    board = ProbedBoard(elves[name, kind], name)
    assert board.power_up() == "PROBE" and board.ask("h") == "audio=0"
    return board


def fingerprint(samples: np.ndarray) -> int:
    """FNV-1a over half words, as the probe has it."""
    value = 2166136261
    for word in samples.astype("<i2").view("<u2").tolist():
        value = (value ^ word) * 16777619 & 0xFFFFFFFF
    return value - (1 << 32 if value >> 31 else 0)


def heard_as(pcm: np.ndarray, name: str, kind: str) -> np.ndarray:
    return decimate(Modulator().bits(pcm)) if (name, kind) in FILTERED_BY_FIRMWARE else pcm


@pytest.mark.parametrize(("name", "kind"), WIRED)
def test_every_sample_is_the_microphones_or_the_decimators(
    elves: dict[tuple[str, str], Path], name: str, kind: str
) -> None:
    board = hearing(elves, name, kind)
    pcm = np.random.default_rng(5).integers(-20000, 20000, 12 * HALF).astype(np.int16)
    begun = board.machine.now_s
    board.hear(pcm)
    assert 0.108 < board.machine.now_s - begun < 0.25  # 120 ms of sound, the first half of I2S at once
    assert board.ask("p") == f"hash={fingerprint(heard_as(pcm, name, kind))}"
    assert board.ask("s").startswith("halves=12 overruns=0 ")


@pytest.mark.parametrize(("name", "kind"), FILTERED_BY_FIRMWARE)
def test_a_tone_is_heard_65_db_above_what_bits_and_filter_add(
    elves: dict[tuple[str, str], Path], name: str, kind: str
) -> None:
    board = hearing(elves, name, kind)
    said = (16000 * np.sin(2 * np.pi * TONE_HZ / 16000 * np.arange(20 * HALF))).astype(np.int16)
    board.hear(said)
    heard = decimate(Modulator().bits(said))
    assert board.ask("p") == f"hash={fingerprint(heard)}"
    assert snr_db(heard[2 * HALF :], TONE_HZ) > 65
    assert abs(np.std(heard[2 * HALF :].astype(float)) / np.std(said.astype(float)) - 1) < 0.02


@pytest.mark.parametrize(("name", "kind"), WIRED)
def test_halves_that_come_at_the_drivers_own_rate_are_not_taken_for_lost_ones(
    elves: dict[tuple[str, str], Path], name: str, kind: str
) -> None:
    """A clock that is 0.8 % slow would come a whole half late after 125 of them."""
    board = hearing(elves, name, kind)
    halves = 140 if (name, kind) == ("nrf52840", "i2s") else 10
    board.hear(np.zeros(halves * HALF, np.int16))
    assert board.ask("s").startswith(f"halves={halves} overruns=0 ")


@pytest.mark.parametrize(("name", "kind"), FILTERED_BY_FIRMWARE)
def test_sound_that_an_erase_swallows_is_counted_with_a_pdm_microphone_too(
    elves: dict[tuple[str, str], Path], name: str, kind: str
) -> None:
    board = hearing(elves, name, kind)
    board.hear(np.zeros(2 * HALF, np.int16))
    board.sound.feed(np.zeros(110 * HALF, np.int16))  # longer than any erase: a pause would look like a loss
    board.microphone.broken = False
    board.run_for(0.025)
    assert board.ask("f").startswith("flash=1")
    board.hear(np.zeros(HALF, np.int16))
    halves, overruns, _ = (int(word.split("=")[1]) for word in board.ask("s").split())
    if name == "stm32h7":  # code runs on from another bank
        assert (halves, overruns) == (113, 0)
    else:
        assert 80 < halves < 113 and 0 < overruns < 5


def test_a_chunk_divides_the_probes_halves() -> None:
    assert HALF % CHUNK == 0  # so that the last half of the tests above is heard whole


@pytest.mark.parametrize(("name", "kind"), WIRED)
def test_an_image_has_the_driver_of_one_microphone(name: str, kind: str) -> None:
    drivers = {
        path.parent
        for path in port_files(with_microphone(find_board(name), kind))
        if path.parent.parent.name != "ports"
    }
    assert [folder.name for folder in drivers] == [kind]


@pytest.mark.parametrize(
    ("name", "kind", "fact"), [("stm32h7", "analog", "no driver"), ("rp2350", "pdm", "no drivers")]
)
def test_a_microphone_without_a_driver_is_refused_by_name(name: str, kind: str, fact: str) -> None:
    with pytest.raises(UsageError, match=f"{name} has {fact}"):
        with_microphone(find_board(name), kind)


def test_the_exported_project_has_the_driver_that_is_asked_for(tmp_path: Path) -> None:
    for kind, drivers in (("i2s", {"tce_i2s_stm32h743.c"}), ("pdm", {"tce_pdm_stm32h743.c", "tce_pdm.c", "tce_pdm.h"})):
        board = with_microphone(find_board("stm32h7"), kind)
        write_project(tmp_path / kind, board, fake_parts(tmp_path / f"{kind}-parts"), fake_config())
        names = {path.name for path in (tmp_path / kind / "src" / "port").iterdir()}
        assert {name for name in names if name.startswith(("tce_i2s", "tce_pdm"))} == drivers


def test_export_refuses_a_microphone_for_a_board_without_drivers() -> None:
    arguments = ["export", "--board", "rp2350", "--microphone", "pdm", "--labels", "rain", "--out", "x"]
    refused(cli(*arguments), 2, "rp2350 has no drivers of its own", "esp32c3")
