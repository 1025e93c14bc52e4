"""`distill` as a user runs it: from sounds to a store to a student that `export` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.command import cli, refused

pytest.importorskip("torch")

SHORT = ["--steps", "4", "--set", "batch=8", "--set", "checkpoint_every=2", "--set", "r=16", "--set", "anchors=16"]


def test_recipes_are_listed_and_shown_with_their_settings() -> None:
    names = [each["name"] for each in json.loads(cli("distill", "--list", "--json").stdout)["data"]]
    assert names == ["edge", "tinyclap", "ssondo", "encoder-kd"]
    shown = json.loads(cli("distill", "--show", "ssondo", "--set", "loss=kl", "--json").stdout)["data"]
    assert shown["settings"]["loss"] == "kl" and shown["settings"]["hidden"] == 1280


def test_what_is_missing_or_misspelt_is_named() -> None:
    refused(cli("distill", "--recipe", "edge", "--out", "x"), 2, "--store is missing")
    refused(cli("distill", "--recipe", "edg", "--store", "s", "--out", "x"), 2, "did you mean 'edge'")
    refused(cli("distill", "--recipe", "edge", "--store", "nowhere", "--out", "x"), 2, "no embedding store")
    refused(cli("distill", "--show", "edge", "--set", "anchor=1"), 2, "did you mean 'anchors'")


@pytest.mark.slow
def test_from_sounds_to_an_export(tmp_path: Path) -> None:
    store, run = str(tmp_path / "store"), tmp_path / "run"
    made = cli("embed", "--teacher", "reference", "--data", "sounds:60", "--out", store, "--features", "--workers", "0")
    assert made.returncode == 0, made.stderr
    done = cli("distill", "--recipe", "edge", "--store", store, "--out", str(run), *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["data"]
    assert record["status"] == "done" and "accuracy" in record["result"]["validation"]
    refused(cli("distill", "--recipe", "edge", "--store", store, "--out", str(run), *SHORT), 2, "--resume continues it")
    student = str(run / "student.safetensors")
    out = str(tmp_path / "bundle")
    exported = cli("export", "--student", student, "--board", "stm32h7", "--labels", "rain, piano", "--out", out)
    assert exported.returncode == 0, exported.stderr
