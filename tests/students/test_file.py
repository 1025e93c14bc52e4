"""A student file is checked before anything is done with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from students.made_student import made_student

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.students.file import read_student, write_student

ARCH = "phinet:alpha=0.3,beta=1,t0=2,N=4,compat=1,padding=same"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_student(tmp_path / "made.safetensors", made_student(ARCH))
    return tmp_path / "made.safetensors"


def test_a_student_survives_writing_and_reading(path: Path) -> None:
    student, again = made_student(ARCH), read_student(path)
    assert again.arch == student.arch and again.frontend == student.frontend and again.default_r == 8
    assert all(np.array_equal(again.tensors[k], v) for k, v in student.tensors.items())
    assert np.array_equal(again.rotation, student.rotation)


def test_the_same_student_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_student(tmp_path / "again.safetensors", made_student(ARCH))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_whose_embeddings_it_learnt_is_kept_and_what_was_written_before_is_still_read(path: Path) -> None:
    known = dataclasses.replace(made_student(ARCH), teacher_identity="0123456789abcdef", store="ab" * 32)
    write_student(path.with_name("known.safetensors"), known)
    again = read_student(path.with_name("known.safetensors"))
    assert (again.teacher_identity, again.store) == ("0123456789abcdef", "ab" * 32)
    old = read_student(path)
    assert (old.teacher_identity, old.store) == ("", "") and b"teacher_identity" not in path.read_bytes()
    write_student(path, dataclasses.replace(known, store="no hash"))
    with pytest.raises(CorruptFile, match="store 'no hash' is no hash"):
        read_student(path)


def test_another_teacher_or_other_weights_of_it_are_refused() -> None:
    student = dataclasses.replace(made_student(ARCH), teacher="msclap-2022", teacher_identity="a" * 16)
    student.require_teacher("msclap-2022", "a" * 16, "the store")
    with pytest.raises(UsageError, match="the store is of 'reference', made learnt from 'msclap-2022'"):
        student.require_teacher("reference", "a" * 16, "the store")
    with pytest.raises(
        UsageError, match=f"the store is of msclap-2022 {'b' * 16}, made learnt from msclap-2022 {'a' * 16}"
    ):
        student.require_teacher("msclap-2022", "b" * 16, "the store")
    made_student(ARCH).require_teacher("reference", "b" * 16, "the store")  # a file of an earlier version does not know


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CorruptFile):
        read_student(path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"PK\x03\x04", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CorruptFile):
        read_student(path)


def test_a_wrong_shape_names_the_tensor(path: Path) -> None:
    student = made_student(ARCH)
    student.tensors["head.weight"] = student.tensors["head.weight"][:, :-1]
    write_student(path, student)
    with pytest.raises(CorruptFile, match="head.weight has shape"):
        read_student(path)


def test_a_missing_tensor_is_named(path: Path) -> None:
    student = made_student(ARCH)
    del student.tensors["head.bias"]
    write_student(path, student)
    with pytest.raises(CorruptFile, match="lacks the tensor student.head.bias"):
        read_student(path)


def test_nan_weights_are_refused(path: Path) -> None:
    student = made_student(ARCH)
    student.tensors["head.bias"][3] = np.nan
    write_student(path, student)
    with pytest.raises(CorruptFile, match="NaN"):
        read_student(path)


def test_weights_of_another_architecture_are_refused(path: Path) -> None:
    write_student(path, dataclasses.replace(made_student(ARCH), arch=ARCH.replace("0.3", "0.4")))
    with pytest.raises(CorruptFile):
        read_student(path)


@pytest.mark.parametrize(
    "changes", [{"arch": "resnet:"}, {"default_r": 0}, {"default_r": 25}, {"reduction": "x"}, {"dim": 0}]
)
def test_impossible_headers_are_refused(path: Path, changes: dict) -> None:
    write_student(path, dataclasses.replace(made_student(ARCH), **changes))
    with pytest.raises(CorruptFile):
        read_student(path)


def test_a_safetensors_file_without_our_header_is_refused(path: Path) -> None:
    save_file(load_file(path), path)
    with pytest.raises(CorruptFile, match="not of the form"):
        read_student(path)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_student(tmp_path / "nothing.safetensors")


def test_an_order_of_fractions_is_refused(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(str(path), framework="np") as handle:
        header, arrays = handle.metadata(), {k: handle.get_tensor(k) for k in handle.keys()}  # noqa: SIM118
    arrays["space.order"] = arrays["space.order"].astype(np.float32)
    save_file(arrays, path, header)
    with pytest.raises(CorruptFile, match="space.order holds float32"):
        read_student(path)
