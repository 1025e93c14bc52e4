"""The image that is flashed, behind a pty: what a PC sees of it is what it would see of the board."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from device.fake_firmware import HOP, ROWS, WINDOW
from device.images import compile_project
from serial_boards import BOARD, PCM, Firmware, pack

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.board_sound import FedSound
from tinyclap_edge.device.chip_board import ChipBoard
from tinyclap_edge.device.link_labels import pull, push
from tinyclap_edge.device.link_monitor import ResetCause, SafeMode
from tinyclap_edge.device.link_port import open_link
from tinyclap_edge.errors import UsageError

PATIENCE_S = 60.0
HOP_FRAMES = 30  # 38 ms: a line of 115,200 baud carries what a window says in less


@pytest.mark.slow
def test_a_flashed_image_hears_answers_and_keeps_its_labels(tmp_path: Path) -> None:
    board, new, flash = find_board(BOARD), pack(20, seed=1).to_bytes(), tmp_path / "labels.flash"
    elf, sound = compile_project(Firmware(tmp_path / "firmware", HOP_FRAMES).project, board, port=True), FedSound()
    with ChipBoard(board, elf, sound, flash) as running, open_link(running.port) as link:
        assert push(link, new).generation == 1
        sound.feed(np.tile(PCM, 3))
        deadline = time.monotonic() + PATIENCE_S
        rows = (3 * len(PCM) - WINDOW) // HOP + 1
        windows = (rows - ROWS) // HOP_FRAMES + 1
        while (status := link.status()).windows < windows and time.monotonic() < deadline:
            pass
        assert (status.safe_mode, status.reset_cause) == (SafeMode.NONE, ResetCause.POWER)
        assert status.windows == windows and (status.dropped_samples, status.overruns, status.missed_windows) == (
            0,
            0,
            0,
        )
        assert status.stack_bytes > 0
    with ChipBoard(board, elf, FedSound(), flash) as running, open_link(running.port) as link:
        assert pull(link) == new and running.resets == 0 and running.running


def test_a_chip_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no models of the chip of stm32l4"):
        ChipBoard(find_board("stm32l4"), tmp_path / "none.elf", FedSound(), tmp_path / "labels.flash")
