"""Files that travel with the package are found in a checkout, and their absence is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge import resources
from tinyclap_edge.errors import CorruptFile


def test_a_checkout_finds_its_firmware() -> None:
    assert (resources.firmware_dir() / "frontend" / "tce_logmel.c").is_file()


def test_a_wheel_finds_what_stands_beside_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "tinyclap_edge"
    (package / "_firmware").mkdir(parents=True)
    (package / "_data").mkdir()
    (package / "_data" / "boards.yaml").touch()
    monkeypatch.setattr(resources, "package_dir", lambda: package)
    assert resources.firmware_dir() == package / "_firmware"
    assert resources.data_file("boards.yaml") == package / "_data" / "boards.yaml"


def test_a_missing_file_is_a_damaged_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "package_dir", lambda: tmp_path / "site" / "tinyclap_edge")
    with pytest.raises(CorruptFile, match=r"boards\.yaml"):
        resources.data_file("boards.yaml")
