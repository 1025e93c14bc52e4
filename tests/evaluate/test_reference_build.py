"""The whole recipe in miniature: from seeds to files that the rest of the package can read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.teachers import text_minilm


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from tinyclap_edge.reference.build import build

    try:
        text_minilm.find_model()
    except ToolMissing as missing:
        pytest.skip(missing.fact)
    work, out = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("out")
    build(work, out, quick=True, processes=2)
    return work, out


@pytest.mark.slow
def test_a_quick_build_writes_a_student_that_reads_back(built: tuple[Path, Path]) -> None:
    from tinyclap_edge.students.file import read_student, reduce_matrix

    student = read_student(built[1] / "small.safetensors")
    assert reduce_matrix(student, 64).shape == (64, 384)
    assert student.card["int8"]["fresh"]["ensemble"]["n"] == 60
    assert student.card["cosine"]["reduced to int8"] > 0.98
    accuracies = json.loads((built[1] / "accuracies.json").read_text())
    assert set(accuracies["students"]) == {"small"} and "shifts" in accuracies["teacher"]


@pytest.mark.slow
def test_a_second_build_repeats_the_files_byte_for_byte(built: tuple[Path, Path], tmp_path: Path) -> None:
    from tinyclap_edge.reference.build import build

    build(built[0], tmp_path, quick=True, processes=1)  # every stage is found done, and finished anew
    for name in ("teacher.safetensors", "small.safetensors", "accuracies.json"):
        assert (tmp_path / name).read_bytes() == (built[1] / name).read_bytes(), name


@pytest.mark.slow
def test_calibration_windows_come_back_within_a_quarter_decibel(built: tuple[Path, Path]) -> None:
    with np.load(built[1] / "calibration.npz") as stored:
        q8 = stored["logmel_q8"]
    pool = np.load(built[0] / "pool-features.npy").astype(np.int32)
    for i in (1, 2, 4, 5):  # every third window, from the first on, is distorted
        assert np.abs(pool - q8[i].astype(np.int32)).max((1, 2)).min() <= 64


def test_another_model_in_place_of_the_text_tower_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(CorruptFile, match="not all-MiniLM"):
        text_minilm.check_model(tmp_path)


def test_a_missing_text_tower_names_the_line_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing) as caught:
        text_minilm.find_model(tmp_path)
    assert "pip install" in caught.value.hint


def test_a_teacher_reads_back_as_it_was_written(tmp_path: Path) -> None:
    import torch

    from tinyclap_edge.teachers.reference import ReferenceTeacher, load_teacher, save_teacher

    torch.manual_seed(0)
    teacher = ReferenceTeacher().to(memory_format=torch.channels_last).eval()  # as it is trained
    save_teacher(tmp_path / "t.safetensors", teacher, {"steps": 3})
    again, card = load_teacher(tmp_path / "t.safetensors")
    q8 = np.random.default_rng(0).integers(-20000, 0, (2, 128, 64)).astype(np.int16)
    cosine = (teacher.embed_db(q8) * again.embed_db(q8)).sum(1)
    assert card == {"steps": 3} and cosine.min() > 0.9999
    (tmp_path / "t.safetensors").write_bytes((tmp_path / "t.safetensors").read_bytes()[:1000])
    with pytest.raises(CorruptFile):
        load_teacher(tmp_path / "t.safetensors")


def test_a_work_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    from tinyclap_edge.errors import UsageError
    from tinyclap_edge.reference.build import build

    (tmp_path / "recipe.txt").write_text("BuildConfig(of_another=1)\n")
    with pytest.raises(UsageError, match="another recipe"):
        build(tmp_path, tmp_path / "out", quick=True)
    assert not (tmp_path / "out" / "teacher.safetensors").exists()
