"""Room for label slots: whole sectors at the end of the flash, sized as the C counts them."""

from __future__ import annotations

import pytest
from link_native import NativeDevice, pack_bytes

from tinyclap_edge.boards import find_board, load_boards
from tinyclap_edge.device.label_flash import label_flash


@pytest.mark.parametrize("name", sorted(load_boards()))
def test_every_board_has_room_for_256_labels_of_128_entries_in_sectors_of_its_own(name: str) -> None:
    board = find_board(name)
    found = label_flash(board, 256 * 1024)
    assert found is not None
    region = next(r for r in board.regions if r.name == found.region)
    assert found.address % found.sector_bytes == 0 and found.slot_bytes % found.sector_bytes == 0
    assert region.address + 256 * 1024 <= found.address and found.address + found.size_bytes <= region.end
    assert found.capacity_bytes >= 32 + 256 * (12 + 128 + 64) + 4


@pytest.mark.parametrize(("sector", "sectors", "unit"), [(4096, 16, 256), (4096, 16, 4), (8192, 8, 16), (65536, 1, 32)])
def test_the_capacity_is_the_one_that_the_c_gives(sector: int, sectors: int, unit: int) -> None:
    from tinyclap_edge.device.label_flash import LabelFlash

    flash = LabelFlash("flash", 0, sector * sectors, sector, unit)
    assert NativeDevice(pack_bytes(2), sector, sectors, unit).fact("capacity") == flash.capacity_bytes


def test_code_that_fills_the_flash_leaves_none() -> None:
    assert label_flash(find_board("stm32f4"), 900 * 1024) is None
