"""What a window costs is that of one window, however many were run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.bundle.bench import bench
from tinyclap_edge.bundle.golden import parity_windows
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.bundle.run import prepare


@pytest.mark.slow
def test_the_median_window_is_counted_whole_and_without_the_start(exports, tmp_path: Path) -> None:
    with open_bundle(exports("stm32f4")) as bundle:
        ready = prepare(bundle, "emulator", tmp_path)
        one, three = bench(ready, 1), bench(ready, 3)
        spec = bundle.spec
    per = three["instructions"]
    assert per["total"] == per["frontend"] + per["encoder"] + per["labels"]
    assert sum(layer["instructions"] for layer in three["layers"]) + per["schedule"] == per["encoder"]
    spread = three["spread"]
    assert spread["windows"] == 3 and spread["least"] <= per["total"] <= spread["most"]
    assert spread["most"] < 1.01 * spread["least"]
    streams = [ready.run_windows(parity_windows(n, spec))[1].instructions.labels for n in (1, 2)]
    second = streams[1] - streams[0]  # a window of a run that has begun
    assert abs(per["labels"] - second) < 200 < streams[0] - second  # checking the pack at start takes thousands
    assert abs(one["instructions"]["labels"] - second) < 200
