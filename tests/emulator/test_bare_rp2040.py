"""The bare port of the RP2040 on its models: boot ROM and second stage, PIO, DMA, flash from RAM, watchdog. No chip was near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulator.bare_boards import ProbedBoard, bare_image

from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.emulator.peripheral import ResetCause
from tinyclap_edge.device.emulator.rp2040_pio import StateMachine, cycles_a_sample
from tinyclap_edge.device.emulator.rp2040_rom import boot_checksum
from tinyclap_edge.device.flash_image import make_image
from tinyclap_edge.device.uf2 import BLOCK
from tinyclap_edge.errors import DeviceError

NAME = "rp2040"
HALF = 160  # samples of the probe's halves: 10 ms


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_image(tmp_path_factory.mktemp("probe"), NAME)


@pytest.fixture
def board(elf: Path) -> ProbedBoard:
    made = ProbedBoard(elf, NAME)
    assert made.power_up() == "PROBE"
    return made


def test_the_image_begins_with_a_second_stage_whose_checksum_the_boot_rom_takes(elf: Path) -> None:
    first = min(read_elf(elf).segments, key=lambda s: s.address)
    assert first.address == 0x10000000
    assert boot_checksum(first.data[:252]) == int.from_bytes(first.data[252:256], "little")
    stack, reset = (int.from_bytes(first.data[at : at + 4], "little") for at in (256, 260))
    assert (stack, reset & 1) == (read_elf(elf).symbols["tce_ld_stack_top"], 1)


def test_a_flipped_bit_in_the_second_stage_is_not_started(elf: Path, tmp_path: Path) -> None:
    data, needle = elf.read_bytes(), bytes.fromhex("00b5")  # push {lr}
    at = data.index(needle)
    (tmp_path / "bad.elf").write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    with pytest.raises(DeviceError, match="does not start this image"):
        ProbedBoard(tmp_path / "bad.elf", NAME).power_up()


def test_the_uf2_file_holds_the_image_block_by_block(elf: Path, tmp_path: Path) -> None:
    copy = tmp_path / "firmware.elf"
    copy.write_bytes(elf.read_bytes())
    board = ProbedBoard(elf, NAME).board
    blocks = make_image(copy, board, "uf2", "0xe48bff56").path.read_bytes()
    memory = bytearray()
    for number in range(len(blocks) // BLOCK):
        block = blocks[number * BLOCK : (number + 1) * BLOCK]
        words = np.frombuffer(block[:32], "<u4").tolist()
        assert words == [
            0x0A324655,
            0x9E5D5157,
            0x2000,
            0x10000000 + 256 * number,
            256,
            number,
            len(blocks) // BLOCK,
            0xE48BFF56,
        ]
        assert block[508:] == bytes.fromhex("306fb10a")
        memory += block[32 : 32 + 256]
    for segment in read_elf(elf).segments:
        assert memory[segment.address - 0x10000000 :][: len(segment.data)] == segment.data


def test_what_comes_over_the_line_is_answered(board: ProbedBoard) -> None:
    assert [board.ask(byte) for byte in "xyz"] == ["x", "y", "z"]
    assert board.ask("c") == "cycles=0"  # this core counts none


def test_halves_of_the_microphone_come_in_order_and_to_the_sample(board: ProbedBoard) -> None:
    assert board.ask("h") == "audio=0"
    pcm = np.random.default_rng(3).integers(-30000, 30000, 7 * HALF).astype(np.int16)
    begun = board.machine.now_s
    board.hear(pcm)
    assert board.ask("s") == f"halves=7 overruns=0 sum={pcm[6 * HALF :].sum(dtype=int)}"
    assert 0.06 < board.machine.now_s - begun < 0.19  # 70 ms of sound, and up to a tick


def test_a_page_of_flash_is_erased_programmed_and_read_back_by_the_book(board: ProbedBoard) -> None:
    assert board.ask("f") == "flash=1 sectors=16"
    assert board.chip.flash.cells.broken_rules == [] and board.chip.flash.cells.operations == 2


def test_sound_that_an_erase_swallows_is_counted_and_what_follows_is_heard(board: ProbedBoard) -> None:
    board.ask("h")
    board.sound.feed(np.zeros(100 * HALF, np.int16))
    board.microphone.broken = False
    assert board.ask("f") == "flash=1 sectors=16"  # 45 ms without interrupts
    board.hear(np.full(HALF, 7, np.int16))
    halves, overruns, total = (int(word.split("=")[1]) for word in board.ask("s").split())
    assert 0 < overruns < 3 and halves > 90 and total == 7 * HALF


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


def test_a_pio_program_that_reads_a_period_early_is_found() -> None:
    good = [0xE02F, 0xA842, 0xA042, 0x4801, 0x0043, 0xE82D, 0xA042, 0x0846, 0xF03E, 0xB842, 0xB042, 0x184A]
    assert cycles_a_sample(StateMachine(good, (0, 11), 16)) == 128
    early = [0x4801 if i == 1 else word for i, word in enumerate(good)]
    with pytest.raises(DeviceError, match="does not hear"):
        cycles_a_sample(StateMachine(early, (0, 11), 16))


@pytest.mark.parametrize("toolchain", ["gcc"])
def test_an_image_of_gcc_starts_too(tmp_path: Path, toolchain: str) -> None:
    import shutil

    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("this gcc is not installed")
    made = ProbedBoard(bare_image(tmp_path, NAME, toolchain=toolchain), NAME)
    assert made.power_up() == "PROBE" and made.ask("f") == "flash=1 sectors=16"
