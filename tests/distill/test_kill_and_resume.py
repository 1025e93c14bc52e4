"""SIGKILL at any step, then --resume: the same bytes as a run that nobody killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

TESTS = Path(__file__).parents[1]
RECIPES = {
    "edge": ["--set", "mixup=0.5", "--set", "mask=0.2", "--set", "anchors=16"],
    "tinyclap": ["--set", "head_share=0.4"],  # five steps, then three of the projection
}


def run(out: Path, recipe: str, *options: str) -> int:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), str(TESTS.parent / "export")])
    command = [sys.executable, str(TESTS / "distill_script.py"), str(out), recipe, "8", *RECIPES[recipe], *options]
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, timeout=300, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "kills"), [("edge", (1, 4)), ("tinyclap", (5, 7))])
def test_a_killed_run_resumes_to_the_same_bytes(recipe: str, kills: tuple[int, ...], tmp_path: Path) -> None:
    assert run(tmp_path / "whole", recipe) == 0
    for kill in kills:  # before the first checkpoint; in a second stage; at the last step of the first one
        out = tmp_path / f"killed-{kill}"
        assert run(out, recipe, "--kill", str(kill)) == -signal.SIGKILL
        assert not (out / "student.safetensors").exists()
        assert run(out, recipe, "--resume") == 0
        assert (out / "student.safetensors").read_bytes() == (tmp_path / "whole" / "student.safetensors").read_bytes()
