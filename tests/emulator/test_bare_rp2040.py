"""The bare port of the RP2040 on its models: boot ROM and second stage, PIO, DMA, flash from RAM, watchdog. No chip was near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulator.bare_boards import ProbedBoard, bare_image

from tinyclap_edge.device.elf_image import read_elf
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
    (made,) = make_image(copy, board, "uf2", "0xe48bff56").parts
    blocks = made.path.read_bytes()
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


def test_a_pio_program_that_reads_a_period_early_is_found() -> None:
    good = [0xE02F, 0xA842, 0xA042, 0x4801, 0x0043, 0xE82D, 0xA042, 0x0846, 0xF03E, 0xB842, 0xB042, 0x184A]
    assert cycles_a_sample(StateMachine(good, (0, 11), 16)) == 128
    early = [0x4801 if i == 1 else word for i, word in enumerate(good)]
    with pytest.raises(DeviceError, match="does not hear"):
        cycles_a_sample(StateMachine(early, (0, 11), 16))
