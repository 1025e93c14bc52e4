"""One set of integers: reference, LiteRT, C on this PC, and three emulated cores give the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.golden import PARITY_WINDOWS, parity_windows
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.run import compare, prepare
from tinyclap_edge.errors import NumbersDiffer

BOARDS = ("stm32h7", "stm32f4", "esp32c3")


@pytest.mark.slow
@pytest.mark.parametrize("board", BOARDS)
def test_200_windows_give_one_digest_on_the_emulated_board_and_on_this_pc(exports, board: str, tmp_path: Path) -> None:
    with open_bundle(exports(board)) as bundle:
        windows = parity_windows(PARITY_WINDOWS, bundle.spec)
        wanted = bundle.manifest["parity"]
        assert wanted["windows"] == PARITY_WINDOWS
        for target in ("host", "emulator"):
            found, _ = prepare(bundle, target, tmp_path, count=False).run_windows(windows)
            assert found.digest() == wanted["digest"], target


@pytest.mark.parametrize("board", BOARDS)
def test_the_file_gives_its_bytes_in_litert_and_tflm(exports, board: str) -> None:
    lint = json.loads((exports(board) / "manifest.json").read_text())["lint"]
    names = {check["name"]: check for check in lint["checks"]}
    assert {"LiteRT BUILTIN_REF", "TFLM"} <= set(names)
    assert all(check["differing"] == 0 and check["values"] > 0 for check in names.values())
    assert lint["findings"] == []


@pytest.mark.qemu
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="QEMU is not installed")
@pytest.mark.parametrize("board", ["mps3-an547", "stm32f4"])
def test_qemu_gives_the_same_bytes_on_cortex_m55_and_m4(exports, board: str, tmp_path: Path) -> None:
    with open_bundle(exports(board)) as bundle:
        ready = prepare(bundle, "emulator", tmp_path, engine="qemu", count=False)
        windows = parity_windows(6, bundle.spec)
        found, _ = ready.run_windows(windows)
        compare(found, bundle.pipeline().run(windows), board)


def test_the_benchmark_accounts_for_every_layer(exports, tmp_path: Path) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        data = bench(prepare(bundle, "emulator", tmp_path), 1)
    per = data["instructions"]
    assert sum(layer["instructions"] for layer in data["layers"]) + per["schedule"] == per["encoder"]
    assert per["schedule"] < 0.05 * per["encoder"]
    assert per["total"] == per["frontend"] + per["encoder"] + per["labels"]
    assert per["frontend"] < 30_000 * 128
    assert 0.5 < data["instructions_per_mac"] < 10
    assert data["stack_bytes"] > 200
    assert data["estimate"]["low_s"] <= data["estimate"]["typical_s"] <= data["estimate"]["high_s"]


def test_a_benchmark_says_where_the_bytes_first_differ(exports) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        stages = bundle.pipeline().run(parity_windows(3, bundle.spec))
    wrong = stages.embeddings.copy()
    wrong[1, 5] ^= 1
    with pytest.raises(NumbersDiffer) as error:
        compare(type(stages)(wrong, stages.scores), stages, "somewhere")
    assert "embedding of window 1 differs" in error.value.fact
    assert "1 values" in error.value.fact


def test_golden_windows_are_the_same_every_time_and_hold_the_corners(exports) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        a, b = (parity_windows(40, bundle.spec) for _ in range(2))
    assert np.array_equal(a, b)
    assert any(not w.any() for w in a)
    assert any(w.max() == 32767 and w.min() == -32768 for w in a)
