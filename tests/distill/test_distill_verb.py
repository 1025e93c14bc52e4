"""`distill` as a user runs it: from sounds to a store to a student that `export` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.command import cli, refused
from students.made_student import made_student

pytest.importorskip("torch")

SMALL = "phinet:alpha=0.2,beta=1,t0=2,N=3,compat=1,padding=same"
SHORT = [
    "--student",
    SMALL,
    "--steps",
    "4",
    "--set",
    "batch=8",
    "--set",
    "checkpoint_every=2",
    "--set",
    "r=16",
    "--set",
    "anchors=16",
]


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
    done = cli(
        "distill", "--recipe", "edge", "--store", store, "--out", str(run), *SHORT, "--set", "qat_steps=3", "--json"
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)["data"]
    assert record["status"] == "done" and "accuracy" in record["result"]["validation"]
    refused(cli("distill", "--recipe", "edge", "--store", store, "--out", str(run), *SHORT), 2, "--resume continues it")
    shown = json.loads(cli("students", "show", str(run / "student.safetensors"), "--json").stdout)["data"]
    assert shown["taught_by"]["identity"] == record["teacher"]["identity"]
    assert shown["taught_by"]["store"] == record["store"]["manifest_sha256"]
    student = str(run / "student.safetensors")
    out = str(tmp_path / "bundle")
    exported = cli("export", "--student", student, "--board", "stm32h7", "--labels", "rain, piano", "--out", out)
    assert exported.returncode == 0, exported.stderr
    _trained_scales_are_in_the_file(run / "student.safetensors", tmp_path / "bundle" / "encoder.tflite")
    examined = cli("evaluate", out, "--student", student, "--data", "sounds:30", "--json")
    assert examined.returncode == 0, examined.stderr
    assert json.loads(examined.stdout)["data"]["tasks"]["zero-shot"]["accuracy"]["n"] == 30
    refused(cli("evaluate", out, "--data", "sounds:30"), 2, "has no text side here", "--student")
    refused(
        cli("evaluate", out, "--student", str(other_student(tmp_path)), "--data", "sounds:30"), 2, "was not made of"
    )


def _trained_scales_are_in_the_file(student: Path, tflite: Path) -> None:
    """Every scale and zero point that training chose is in the .tflite, float32 for float32."""
    from tinyclap_export.quantize import activation_quant
    from tinyclap_export.tflite_reader import read_tflite

    from tinyclap_edge.distill.qat_record import read_record
    from tinyclap_edge.students.file import read_student

    record, graph = read_record(read_student(student)), read_tflite(tflite.read_bytes())
    assert record is not None and record.steps == 3
    found = {name: t.quant for name, t in graph.tensors.items() if name in record.ranges}
    assert len(found) > 10
    for name, quant in found.items():
        wanted = activation_quant(*record.ranges[name])
        assert quant is not None and (quant.s, quant.z) == (wanted.s, wanted.z), name
    weighted = {op.name: graph.tensors[op.inputs[1]].quant for op in graph.ops if op.name in record.weight_scales}
    assert weighted.keys() == record.weight_scales.keys()
    for name, quant in weighted.items():
        assert quant is not None and quant.scale.tolist() == record.weight_scales[name].tolist(), name


def other_student(folder: Path) -> Path:
    from tinyclap_edge.students.file import write_student

    write_student(folder / "other.safetensors", made_student("phinet:alpha=0.3,t0=2,N=4,compat=1", 384))
    return folder / "other.safetensors"
