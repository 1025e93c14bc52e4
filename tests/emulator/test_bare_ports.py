"""What every bare port does on its chip's models, asked of the probe over the line. No chip was near."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from emulator.bare_boards import ProbedBoard, bare_image

from tinyclap_edge.device.emulator.peripheral import ResetCause

HALF = 160  # samples of the probe's halves: 10 ms
ARM = ("stm32f4", "stm32h7", "nrf52840", "rp2040")
GCC = dict.fromkeys(ARM, "arm-none-eabi-gcc") | {"esp32c3": "riscv64-unknown-elf-gcc"}
SECTORS = {"stm32f4": 1, "stm32h7": 1}  # of a slot; 16 elsewhere
UNITS = {"stm32f4": 64, "nrf52840": 64, "stm32h7": 8}  # that 256 bytes are programmed in; 1 elsewhere


@pytest.fixture(scope="module")
def elves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: bare_image(tmp_path_factory.mktemp(name), name) for name in GCC}


@pytest.fixture(params=sorted(GCC))
def board(request: pytest.FixtureRequest, elves: dict[str, Path]) -> ProbedBoard:
    made = ProbedBoard(elves[request.param], request.param)
    assert made.power_up() == "PROBE"
    return made


def flashed(board: ProbedBoard) -> str:
    """What the probe says when flash holds what was programmed."""
    return f"flash=1 sectors={SECTORS.get(board.board.name, 16)}"


def test_what_comes_over_the_line_is_answered(board: ProbedBoard) -> None:
    assert [board.ask(byte) for byte in "xyz"] == ["x", "y", "z"]
    assert board.ask("c") == ("cycles=0" if board.board.name == "rp2040" else "cycles=1")  # a Cortex-M0+ counts none


def test_halves_of_the_microphone_come_in_order_and_to_the_sample(board: ProbedBoard) -> None:
    assert board.ask("h") == "audio=0"
    pcm = np.random.default_rng(3).integers(-30000, 30000, 7 * HALF).astype(np.int16)
    begun = board.machine.now_s
    board.hear(pcm)
    assert board.ask("s") == f"halves=7 overruns=0 sum={pcm[6 * HALF :].sum(dtype=int)}"
    assert 0.06 < board.machine.now_s - begun < 0.19  # 70 ms of sound, and up to a tick


def test_a_page_of_flash_is_erased_programmed_and_read_back_by_the_book(board: ProbedBoard) -> None:
    assert board.ask("f") == flashed(board)
    assert board.chip.flash.cells.broken_rules == []
    assert board.chip.flash.cells.operations == 1 + UNITS.get(board.board.name, 1)


def test_sound_that_an_erase_swallows_is_counted_and_what_follows_is_heard(board: ProbedBoard) -> None:
    board.ask("h")
    board.sound.feed(np.zeros(100 * HALF, np.int16))
    board.microphone.broken = False
    assert board.ask("f") == flashed(board)  # without interrupts, but on an STM32H7, where code runs from another bank
    board.hear(np.full(HALF, 7, np.int16))
    halves, overruns, total = (int(word.split("=")[1]) for word in board.ask("s").split())
    assert total == 7 * HALF
    if board.board.name == "stm32h7":
        assert overruns == 0 and halves == 101
    else:
        assert 0 < overruns < 3 and halves > 70


def test_an_unfed_watchdog_resets_the_board_which_knows_why_and_what_it_kept(board: ProbedBoard) -> None:
    assert board.ask("r").startswith("reset=0 ")
    assert (board.ask("k"), board.ask("w")) == ("keeps", "watched")
    watched = board.machine.now_s
    assert board.await_line() == "PROBE"
    assert 0.35 < board.machine.now_s - watched < 0.65
    assert board.machine.reset_causes == [ResetCause.POWER, ResetCause.WATCHDOG]
    assert board.ask("r") == f"reset=3 kept={0x5AA5}"


def test_the_end_tells_the_stack_that_was_used(board: ProbedBoard) -> None:
    stack, ticks, _ = (int(word.split("=")[1]) for word in board.ask("e").split())
    assert 100 < stack < 2000 and ticks > 0


@pytest.mark.parametrize("name", sorted(GCC))
def test_an_image_of_gcc_does_the_same(tmp_path: Path, name: str) -> None:
    if not shutil.which(GCC[name]):
        pytest.skip("this gcc is not installed")
    made = ProbedBoard(bare_image(tmp_path, name, toolchain="gcc"), name)
    assert made.power_up() == "PROBE" and made.ask("f") == flashed(made)
