"""`export` writes everything or nothing, and the same bytes for the same inputs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from named_sounds import LABELS
from students.made_student import made_student

from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.archive import npz_bytes, replacing_export, tree_bytes
from tinyclap_edge.bundle.export import ExportRequest, export_bundle
from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.errors import CorruptFile, DoesNotFit, TinyclapError, UsageError
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.students.presets import find_student


def request(**changes) -> ExportRequest:
    options = {"board": find_board("stm32f4"), "student": find_student("small"), "labels": LABELS} | changes
    return ExportRequest.make(**options)


def test_an_export_holds_everything_that_is_promised(exports) -> None:
    out = exports("stm32h7")
    names = set(tree_bytes(out))
    promised = [
        "encoder.tflite",
        "encoder.onnx",
        "labels.tlp",
        "golden.npz",
        "manifest.json",
        "report.json",
        "report.md",
        "report.html",
    ]
    assert set(promised) <= names
    assert "c/tce_encoder.h" in names and "firmware/platformio.ini" in names
    with zipfile.ZipFile(out / "nucleo-stm32h7.tce") as archive:
        members = set(archive.namelist())
    assert set(promised) <= members and "firmware/toolbox/platforms/tinyclap-bare/.piopm" in members
    assert {n for n in names if "toolbox" not in n} == {n for n in members if "toolbox" not in n} | {
        "nucleo-stm32h7.tce"
    }


def test_a_student_of_another_teacher_is_compared_with_itself_alone(tmp_path: Path) -> None:
    small = "phinet:alpha=0.15,beta=1,t0=2,N=3,compat=1,padding=same,divisor=4"
    student = replace(made_student(small, dim=32), store="ab" * 32)  # the windows' teacher has 384 entries
    drift = export_bundle(request(student=student, r=8), tmp_path / "out").manifest["drift"]
    assert [row["source"] for row in drift] == ["float", "reduced to 8"]


def test_the_same_inputs_give_the_same_bytes_in_two_directories(exports, tmp_path: Path) -> None:
    again = tree_bytes(export_bundle(request(), tmp_path / "elsewhere" / "deeper").out)
    tce = again.pop("small-stm32f4.tce")
    assert tce == (exports("stm32f4") / "small-stm32f4.tce").read_bytes()
    with zipfile.ZipFile(io.BytesIO(tce)) as archive:
        assert again == {name: archive.read(name) for name in archive.namelist()}


def test_no_path_of_this_machine_is_in_an_export(exports) -> None:
    root = str(Path(__file__).resolve().parents[2]).encode()
    assert [name for name, content in tree_bytes(exports("stm32h7")).items() if root in content] == []


def test_a_bundle_opens_from_its_directory_and_from_its_one_file(exports) -> None:
    for path in (exports("stm32h7"), exports("stm32h7") / "nucleo-stm32h7.tce"):
        with open_bundle(path) as bundle:
            assert bundle.board.name == "stm32h7"
            assert bundle.labels == list(LABELS)


def test_the_onnx_is_valid_and_the_pack_belongs_to_the_encoder(exports) -> None:
    out = exports("stm32f4")
    onnx.checker.check_model(onnx.load(out / "encoder.onnx"), full_check=True)
    pack = LabelPack.from_bytes((out / "labels.tlp").read_bytes())
    digest = hashlib.sha256((out / "encoder.tflite").read_bytes()).hexdigest()
    assert pack.encoder_id == digest[:16]
    assert tuple(pack.names) == LABELS


@pytest.mark.parametrize("damage", ["tflite", "manifest", "missing key", "no manifest"])
def test_a_damaged_bundle_is_refused(exports, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exports("stm32f4"), copy, ignore=shutil.ignore_patterns(".*"))
    manifest = json.loads((copy / "manifest.json").read_text())
    if damage == "tflite":
        blob = bytearray((copy / "encoder.tflite").read_bytes())
        blob[len(blob) // 2] ^= 1
        (copy / "encoder.tflite").write_bytes(blob)
    elif damage == "manifest":
        (copy / "manifest.json").write_text("{")
    elif damage == "missing key":
        del manifest["encoder"]
        (copy / "manifest.json").write_text(json.dumps(manifest))
    else:
        (copy / "manifest.json").unlink()
    with pytest.raises((CorruptFile, UsageError)) as error, open_bundle(copy):
        pass
    assert error.value.exit_code == (2 if damage == "no manifest" else 7)


@pytest.mark.parametrize("name", ["../escape", "/absolute", "a/../../b"])
def test_a_bundle_file_whose_member_leaves_its_directory_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tce"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(CorruptFile), open_bundle(path):
        pass
    assert not (tmp_path.parent / "escape").exists()


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.tce"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(CorruptFile), open_bundle(path):
        pass


def test_an_encoder_that_does_not_fit_names_region_and_bytes_and_writes_nothing(tmp_path: Path) -> None:
    import dataclasses

    board = find_board("stm32f4")
    tiny = tuple(dataclasses.replace(r, size_bytes=24 << 10) if r.kind == "ram" else r for r in board.regions)
    with pytest.raises(DoesNotFit) as error:
        export_bundle(request(board=dataclasses.replace(board, regions=tiny)), tmp_path / "out")
    names = "|".join(region.name for region in tiny if region.kind == "ram")
    assert re.search(rf"bytes, region ({names}) of stm32f4 has 24,576: [0-9,]+ bytes too many", error.value.fact)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [{"r": 0}, {"r": 385}, {"r": -1}, {"reduction": "magic"}, {"hop_s": 0.0}, {"hop_s": 9.0}, {"hop_s": float("nan")}],
)
def test_impossible_numbers_are_refused_before_any_work(changes: dict) -> None:
    with pytest.raises(UsageError):
        request(**changes)


@pytest.mark.parametrize("ranges", ["percentile", "mse"])
def test_other_ranges_and_pruning_export_too(ranges: str, tmp_path: Path) -> None:
    done = export_bundle(request(ranges=ranges, reduction="prune", r=32), tmp_path / "out")
    assert done.manifest["encoder"]["r"] == 32
    assert done.manifest["encoder"]["ranges"] == ranges


def test_an_output_that_is_no_export_is_never_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.txt").write_text("do not touch")
    with pytest.raises(UsageError), replacing_export(precious):
        pass
    assert (precious / "thesis.txt").read_text() == "do not touch"


@pytest.fixture()
def earlier(exports, tmp_path: Path) -> Path:
    """An export that may be replaced, with what a build leaves in it."""
    out = tmp_path / "earlier"
    shutil.copytree(exports("stm32f4"), out)
    for name in (".pio/build/firmware.elf", "toolbox/homestate.json", "toolbox/.cache/x"):
        (out / "firmware" / name).parent.mkdir(parents=True, exist_ok=True)
        (out / "firmware" / name).write_text("")
    return out


def content(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_an_earlier_export_is_replaced_whole(earlier: Path) -> None:
    with replacing_export(earlier) as folder:
        (folder / "new").write_text("new")
    assert content(earlier) == {"new": b"new"}
    assert [p.name for p in earlier.parent.iterdir()] == ["earlier"]


def test_an_error_halfway_leaves_the_earlier_export_as_it_was(earlier: Path) -> None:
    before = content(earlier)
    with pytest.raises(RuntimeError), replacing_export(earlier) as folder:
        (folder / "manifest.json").write_text("second")
        raise RuntimeError
    assert content(earlier) == before
    assert [p.name for p in earlier.parent.iterdir()] == ["earlier"]


@pytest.mark.parametrize("name", ["thesis.txt", "firmware/src/mine.c", ".notes", "other-stm32f4.tce", "c/.git/config"])
def test_a_users_own_file_in_an_earlier_export_is_named_and_kept(earlier: Path, name: str) -> None:
    (earlier / name).parent.mkdir(exist_ok=True)
    (earlier / name).write_text("years of work")
    with pytest.raises(UsageError, match=name), replacing_export(earlier):
        pytest.fail("work was begun")
    assert (earlier / name).read_text() == "years of work"


@pytest.mark.parametrize("where", [".", "deeper"])
def test_the_directory_that_one_stands_in_is_not_replaced(earlier: Path, where: str, monkeypatch) -> None:
    (earlier / where).mkdir(exist_ok=True)
    monkeypatch.chdir(earlier / where)
    with pytest.raises(UsageError, match="current directory"), replacing_export(Path("." if where == "." else "..")):
        pytest.fail("work was begun")


def test_an_impossible_output_is_refused_before_any_work(earlier: Path, monkeypatch) -> None:
    monkeypatch.chdir(earlier)
    monkeypatch.setattr("tinyclap_edge.bundle.export.calibration_for", lambda spec: pytest.fail("work was begun"))
    with pytest.raises(UsageError, match="current directory"):
        export_bundle(request(), Path())


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link_to_the_new_export(tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.mkdir()
    link.symlink_to(target)
    with replacing_export(link) as folder:
        (folder / "new").write_text("new")
    assert link.is_symlink() and (target / "new").read_text() == "new"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["link", "new", "target", "there"]


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError), replacing_export(tmp_path / "loop"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError), replacing_export(tmp_path / "out"):
        pass


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError), replacing_export(tmp_path / "file" / "out"):
        pass


def test_archives_of_equal_arrays_are_equal() -> None:
    a, b = (npz_bytes(x=np.arange(5), y=np.zeros((2, 2))) for _ in range(2))
    assert a == b


def test_every_error_has_a_fact_and_a_code() -> None:
    for kind in TinyclapError.__subclasses__():
        assert kind("fact", "hint").exit_code in range(1, 8)
