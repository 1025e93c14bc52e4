"""Room for label slots: whole sectors of their own, sized as the C counts them."""

from __future__ import annotations

import itertools

import pytest
from link_native import NativeDevice, pack_bytes

from tinyclap_edge.boards import find_board, load_boards
from tinyclap_edge.device.label_flash import label_flash

USED = 256 * 1024  # of code and constants


@pytest.mark.parametrize("name", sorted(load_boards()))
def test_every_board_has_room_for_256_labels_of_128_entries_in_sectors_of_its_own(name: str) -> None:
    board = find_board(name)
    found = label_flash(board, USED)
    assert found is not None
    region = next(r for r in board.regions if r.name == found.region)
    assert region.sectors is not None and region.address <= found.address and found.end <= region.end
    edges = {region.address + at for at in itertools.accumulate(region.sectors.sizes, initial=0)}
    assert {found.address, found.address + found.slot_bytes, found.end} <= edges
    assert max(found.address - region.address, region.end - found.end) >= USED
    labels = 50 if name == "stm32f4" else 256
    assert found.capacity_bytes >= 32 + labels * (12 + 128 + 64) + 4


def test_an_stm32f405_keeps_labels_in_two_small_sectors_between_vectors_and_code() -> None:
    found = label_flash(find_board("stm32f4"), USED)
    assert found is not None
    assert (found.address, found.slot_bytes, found.sector_bytes) == (0x08004000, 16 << 10, 16 << 10)


@pytest.mark.parametrize(("sector", "sectors", "unit"), [(4096, 16, 256), (4096, 16, 4), (8192, 8, 16), (65536, 1, 32)])
def test_the_capacity_is_the_one_that_the_c_gives(sector: int, sectors: int, unit: int) -> None:
    from tinyclap_edge.device.label_flash import LabelFlash

    flash = LabelFlash("flash", 0, sector * sectors, sector, unit)
    assert NativeDevice(pack_bytes(2), sector, sectors, unit).fact("capacity") == flash.capacity_bytes


def test_code_that_fills_the_flash_leaves_none() -> None:
    assert label_flash(find_board("stm32f4"), 976 * 1024) is not None
    assert label_flash(find_board("stm32f4"), 976 * 1024 + 1) is None
    assert label_flash(find_board("stm32h7"), 1793 * 1024) is None
