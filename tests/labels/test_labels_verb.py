"""`labels encode` and `labels show`: files in, files out, errors in words."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from named_sounds import LABELS
from tinyclap_export.errors import ExportError

from tinyclap_edge.cli import output
from tinyclap_edge.cli.labels import command
from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.students.file import StudentFile, write_student
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch
from tinyclap_edge.students.presets import find_student

ARCH = "phinet:alpha=0.2,beta=1,t0=2,N=3"


@pytest.fixture(autouse=True)
def plain_output_afterwards(monkeypatch):
    monkeypatch.setattr(output, "_quiet_json", False)  # --json holds for a process, and this one runs other tests too


@pytest.fixture(scope="module")
def student_path(tmp_path_factory):
    rng = np.random.default_rng(0)
    tensors = {k: rng.normal(size=s).astype(np.float32) for k, s in tensor_shapes(parse_arch(ARCH), 12).items()}
    projection = rng.normal(size=(12, 384)).astype(np.float32)
    student = StudentFile(
        "s", ARCH, 12, FrontendSpec(), tensors, np.eye(12), np.arange(12), projection, np.zeros(12), default_r=8
    )
    path = tmp_path_factory.mktemp("student") / "s.safetensors"
    write_student(path, student)
    return str(path)


def run(*arguments: str) -> dict:
    """The data of one verb; its errors are raised as the command line's frame would meet them."""
    done = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    if done.exception:
        raise done.exception
    return json.loads(done.stdout)


def test_words_become_a_pack_that_show_can_read(student_path, tmp_path):
    out, listed = str(tmp_path / "labels.tlp"), tmp_path / "more.txt"
    listed.write_text("\ufeffglass breaking\nrain\n\n", encoding="utf-8")
    encoded = run("encode", "dog barking", "--labels-file", str(listed), "--student", student_path, "--out", out)
    assert encoded["data"]["dim"] == 8 and "bound to no encoder" in encoded["warnings"][0]
    shown = run("show", out)["data"]
    assert [x["name"] for x in shown["labels"]] == ["dog barking", "glass breaking", "rain"]
    assert shown["frontend_id"] == FrontendSpec().frontend_id and shown["encoder_id"] == "0" * 16
    assert LabelPack.from_bytes((tmp_path / "labels.tlp").read_bytes()).dim == 8


def test_the_plain_answer_is_a_table_on_stdout(student_path, tmp_path):
    out = str(tmp_path / "labels.tlp")
    run("encode", "dog barking", "--student", student_path, "--r", "5", "--out", out)
    done = CliRunner().invoke(command, ["show", out], standalone_mode=False)
    assert "dog barking" in done.stdout and "none in particular" in done.stdout and "r = 5" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["encode"], UsageError, "no labels"),
        (["encode", "rain", "--r", "13"], UsageError, "r=13"),
        (["encode", "rain", "--labels-file", "absent.txt"], UsageError, "no label file"),
        (["encode", "rain", "--encoder", "absent.tflite"], UsageError, "no encoder"),
        (["encode", "rain", "--encoder", "."], UsageError, "no export"),
    ],
)
def test_requests_that_cannot_be_met_say_why_and_write_nothing(arguments, error, says, student_path, tmp_path):
    with pytest.raises(error, match=says):
        run(*arguments, "--student", student_path, "--out", str(tmp_path / "x.tlp"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_encoder_is_refused(student_path, tmp_path):
    encoder = tmp_path / "encoder.tflite"
    encoder.write_bytes(b"TFL3 but not really" * 10)
    with pytest.raises(ExportError) as caught:
        run("encode", "rain", "--student", student_path, "--encoder", str(encoder), "--out", str(tmp_path / "x.tlp"))
    assert caught.value.exit_code == 7 and not (tmp_path / "x.tlp").exists()


@pytest.mark.parametrize("file", ["", "small-stm32f4.tce"])
def test_a_pack_for_an_export_takes_student_and_reduction_from_it(exports, tmp_path, file):
    export, out = exports("stm32f4"), tmp_path / "labels.tlp"
    run("encode", *LABELS, "--encoder", str(export / file), "--out", str(out))
    assert out.read_bytes() == (export / "labels.tlp").read_bytes()
    run("encode", *LABELS, "--encoder", str(export / file), "--student", "small", "--out", str(out))
    assert out.read_bytes() == (export / "labels.tlp").read_bytes()


@pytest.mark.parametrize("options", [["--student", "esp"], ["--r", "32"], ["--reduction", "prune"]])
def test_a_pack_for_an_export_of_something_else_is_refused(exports, tmp_path, options):
    with pytest.raises(UsageError, match="was exported"):
        run("encode", "rain", "--encoder", str(exports("stm32f4")), *options, "--out", str(tmp_path / "x.tlp"))
    assert list(tmp_path.iterdir()) == []


def test_a_student_trained_anew_under_the_same_name_is_refused(exports, tmp_path, monkeypatch):
    found = find_student("small")
    projection = found.text_projection + np.float32(1e-3)
    retrained = dataclasses.replace(found, text_projection=projection)
    monkeypatch.setattr("tinyclap_edge.students.presets.find_student", lambda name: retrained)
    with pytest.raises(UsageError, match="was exported"):
        run("encode", "rain", "--encoder", str(exports("stm32f4")), "--out", str(tmp_path / "x.tlp"))


def test_without_an_export_the_student_must_be_named(exports, tmp_path):
    for encoder in ([], ["--encoder", str(exports("stm32f4") / "encoder.tflite")]):
        with pytest.raises(UsageError, match="which student"):
            run("encode", "rain", *encoder, "--out", str(tmp_path / "x.tlp"))


def test_a_directory_that_cannot_be_written_is_a_usage_error(student_path, tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        run("encode", "rain", "--student", student_path, "--out", str(tmp_path / "absent" / "x.tlp"))


def test_labels_that_are_not_text_are_refused(student_path, tmp_path):
    listed = tmp_path / "labels.txt"
    listed.write_bytes(b"\xff\xfe\x00rain")
    with pytest.raises(UsageError, match="not UTF-8"):
        run("encode", "--labels-file", str(listed), "--student", student_path, "--out", str(tmp_path / "x.tlp"))


def test_show_refuses_damage_and_absence(student_path, tmp_path):
    out = tmp_path / "labels.tlp"
    run("encode", "rain", "--student", student_path, "--out", str(out))
    out.write_bytes(out.read_bytes()[:-1])
    with pytest.raises(CorruptFile):
        run("show", str(out))
    with pytest.raises(TinyclapError, match="no label pack"):
        run("show", str(tmp_path / "absent.tlp"))
