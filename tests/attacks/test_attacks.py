"""Hostile .tflite files are refused with the promised exit code, in words, in time, and nothing is written."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from attacks.make_attacks import HERE, attacks, expected, sound
from cli.command import cli, refused
from tinyclap_export.errors import ExportError

from tinyclap_edge.boards import find_board
from tinyclap_edge.engine.compile_model import compile_model, generate_library
from tinyclap_edge.engine.model_file import read_model

EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


def test_the_files_are_what_the_script_writes() -> None:
    made = {f"{a.name}.tflite": a.data for a in attacks()} | {"sound.tflite": sound()}
    assert {p.name: p.read_bytes() for p in HERE.glob("*.tflite")} == made
    assert (HERE / "expected.json").read_text(encoding="utf-8") == expected(attacks())


def test_there_are_many_and_they_are_small() -> None:
    assert len(EXPECTED) >= 80
    assert all((HERE / name).stat().st_size < 16_384 for name in EXPECTED)
    assert {case["exit_code"] for case in EXPECTED.values()} == {5, 7}


def test_the_file_behind_them_is_sound(tmp_path: Path) -> None:
    library = generate_library(read_model(HERE / "sound.tflite"), tmp_path / "c", "model", "portable", "auto")
    assert library.macs == read_model(HERE / "sound.tflite").graph.macs()


def test_a_dynamic_batch_is_one_where_the_user_says_so() -> None:
    for name in ("shape-dynamic", "shape-signature-dynamic"):
        assert read_model(HERE / f"{name}.tflite", batch_one=True).graph.tensors["x"].shape == (1, 8, 8, 1)
    with pytest.raises(ExportError, match="dynamic"):
        read_model(HERE / "shape-signature-dynamic-rows.tflite", batch_one=True)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_attack_is_refused_with_its_code_its_words_and_a_way_out(name: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(ExportError) as caught:
        compile_model(read_model(HERE / name), find_board("stm32f4"), tmp_path / "out", "auto", "model")
    assert time.perf_counter() - start < 5
    error = caught.value
    assert error.exit_code == EXPECTED[name]["exit_code"], error.fact
    assert error.fact and error.hint
    for word in EXPECTED[name]["words"]:
        assert word in f"{error.fact}\n{error.hint}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["eight-bytes", "custom-operator", "shape-signature-dynamic", "weights-float-hybrid", "buffer-offset"]
)
@pytest.mark.parametrize("verb", ["compile", "run"])
def test_a_user_sees_one_sentence_one_hint_and_the_exit_code(name: str, verb: str, tmp_path: Path) -> None:
    arguments = ["--inputs", str(tmp_path / "x.npz")] if verb == "run" else []
    shutil.copy(HERE / f"{name}.tflite", tmp_path / "m.tflite")
    done = cli(verb, str(tmp_path / "m.tflite"), "--board", "stm32f4", "--out", str(tmp_path / "out"), *arguments)
    refused(done, EXPECTED[f"{name}.tflite"]["exit_code"])
    assert "hint: " in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.tflite"]
