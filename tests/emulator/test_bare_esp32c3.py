"""What is an ESP32-C3's own in its bare image: direct boot, constants read through another address, what the ROM wants."""

from __future__ import annotations

from pathlib import Path

import pytest
from emulator.bare_boards import ProbedBoard, bare_image

from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.flash_image import make_image
from tinyclap_edge.errors import DeviceError

NAME = "esp32c3"
MAGIC = bytes.fromhex("1d04dbae1d04dbae")


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_image(tmp_path_factory.mktemp("probe"), NAME)


def test_the_file_for_esptool_is_the_flash_from_its_first_byte_on(elf: Path, tmp_path: Path) -> None:
    copy = tmp_path / "firmware.elf"
    copy.write_bytes(elf.read_bytes())
    (made,) = make_image(copy, ProbedBoard(elf, NAME).board, "bin", "").parts
    flat = made.path.read_bytes()
    assert (made.offset, flat[:8]) == (0, MAGIC)
    image = read_elf(elf)
    assert image.entry == 0x42000008
    for segment in image.segments:
        assert flat[segment.address - 0x42000000 :][: len(segment.data)] == segment.data


def test_constants_are_read_at_the_address_of_data_and_stand_behind_the_code_in_flash(elf: Path) -> None:
    sections = {section.name: section for section in read_elf(elf).sections}
    constants = sections[".rodata"]
    assert constants.address - 0x3C000000 == constants.load_address - 0x42000000 == sections[".text"].size
    assert sections[".tce_ram"].address == 0x403D0000  # code that runs while the flash is written


def test_an_image_without_the_magic_words_is_not_started(elf: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.elf").write_bytes(elf.read_bytes().replace(MAGIC, b"\xe9" + MAGIC[1:]))
    with pytest.raises(DeviceError, match="does not start this image"):
        ProbedBoard(tmp_path / "bad.elf", NAME).power_up()


def test_the_core_runs_at_160_mhz_when_the_pll_has_been_calibrated(elf: Path) -> None:
    board = ProbedBoard(elf, NAME)
    board.power_up()
    assert board.chip.flash.cpu_mhz == 160


def test_without_a_calibrated_pll_the_core_stays_on_the_crystal_and_all_else_works(elf: Path) -> None:
    board = ProbedBoard(elf, NAME)
    analog = next(p for p in board.chip.peripherals if type(p).__name__ == "Analog")
    analog._OF_480_MHZ = {4: 0}  # a PLL that never reports
    assert board.power_up() == "PROBE" and board.chip.flash.cpu_mhz == 40
    assert board.ask("h") == "audio=0" and board.ask("f") == "flash=1 sectors=16"
