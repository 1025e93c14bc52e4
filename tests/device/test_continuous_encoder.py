"""An encoder without end in the application: each row is pushed once, and windows come when they would have come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from device.fake_firmware import ARENA, LABEL_PACK, expected_windows, write_parts
from device.images import HOP, fake_config

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.platformio_project import FirmwareParts, write_project


def test_an_encoder_without_end_gives_the_windows_of_the_same_encoder_over_whole_maps(tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", endless=True)
    made = FirmwareParts(parts["encoder"], ARENA, 0, parts["frontend"], LABEL_PACK, parts["labels"])
    project = write_project(tmp_path / "project", find_board("stm32f4"), made, fake_config()).directory
    pcm = np.random.default_rng(3).integers(-20000, 20000, 3000).astype(np.int16)
    target = HostTarget()
    windows = target.run(target.build(project, tmp_path / "program"), pcm).windows
    wanted = expected_windows(pcm, HOP)
    assert len(windows) == len(wanted) > 30
    for got, (embedding, scores) in zip(windows, wanted, strict=True):
        assert np.array_equal(got.embedding, embedding) and np.array_equal(got.scores, scores)
