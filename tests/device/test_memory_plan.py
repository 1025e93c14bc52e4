"""Regions chosen for code, data and arena, and the linker script that follows."""

from __future__ import annotations

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.memory_plan import LEAST_CODE_BYTES, StaticRam, linker_script, plan_memory
from tinyclap_edge.errors import DoesNotFit

KB = 1024


def test_the_arena_of_an_stm32h7_goes_to_the_largest_block_and_the_stack_to_tightly_coupled_memory() -> None:
    plan = plan_memory(find_board("stm32h7"), 400 * KB)
    assert (plan.code.name, plan.data.name, plan.arena.name) == ("flash", "dtcm", "axi")


def test_data_moves_to_another_region_when_the_arena_leaves_it_no_room() -> None:
    board = find_board("stm32f4")
    assert plan_memory(board, 64 * KB).data.name == "sram"
    assert plan_memory(board, 120 * KB).data.name == "ccm"


def test_an_arena_larger_than_any_region_is_refused_with_region_and_bytes() -> None:
    with pytest.raises(DoesNotFit, match=r"region axi of stm32h7 .* 16 bytes too many") as caught:
        plan_memory(find_board("stm32h7"), 512 * KB + 1)
    assert caught.value.exit_code == 5


def test_what_would_fit_is_named() -> None:
    with pytest.raises(DoesNotFit) as caught:
        plan_memory(find_board("nrf52840"), 300 * KB)
    assert "student" in caught.value.hint and "small" in caught.value.hint
    assert "board" in caught.value.hint and "stm32h7" in caught.value.hint
    assert "esp32c3" not in caught.value.hint  # 320 KB hold the arena, but not stack and data beside it


def test_an_arena_that_leaves_no_room_for_stack_and_data_is_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"stack and data.* region sram of nrf52840"):
        plan_memory(find_board("nrf52840"), 250 * KB)


def test_a_front_end_of_many_rows_is_refused_by_its_own_bytes() -> None:
    """Not by the linker: data is what the front end makes of it, not what the reference one does."""
    many = StaticRam(data_bytes=121 * KB)
    with pytest.raises(
        DoesNotFit, match=r"stack and data: .* region dtcm of stm32h7 .* 1,024 bytes too many"
    ) as caught:
        plan_memory(find_board("stm32h7"), 1 * KB, static=many)
    assert "fewer mel bins" in caught.value.hint


def test_buffers_of_dma_are_counted_beside_arena_and_data() -> None:
    board, left = find_board("nrf52840"), (256 - 8 - 20 - 6) * KB
    assert plan_memory(board, left, static=StaticRam(20 * KB, 6 * KB)).dma.name == "sram"
    with pytest.raises(DoesNotFit, match=r"arena, stack and data, buffers of DMA: .* 32 bytes too many"):
        plan_memory(board, left, static=StaticRam(20 * KB, 6 * KB + 32))


def test_constants_larger_than_the_flash_are_refused_before_anything_is_compiled() -> None:
    with pytest.raises(DoesNotFit, match=r"region flash of stm32f4 .* 7 bytes too many"):
        plan_memory(find_board("stm32f4"), 1 * KB, code_bytes=1024 * KB - LEAST_CODE_BYTES + 7)


def test_the_linker_script_holds_the_boards_addresses_and_the_wanted_stack() -> None:
    text = linker_script(plan_memory(find_board("stm32h7"), 1 * KB, stack_bytes=4 * KB))
    assert "flash (rx) : ORIGIN = 0x08000000, LENGTH = 1835008" in text
    assert "axi (rwx) : ORIGIN = 0x24000000, LENGTH = 524288" in text
    assert ". = . + 4096;" in text and "itcm" not in text


def test_label_slots_stand_in_whole_sectors_behind_the_code() -> None:
    plan = plan_memory(find_board("stm32h7"), 1 * KB)
    assert plan.labels is not None
    assert (plan.labels.address, plan.labels.slot_bytes) == (plan.code.end, 128 * KB)
    assert plan.code.size_bytes + plan.labels.size_bytes == 2048 * KB
    text = linker_script(plan)
    assert "tce_ld_labels_start = 0x081C0000;" in text and "tce_ld_labels_end = 0x08200000;" in text
    assert "tce_ld_labels_sector = 131072;" in text and "tce_ld_labels_unit = 32;" in text


def test_label_slots_of_an_stm32f405_stand_between_its_vectors_and_its_code() -> None:
    plan = plan_memory(find_board("stm32f4"), 1 * KB, code_bytes=800 * KB)
    assert plan.labels is not None and plan.vectors is not None
    assert (plan.vectors.address, plan.vectors.end, plan.labels.end) == (0x08000000, plan.labels.address, 0x0800C000)
    assert (plan.code.address, plan.code.end) == (0x0800C000, 0x08100000)
    text = linker_script(plan)
    assert "vectors (rx) : ORIGIN = 0x08000000, LENGTH = 16384" in text and "} > vectors" in text


def test_buffers_of_dma_go_where_it_reaches() -> None:
    regions = {name: plan_memory(find_board(name), 100 * KB).dma.name for name in ("stm32h7", "stm32f4", "rp2040")}
    assert regions == {"stm32h7": "sram4", "stm32f4": "sram", "rp2040": "sram"}
    board = find_board("stm32f4")
    assert plan_memory(board, 120 * KB).data.name == "ccm" and plan_memory(board, 120 * KB).dma.name == "sram"
    with pytest.raises(DoesNotFit):
        plan_memory(board, 127 * KB)


def test_an_encoder_that_needs_the_flash_itself_leaves_no_label_slots() -> None:
    plan = plan_memory(find_board("stm32f4"), 1 * KB, code_bytes=900 * KB)
    assert plan.labels is None and plan.code.size_bytes == 1024 * KB
    assert "tce_ld_labels_start = 0x00000000;" in linker_script(plan)
