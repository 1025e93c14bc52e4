"""An export as a serial board: labels of the full size are pushed while it listens, within the time that was promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.board import emulated_board
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.device.link_labels import push, show
from tinyclap_edge.device.link_port import BAUD, open_link
from tinyclap_edge.errors import UsageError
from tinyclap_edge.labels.pack import LabelPack


@pytest.mark.slow
def test_fifty_labels_reach_an_emulated_board_that_listens(exports, tmp_path: Path) -> None:
    with open_bundle(exports("stm32h7")) as bundle:
        own = LabelPack.from_bytes((bundle.folder / "labels.tlp").read_bytes())
        rows = np.random.default_rng(0).integers(-127, 128, (50, own.dim)).astype(np.int8)
        names = tuple(f"a sound of some kind {i}" for i in range(50))
        pack = LabelPack(own.encoder_id, own.frontend_id, names, rows, np.zeros(50, np.int16))
        sound = tmp_path / "noise.wav"
        _write_noise(sound, bundle.spec.sample_rate_hz)
        flash = tmp_path / "labels.flash"
        with emulated_board(bundle, flash, sound, baud=BAUD) as board, open_link(board.port) as link:
            while link.hello().windows < 1:
                pass
            before = link.sent_bytes + link.received_bytes
            device = push(link, pack.to_bytes())
            on_wire = link.sent_bytes + link.received_bytes - before
            windows = device.windows
            while (device := link.hello()).windows < windows + 2:
                pass
            labels = show(link)[1]
    assert on_wire * 10 / BAUD < 1.5
    assert (device.board, device.labels, device.generation) == ("stm32h7", 50, 1)
    assert [label.name for label in labels] == list(names) and any(label.score for label in labels)
    assert 0 < device.stack_bytes < 2048 and device.static_bytes < 32_768


def test_a_board_that_unicorn_has_no_core_of_is_refused(exports, tmp_path: Path, monkeypatch) -> None:
    with open_bundle(exports("stm32h7")) as bundle:
        monkeypatch.setattr(type(bundle), "board", property(lambda self: find_board("mps3-an547")))
        with pytest.raises(UsageError, match="unicorn has no model of mps3-an547"):
            emulated_board(bundle, tmp_path / "labels.flash")


def _write_noise(path: Path, rate_hz: int) -> None:
    import soundfile

    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, rate_hz), rate_hz)
