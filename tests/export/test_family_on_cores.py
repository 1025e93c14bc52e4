"""The family on emulated cores: each variant of the kernels gives LiteRT's bytes, in every schedule.

A part of the family is run here; HYPOTHESIS_PROFILE=fuzz (`make fuzz`) runs all of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from family_image import run_members

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.device.toolchain import find_zig

CORES = {"rp2040": "Cortex-M0+", "stm32f4": "Cortex-M4", "stm32h7": "Cortex-M7", "stm32u5": "Cortex-M33",
         "mps3-an547": "Cortex-M55", "esp32c3": "RV32IMC"}  # fmt: skip
ALL = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
BATCHES = [range(first, first + 50) for first in range(0, 300, 50)] if ALL else [range(24)]


@pytest.mark.slow
@pytest.mark.skipif(find_zig() is None, reason="zig is not installed")
@pytest.mark.parametrize("schedule", ["layers", "rows"])
@pytest.mark.parametrize("board", CORES)
def test_members_give_litert_bytes_on_a_core(board: str, schedule: str, tmp_path: Path) -> None:
    found = find_board(board)
    if not found.emulator.unicorn and not qemu_available(found):
        pytest.skip("qemu-system-arm is not installed")
    for members in BATCHES:
        wrong = run_members(found, members, schedule, tmp_path / str(members.start), samples=2)
        assert not wrong, f"{CORES[board]}, {schedule}: differing bytes by member {wrong}"
