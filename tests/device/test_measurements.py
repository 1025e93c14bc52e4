"""What a board was measured at is kept in a file that is read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyclap_edge.device.measurements import (
    ENVIRONMENT_VARIABLE,
    Measurement,
    measurement_path,
    measurements_dir,
    read_measurement,
    write_measurement,
)
from tinyclap_edge.errors import CorruptFile, UsageError

SHA = "ab" * 32


def measured(**changes) -> Measurement:
    values = {"board": "stm32f4", "cycles": 12_000_000, "instructions": 10_000_000, "clock_hz": 168_000_000}
    return Measurement.make(**{**values, "encoder_sha256": SHA, **changes})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = write_measurement(measured(), tmp_path)
    assert path == tmp_path / "measured" / "stm32f4.json"
    found = read_measurement("stm32f4", tmp_path)
    assert found == measured() and found.cycles_per_instruction == 1.2 and found.provenance == "measured"
    assert found.seconds == pytest.approx(12 / 168)
    assert [p.name for p in path.parent.iterdir()] == ["stm32f4.json"]


def test_a_board_that_was_never_measured_has_none(tmp_path: Path) -> None:
    assert read_measurement("rp2040", tmp_path) is None


def test_a_later_measurement_replaces_the_earlier_one(tmp_path: Path) -> None:
    write_measurement(measured(), tmp_path)
    write_measurement(measured(cycles=15_000_000), tmp_path)
    assert read_measurement("stm32f4", tmp_path).cycles_per_instruction == 1.5


def test_the_folder_is_the_options_then_the_environments_then_the_users(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    assert measurements_dir() == tmp_path / "user" / "tinyclap-edge"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "environment"))
    assert measurements_dir() == tmp_path / "environment"
    assert measurements_dir(tmp_path / "option") == tmp_path / "option"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cycles": -1}, "above zero"), ({"cycles": 1.5}, "cycles is 1.5"), ({"cycles": True}, "cycles is True"),
        ({"cycles_per_instruction": 2.0}, "are not 2.0 an instruction"),
        ({"cycles_per_instruction": float("nan")}, "are not nan an instruction"),
        ({"encoder_sha256": "abc"}, "no SHA-256"), ({"date": "tomorrow"}, "tomorrow"), ({"board": "../x"}, "no board"),
        ({"provenance": "emulated"}, "provenance"), ({"colour": 1}, "colour is not known"),
        ({"board": "rp2040"}, "it is of rp2040"), ({"schema_version": 2}, "schema 1"),
    ],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    path = write_measurement(measured(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CorruptFile, match=said) as caught:
        read_measurement("stm32f4", tmp_path)
    assert "measure again" in caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", "{" * 100_000, "x" * (1 << 17), "\xff"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    path = measurement_path("stm32f4", tmp_path)
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    with pytest.raises(CorruptFile):
        read_measurement("stm32f4", tmp_path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = write_measurement(measured(), tmp_path)
    content = json.loads(path.read_text())
    del content["clock_hz"]
    path.write_text(json.dumps(content))
    with pytest.raises(CorruptFile, match="clock_hz is missing"):
        read_measurement("stm32f4", tmp_path)


def test_figures_that_no_board_can_have_are_not_stored() -> None:
    for cycles, instructions in ((0, 10), (10, 0), (10, 100_000)):
        with pytest.raises(UsageError, match="cannot have been measured"):
            measured(cycles=cycles, instructions=instructions)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "measured").write_text("a file")
    with pytest.raises(UsageError, match="cannot write the measurement"):
        write_measurement(measured(), tmp_path)


def test_a_name_that_leaves_the_folder_is_no_board(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no board's name"):
        read_measurement("../../etc/passwd", tmp_path)
