"""Two and four processes are one: the same loss curve on the same global batch, batch norm and contrastive loss included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this torch has no gloo", allow_module_level=True)

TESTS = Path(__file__).parents[1]


def curve(folder: Path, recipe: str, processes: int, *settings: str) -> np.ndarray:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), str(TESTS.parent / "export")])
    out = folder / f"{recipe}-{processes}"
    run = [str(TESTS / "distill_script.py"), str(out), recipe, "10", "--curve", str(out) + ".json"]
    for setting in settings:
        run += ["--set", setting]
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([*launch, *run], env=environment, timeout=300, check=True, capture_output=True)
    assert (out / "student.safetensors").is_file()
    return np.array(json.loads(Path(str(out) + ".json").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        # a small rate: a large one makes rounding grow a hundredfold in ten steps
        ("edge", ["crops=2", "consistency=0.5", "mixup=0.5", "mask=0.2", "anchors=16", "learning_rate=0.002"]),
        ("ssondo", ["loss=infonce", "hidden=16", "dropout=0", "clusters=4"]),
        ("encoder-kd", ["shared=8"]),
    ],
)
def test_processes_give_the_curve_of_one(recipe: str, settings: list[str], tmp_path: Path) -> None:
    alone = curve(tmp_path, recipe, 1, *settings)
    counts = (2, 4) if recipe == "edge" else (2,)
    for processes in counts:
        assert np.abs(curve(tmp_path, recipe, processes, *settings) - alone).max() < 1e-4


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    from tinyclap_edge.distill.processes import World
    from tinyclap_edge.errors import UsageError

    assert World(1, 2).slice_of(8) == slice(4, 8)
    with pytest.raises(UsageError) as caught:
        World(0, 3).slice_of(64)
    assert "batch=66" in caught.value.hint
