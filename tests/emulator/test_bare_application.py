"""The whole application on bare virtual boards: who it is, what it hears through the driver, labels that outlive the power."""

from __future__ import annotations

import numpy as np
import pytest
from device.fake_firmware import ENCODER_ID, FRONTEND_ID
from emulator.bare_boards import BoardStream, ProbedBoard, application_image
from pdm_reference import decimate
from serial_boards import lines_of, pack

from tinyclap_edge.device.emulator.pdm import Modulator
from tinyclap_edge.device.link import Link
from tinyclap_edge.device.link_labels import pull, push

pytestmark = pytest.mark.slow  # five images are compiled whole

BOARDS = ("stm32f4", "stm32h7", "nrf52840", "rp2040", "esp32c3")
BANNER = "TCE 0.1.0 board={} encoder=" + ENCODER_ID + " frontend=" + FRONTEND_ID + " labels={}"
# whole halves of the application's, so that the last window is heard too
PCM = np.random.default_rng(6).integers(-20000, 20000, 2560).astype(np.int16)


@pytest.fixture(params=BOARDS)
def board(request: pytest.FixtureRequest) -> ProbedBoard:
    return ProbedBoard(application_image(request.param), request.param)


def test_the_banner_holds_the_right_identities(board: ProbedBoard) -> None:
    assert board.power_up() == BANNER.format(board.board.name, 3)


def test_windows_of_the_microphone_are_those_of_the_reference(board: ProbedBoard) -> None:
    board.power_up()
    board.run_for(0.2)
    board.line.said.clear()
    board.hear(PCM)
    said = [line for line in board.line.said.decode("ascii").splitlines() if line.startswith("W ")]
    wanted = lines_of(PCM, pack(3))
    assert len(wanted) > 30 and said == wanted


def test_windows_of_a_pdm_microphone_are_those_of_its_decimated_sound() -> None:
    board = ProbedBoard(application_image("stm32f4", "pdm"), "stm32f4")
    board.power_up()
    board.run_for(0.2)
    board.line.said.clear()
    board.hear(PCM)
    said = [line for line in board.line.said.decode("ascii").splitlines() if line.startswith("W ")]
    wanted = lines_of(decimate(Modulator().bits(PCM)), pack(3))
    assert len(wanted) > 30 and said == wanted


def test_pushed_labels_are_there_after_the_power_was_cut(board: ProbedBoard) -> None:
    board.power_up()
    link, new = Link(BoardStream(board)), pack(40, seed=1).to_bytes()
    assert push(link, new).labels == 40
    board.machine.cut_power()
    assert board.power_up() == BANNER.format(board.board.name, 40)
    assert pull(Link(BoardStream(board))) == new
    assert board.chip.flash.cells.broken_rules == []


@pytest.mark.parametrize("operation", [1, 2, 3, 5, 7])
def test_a_power_cut_in_the_middle_of_a_push_leaves_the_old_labels(board: ProbedBoard, operation: int) -> None:
    board.power_up()
    cells = board.chip.flash.cells
    cells.cut_at = cells.operations + operation
    with pytest.raises(Exception, match=r"answer|device"):
        push(Link(BoardStream(board), tries=1), pack(40, seed=1).to_bytes())
    assert board.machine.dark
    cells.cut_at = None
    assert board.power_up() == BANNER.format(board.board.name, 3)


def test_the_device_says_who_it_is_and_how_large_a_pack_may_be(board: ProbedBoard) -> None:
    board.power_up()
    device = Link(BoardStream(board)).hello()
    assert (device.board, device.encoder_id, device.labels) == (board.board.name, ENCODER_ID, 3)
    assert device.capacity_bytes > (16_000 if device.board == "stm32f4" else 60_000)
