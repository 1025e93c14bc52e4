"""A bundle that was damaged, forged or made by another version is refused in words, before anything of it is used."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyclap_edge.bundle.read import open_bundle
from tinyclap_edge.device.build import build
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.errors import CorruptFile

TCE = "small-stm32f4.tce"
NESTED = "[" * 100_000


@pytest.fixture()
def copy(exports, tmp_path: Path) -> Path:
    """The stm32f4 export as its .tce holds it."""
    with zipfile.ZipFile(exports("stm32f4") / TCE) as archive:
        archive.extractall(tmp_path / "copy")
    return tmp_path / "copy"


def refused(path: Path) -> str:
    with pytest.raises(CorruptFile) as error, open_bundle(path):
        pass
    return error.value.fact


def change(copy: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    manifest = json.loads((copy / "manifest.json").read_text())
    edit(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def zipped(copy: Path, path: Path, extra: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in copy.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(copy))
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", 99), ("schema_version", True), ("sha256", []), ("sha256", None), ("sha256", {}),
        ("sha256", {"encoder.tflite": 5}), ("labels", 5), ("labels", []), ("labels", ["dog barking"]), ("labels", [1]),
        ("board", None), ("board", "no such board"), ("board", "\ud800"), ("frontend", []), ("frontend", {"id": "x"}),
        ("hop_frames", "x"), ("hop_frames", 0), ("hop_frames", -1), ("hop_frames", 10**9), ("hop_frames", True),
        ("encoder", "x"), ("encoder", {}), ("parity", []), ("layers", {}), ("layers", [5]), ("drift", None),
        ("memory", [{}]),
    ],
)  # fmt: skip
def test_a_manifest_with_a_value_that_no_export_writes_is_refused(copy: Path, key: str, value: Any) -> None:
    assert "manifest.json" in refused(change(copy, lambda manifest: manifest.update({key: value})))


@pytest.mark.parametrize("key", ["id", "r"])
def test_a_manifest_that_contradicts_the_files_is_refused(copy: Path, key: str) -> None:
    assert "manifest.json" in refused(
        change(copy, lambda manifest: manifest["encoder"].update({key: {"id": "0" * 16, "r": 7}[key]}))
    )


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", "5", NESTED, '{"a": ' + "9" * 5000 + "}", "\udcff", '{"board": NaN}']
)
def test_a_manifest_that_is_no_table_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "manifest.json" in refused(copy)


@pytest.mark.parametrize("name", ["encoder.tflite", "encoder.onnx", "labels.tlp"])
def test_a_file_that_every_bundle_needs_cannot_be_left_out_of_the_manifest(copy: Path, name: str) -> None:
    assert name in refused(change(copy, lambda manifest: manifest["sha256"].pop(name)))


@pytest.mark.parametrize("name", ["../copy/encoder.tflite", "/etc/hostname"])
def test_a_manifest_names_no_file_outside_its_directory(copy: Path, name: str) -> None:
    assert name in refused(change(copy, lambda manifest: manifest["sha256"].update({name: "0" * 64})))


def test_every_file_of_an_export_is_held_to_the_manifest(copy: Path) -> None:
    named = json.loads((copy / "manifest.json").read_text())["sha256"]
    files = {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()}
    own = {name for name in files if name.startswith(("manifest.json", "report.", "firmware/toolbox/"))}
    assert files - own == set(named)
    assert all(hashlib.sha256((copy / name).read_bytes()).hexdigest() == wanted for name, wanted in named.items())


@pytest.mark.parametrize("name", ["firmware/src/main.c", "firmware/platformio.ini", "golden.npz", "c/tce_encoder.c"])
def test_any_changed_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    assert name in refused(copy)
    assert name in refused(zipped(copy, copy.parent / "x.tce"))


@pytest.mark.parametrize("name", ["firmware/src/more.c", "firmware/.pio/build/stm32f4/src/main.o", "thesis.txt"])
def test_a_bundle_file_holds_nothing_but_the_export(copy: Path, name: str) -> None:
    assert name in refused(zipped(copy, copy.parent / "x.tce", {name: b"int x;"}))


def test_a_directory_may_hold_a_users_own_files(copy: Path) -> None:
    (copy / "thesis.txt").write_text("mine")
    with open_bundle(copy) as bundle:
        assert bundle.board.name == "stm32f4"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_compressed_bundle_file_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.tce", "w", method) as archive:
        archive.writestr("manifest.json", b"{}" * 1000)
    assert "x.tce" in refused(tmp_path / "x.tce")


def test_an_encrypted_member_is_refused(copy: Path) -> None:
    path = zipped(copy, copy.parent / "x.tce")
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + at] |= 1
    path.write_bytes(data)
    assert "x.tce" in refused(path)


@pytest.mark.skipif(find_zig() is None, reason="zig is not installed")
def test_the_firmware_builds_from_the_one_file_without_a_network(exports, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with open_bundle(exports("stm32f4") / TCE) as bundle:
        shutil.rmtree(bundle.firmware / "toolbox" / "packages")
        assert build(bundle.firmware).elf.is_file()
    with open_bundle(exports("stm32f4") / TCE) as bundle:
        assert (bundle.firmware / "toolbox" / "platforms" / "tinyclap-bare" / ".piopm").is_file()
        build(bundle.firmware)
        with open_bundle(bundle.folder) as built:  # what PlatformIO leaves behind is no damage
            assert built.manifest == bundle.manifest
