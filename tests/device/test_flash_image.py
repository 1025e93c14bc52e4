"""Files for flashing tools: what the image's segments say, and never a byte of the label slots, so that pushed labels stay."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from serial_boards import built_firmware

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.elf_image import Segment, read_elf
from tinyclap_edge.device.flash_image import flat_parts, make_image
from tinyclap_edge.device.flash_tools import TOOLS, Job
from tinyclap_edge.device.in_turn import in_turn
from tinyclap_edge.device.label_flash import label_flash
from tinyclap_edge.errors import DoesNotFit

BOARD = find_board("stm32f4")  # its slots stand between vectors and code


def copied_elf(folder: Path) -> Path:
    elf = folder / "firmware.elf"
    elf.write_bytes(built_firmware().elf.read_bytes())
    return elf


def test_flat_files_are_what_the_segments_say_without_the_label_slots(tmp_path: Path) -> None:
    image = read_elf(built_firmware().elf)
    before, behind = flat_parts(image, BOARD)
    slots = label_flash(BOARD, 0)
    assert slots is not None
    assert before.address == BOARD.flash.address and before.address + len(before.data) <= slots.address
    assert behind.address >= slots.end
    for segment in image.segments:
        part = before if segment.address < slots.address else behind
        assert part.data[segment.address - part.address :].startswith(segment.data)
    with pytest.raises(DoesNotFit, match="outside of nrf52840's flash"):
        flat_parts(image, find_board("nrf52840"))
    made = make_image(copied_elf(tmp_path), BOARD, "bin", "")
    assert [part.path.read_bytes() for part in made.parts] == [before.data, behind.data]
    assert [part.offset for part in made.parts] == [0, behind.address - BOARD.flash.address]


def test_an_image_that_reaches_into_the_label_slots_is_refused(tmp_path: Path) -> None:
    image, slots = read_elf(built_firmware().elf), label_flash(BOARD, 0)
    assert slots is not None
    wrong = replace(image, segments=(*image.segments, Segment(slots.end - 4, b"\0" * 4)))
    with pytest.raises(DoesNotFit, match="where stm32f4 keeps its labels"):
        flat_parts(wrong, BOARD)
    with pytest.raises(DoesNotFit, match="UF2 file would fill them"):
        make_image(copied_elf(tmp_path), BOARD, "uf2", "0x1")


ST_FLASH = """import pathlib, sys
# as st-flash: erases every sector that a file touches, then writes it
memory, sectors = pathlib.Path({memory!r}), {sectors!r}
file, address = pathlib.Path(sys.argv[-2]).read_bytes(), int(sys.argv[-1], 0)
flash, begin, start = bytearray(memory.read_bytes()), address - {base}, 0
for size in sectors:
    if start < begin + len(file) and begin < start + size:
        flash[start : start + size] = b"\\xff" * size
    start += size
flash[begin : begin + len(file)] = file
memory.write_bytes(flash)
"""


def test_pushed_labels_are_still_there_when_st_flash_has_written_a_firmware(tmp_path: Path) -> None:
    slots, flash = label_flash(BOARD, 0), BOARD.flash
    assert slots is not None and flash.sectors is not None
    memory, program = tmp_path / "flash", tmp_path / "st_flash.py"
    old = np.random.default_rng(0).integers(0, 256, flash.size_bytes, np.uint8).tobytes()
    memory.write_bytes(old)
    program.write_text(
        ST_FLASH.format(memory=os.fspath(memory), sectors=flash.sectors.sizes, base=flash.address), encoding="utf-8"
    )
    first, *more = make_image(copied_elf(tmp_path), BOARD, "bin", "").parts
    job = Job((sys.executable, os.fspath(program)), "", first.path, first.address, first.offset, more=tuple(more))
    subprocess.run(TOOLS["stlink"].command(job), check=True)
    new = memory.read_bytes()
    begin, end = slots.address - flash.address, slots.end - flash.address
    assert new[begin:end] == old[begin:end]
    for segment in read_elf(built_firmware().elf).segments:
        assert new[segment.address - flash.address :].startswith(segment.data)


def test_the_second_of_two_commands_waits_for_the_first_one_to_succeed(tmp_path: Path) -> None:
    touch = [sys.executable, "-c", f"open({os.fspath(tmp_path / 'second')!r}, 'w')"]
    fail, work = ([sys.executable, "-c", f"raise SystemExit({code})"] for code in (3, 0))
    assert subprocess.run(in_turn([fail, touch]), check=False).returncode == 3
    assert not (tmp_path / "second").exists()
    assert subprocess.run(in_turn([work, touch]), check=False).returncode == 0
    assert (tmp_path / "second").exists() and in_turn([work]) == work
