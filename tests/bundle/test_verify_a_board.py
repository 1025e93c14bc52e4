"""An export as an emulated board behind a pty: verify passes what is sound, and names the layer of what is not."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from tinyclap_edge.bundle.board import emulated_board
from tinyclap_edge.bundle.read import Bundle, open_bundle
from tinyclap_edge.bundle.run import prepare
from tinyclap_edge.bundle.serial_target import SerialReady
from tinyclap_edge.bundle.serial_verify import Found, verify_serial
from tinyclap_edge.bundle.verify import read_golden

WEIGHTS = "firmware/lib/encoder/tce_encoder_weights.c"
LAYER = 14


def first_window(bundle: Bundle, folder: Path) -> tuple[int, Found] | None:
    pcm, wanted = read_golden(bundle)
    with emulated_board(bundle, folder / "labels.flash") as board:
        ready = prepare(bundle, "serial", Path(), port=board.port)
        assert isinstance(ready, SerialReady)
        return verify_serial(ready, pcm[:1], wanted)


@pytest.mark.slow
def test_a_board_that_runs_the_export_passes(exports, tmp_path: Path) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        assert first_window(bundle, tmp_path) is None


@pytest.mark.slow
def test_a_weight_that_is_off_by_one_is_named_over_the_port(exports, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exports("stm32f4"), copy, ignore=shutil.ignore_patterns(".pio"))
    array = rf"(const int8_t tce_encoder_{LAYER:02d}_weights\[\d+\] = \{{\s*)(-?\d+)"
    text, count = re.subn(array, r"\g<1>(\g<2> > 0 ? \g<2> - 1 : \g<2> + 1)", (copy / WEIGHTS).read_text(), count=1)
    assert count == 1
    (copy / WEIGHTS).write_text(text)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sha256"][WEIGHTS] = hashlib.sha256((copy / WEIGHTS).read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with open_bundle(copy) as bundle:
        found = first_window(bundle, tmp_path)
    assert found is not None and found[0] == 0
    wrong = manifest["layers"][LAYER]["name"]
    assert wrong in (found[1].difference.layer, *found[1].unseen), found[1]
