"""A board's own measurement in place of the published figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.measurements import ENVIRONMENT_VARIABLE, Measurement, measurement_path, write_measurement
from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.fit.configuration import parse_configuration
from tinyclap_edge.fit.cost import Cost, cost_of


def cost() -> Cost:
    return cost_of(parse_configuration("small"), find_board("stm32f4"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_measured_board_answers_with_its_own_cycles_and_says_so(folder: Path) -> None:
    before = cost()
    write_measurement(Measurement.make("stm32f4", 14_000_000, 10_000_000, 160_000_000, "ab" * 32))
    after = cost()
    assert (before.latency.kind, after.latency.kind, after.hop.kind) == ("estimated", "measured", "measured")
    told = sum(after.instructions.values())
    assert after.hop.typical_s == pytest.approx(told * 1.4 / 160e6) == after.hop.low_s == after.hop.high_s
    assert "abababab" in after.latency.source and "14,000,000 cycles" in after.latency.source
    assert after.instructions == before.instructions and after.regions == before.regions


def test_a_measurement_of_one_board_is_not_taken_for_another(folder: Path) -> None:
    write_measurement(Measurement.make("stm32h7", 14_000_000, 10_000_000, 160_000_000, "ab" * 32))
    assert cost().latency.kind == "estimated"


def test_a_damaged_measurement_is_told_not_passed_over(folder: Path) -> None:
    path = measurement_path("stm32f4")
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(CorruptFile):
        cost()
