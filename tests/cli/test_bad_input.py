"""Bad input, verb by verb: one clear error, the right exit code, nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli.command import cli, refused

EXPORT = ("export", "--board", "stm32f4", "--student", "small")


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "tone.wav", 0.3 * np.sin(np.arange(48000) / 9), 16000)
    return tmp_path / "tone.wav"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("", ["label"]),
        (" , ,", ["label"]),
        ("rain,dog barking,rain", ["rain"]),
        (",".join(f"sound {i}" for i in range(2000)), ["2000", "256"]),
        ("x" * 65, ["64"]),
        ("é" * 33, ["64"]),
        ("a\x07b", ["control"]),
    ],
    ids=["none", "blank", "duplicate", "two thousand", "65 bytes", "66 bytes of UTF-8", "control character"],
)
def test_impossible_labels_are_refused(tmp_path: Path, labels: str, words: list[str]) -> None:
    refused(cli(*EXPORT, "--labels", labels, "--out", str(tmp_path / "out")), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_labels_are_wanted_exactly_once(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    refused(cli(*EXPORT, "--out", out), 2, "--labels")
    (tmp_path / "labels.txt").write_text("rain\n")
    refused(cli(*EXPORT, "--labels", "rain", "--labels-file", str(tmp_path / "labels.txt"), "--out", out), 2)
    refused(cli(*EXPORT, "--labels-file", str(tmp_path / "nothing.txt"), "--out", out), 2, "nothing.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00rain")
    refused(cli(*EXPORT, "--labels-file", str(tmp_path / "binary.txt"), "--out", out), 2, "UTF-8")


def test_a_label_outside_the_bank_without_the_text_tower_names_the_line_to_install(tmp_path: Path) -> None:
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "transformers.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'transformers'\", name='transformers')\n"
    )
    code_path = os.pathsep.join([str(hide), *(p for p in __import__("sys").path if p)])
    label = "a purple zeppelin humming backwards"
    done = cli(*EXPORT, "--labels", label, "--out", str(tmp_path / "out"), env={"PYTHONPATH": code_path})
    refused(done, 3, label, "tinyclap-edge[teachers]")
    assert not (tmp_path / "out").exists()


def test_an_unknown_board_or_student_is_answered_with_the_nearest(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    refused(cli("export", "--board", "stm32h8", "--labels", "rain", "--out", out), 2, "stm32h7")
    refused(cli("export", "--board", "stm32h7", "--student", "smal", "--labels", "rain", "--out", out), 2, "small")


def test_a_damaged_student_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"\x00" * 100)
    done = cli(
        "export", "--board", "stm32f4", "--student", str(bad), "--labels", "rain", "--out", str(tmp_path / "out")
    )
    refused(done, 7, "bad.safetensors")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(cli(*EXPORT, "--labels", "rain", "--out", str(tmp_path / "file" / "out")), 2, "cannot write")
    refused(cli(*EXPORT, "--labels", "rain", "--out", str(tmp_path)), 2, "no earlier export")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_bad_sound_files_are_refused_before_anything_runs(exports, tmp_path: Path, wav: Path) -> None:
    bundle = ("--bundle", str(exports("stm32f4")))
    (tmp_path / "empty.wav").write_bytes(b"")
    refused(cli("classify", str(tmp_path / "empty.wav"), *bundle), 7, "empty")
    (tmp_path / "cut.wav").write_bytes(wav.read_bytes()[:5000])
    refused(cli("classify", str(wav), str(tmp_path / "cut.wav"), *bundle), 7, "cut off")
    x = np.zeros(16000)
    x[7] = np.nan
    soundfile.write(tmp_path / "nan.wav", x, 16000, subtype="FLOAT")
    refused(cli("classify", str(tmp_path / "nan.wav"), *bundle), 7, "NaN")
    refused(cli("classify", str(tmp_path / "nothing.wav"), *bundle), 2, "nothing.wav")
    refused(cli("classify", *bundle), 2)


def test_stereo_24_bit_files_at_other_rates_are_heard(exports, tmp_path: Path) -> None:
    import json

    files = []
    for rate in (8000, 96000):
        path = tmp_path / f"{rate}.wav"
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (rate * 3, 2)), rate, subtype="PCM_24")
        files.append(str(path))
    done = cli("classify", *files, "--bundle", str(exports("stm32f4")), "--json")
    data = json.loads(done.stdout)["data"]
    assert done.returncode == 0
    assert all(any("resampled" in note for note in file["notes"]) for file in data["files"])
    assert all(len(file["ranking"]) == len(data["labels"]) for file in data["files"])


def test_a_bundle_for_another_board_is_not_mistaken(exports, wav: Path) -> None:
    done = cli("classify", str(wav), "--bundle", str(exports("stm32f4")), "--board", "stm32h7")
    refused(done, 2, "stm32f4", "stm32h7")


def test_no_bundle_and_no_board_asks_for_one(wav: Path) -> None:
    refused(cli("classify", str(wav)), 2, "--board")


def test_an_unknown_target_is_refused(exports, wav: Path) -> None:
    bundle = ("--bundle", str(exports("stm32f4")))
    refused(cli("classify", str(wav), *bundle, "--target", "emulatr"), 2, "python, host, emulator")
    refused(cli("classify", str(wav), *bundle, "--target", ""), 2, "--target", "empty")


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["classify", "{wav}", "--board", "stm32f4", "--target", "emulatr"], 2, "python, host, emulator"),
        (["classify", "{wav}", "--board", "esp32s3", "--target", "emulator"], 2, "esp32s3"),
        (["classify", "{wav}", "--board", "esp32c3", "--target", "emulator", "--emulator", "qemu"], 2, "esp32c3"),
        (["classify", "{wav}", "nothing.wav", "--board", "stm32f4"], 2, "nothing.wav"),
        (["bench", "--board", "stm32f4", "--target", "emulatr"], 2, "python, host, emulator"),
        (["bench", "--board", "esp32s3"], 2, "esp32s3"),
        (["bench", "--board", "stm32f4", "--target", "python", "--json-path", "no/such/a.json"], 2, "no/such"),
    ],
)
def test_what_cannot_work_is_refused_before_the_export(args: list[str], code: int, word: str, wav: Path) -> None:
    done = cli(*(str(wav) if a == "{wav}" else a for a in args), cwd=wav.parent)
    refused(done, code, word)
    assert "exporting" not in done.stderr


def test_top_shows_no_more_columns_than_there_are_labels(exports, wav: Path) -> None:
    done = cli("classify", str(wav), "--bundle", str(exports("stm32f4")), "--top", "1000")
    assert done.returncode == 0
    assert "5." in done.stdout and "6." not in done.stdout.split("s  ")[0]
    assert len(done.stdout.splitlines()) < 12


def test_without_a_compiler_the_line_that_installs_one_is_named(exports, tmp_path: Path, wav: Path) -> None:
    hide = tmp_path / "hide"
    (hide / "ziglang").mkdir(parents=True)
    empty = tmp_path / "bin"
    empty.mkdir()
    site = hide / "sitecustomize.py"
    site.write_text(
        "import importlib.util as u\n_find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name.split('.')[0] == 'ziglang' else _find(name, *a)\n"
    )
    path = os.pathsep.join([str(hide), *(p for p in __import__("sys").path if p)])
    for target in ("host", "emulator"):
        done = cli("classify", str(wav), "--bundle", str(exports("stm32f4")), "--target", target,
                   env={"PYTHONPATH": path, "PATH": str(empty), "CC": ""})  # fmt: skip
        refused(done, 3, "pip install")


def test_without_an_emulator_the_line_that_installs_one_is_named(exports, tmp_path: Path, wav: Path) -> None:
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "unicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'unicorn'\", name='unicorn')\n")
    path = os.pathsep.join([str(hide), *(p for p in __import__("sys").path if p)])
    done = cli(
        "classify", str(wav), "--bundle", str(exports("stm32f4")), "--target", "emulator", env={"PYTHONPATH": path}
    )
    refused(done, 3, "tinyclap-edge[emu]")
    assert "preparing" not in done.stderr


def test_build_wants_an_export(tmp_path: Path) -> None:
    refused(cli("build", str(tmp_path / "nothing")), 2, "nothing")
    refused(cli("build", str(tmp_path)), 2, "no manifest.json")
