"""Orders of capacity: the predictor's fit, its held-out correlation, its file, and what the search makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.rank import LEAST_STUDENTS, PROXY, Columns, fit_predictor, rank_correlation, read_predictor
from tinyclap_edge.fit.solver import recommend
from tinyclap_edge.fit.space import Axes

ONE_CORNER = Axes((1.28,), (16000,), (64,), (20.0,), (64,), ((False, False),))


def shapes(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of made-up students."""
    rng = np.random.default_rng(seed)
    return {
        "macs": 10 ** rng.uniform(5.5, 7, count), "params": 10 ** rng.uniform(3.5, 6, count),
        "N": rng.integers(4, 10, count), "frames": rng.choice([64, 128], count),
        "se": rng.random(count) < 0.3, "hswish": rng.random(count) < 0.3,
    }  # fmt: skip


def law(columns: Columns) -> np.ndarray:
    """An accuracy that follows the shape, better where a window is long, worse with many blocks."""
    odds = 0.5 * np.log2(columns["macs"]) - 0.6 * columns["N"] + 0.8 * np.log2(columns["frames"]) - 13
    return 1 / (1 + np.exp(-odds))


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    return shapes(36)


def test_correlations_are_those_of_scipy_with_ties_too() -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = np.array([3, 1, 2, 2, 5, 4, 4, 0]), np.array([2, 1, 3, 1, 9, 4, 5, 5])
    rho, tau = rank_correlation(a, b)
    assert rho == pytest.approx(stats.spearmanr(a, b).statistic)
    assert tau == pytest.approx(stats.kendalltau(a, b).statistic)


def test_an_order_that_follows_the_shape_is_found_on_shapes_held_out(columns: dict[str, np.ndarray]) -> None:
    found = fit_predictor(columns, law(columns).tolist(), 100, "made up")
    assert found.held_out.spearman > 0.95 and found.held_out.kendall > 0.85
    assert found.held_out.spearman > found.proxy.spearman
    others = shapes(50, 1)
    assert rank_correlation(found.score(others), law(others))[0] > 0.95


def test_what_follows_no_shape_is_not_said_to(columns: dict[str, np.ndarray]) -> None:
    """The correlation comes from students that the fit has not seen: on those it has, six features would fit noise."""
    noise = np.random.default_rng(5).uniform(0.1, 0.9, 36)
    assert fit_predictor(columns, noise.tolist(), 100, "made up").held_out.spearman < 0.35


def test_fewer_students_than_a_fit_needs_are_refused() -> None:
    few = shapes(LEAST_STUDENTS)
    with pytest.raises(UsageError, match="fewer than 24") as refused:
        fit_predictor(few, law(few).tolist(), 100, "made up")
    assert "32" in refused.value.hint


def test_a_network_beyond_those_trained_is_said_to_be_extrapolated(columns: dict[str, np.ndarray]) -> None:
    found = fit_predictor(columns, law(columns).tolist(), 100, "made up")
    assert not found.doubt(found.most_macs) and "extrapolated" in found.doubt(2 * found.most_macs)
    assert not PROXY.doubt(1 << 40)


def test_a_predictor_survives_its_file(columns: dict[str, np.ndarray], tmp_path: Path) -> None:
    found = fit_predictor(columns, law(columns).tolist(), 100, "made up")
    path = tmp_path / "rank.json"
    path.write_text(json.dumps(found.to_dict()))
    assert read_predictor(path) == found


@pytest.mark.parametrize(
    "change",
    [
        {"weight": [1.0]}, {"scale": [0.0] * 6}, {"mean": [float("nan")] * 6}, {"features": ["size"]},
        {"schema_version": 9}, {"held_out": 1}, {"surplus": 1}, {"mean": "abcdef"},
    ],
)  # fmt: skip
def test_a_damaged_predictor_is_refused(change: dict[str, Any], columns: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "rank.json"
    path.write_text(json.dumps({**fit_predictor(columns, law(columns).tolist(), 100, "made up").to_dict(), **change}))
    with pytest.raises(CorruptFile):
        read_predictor(path)


def test_a_predictor_that_is_not_there_is_a_matter_of_usage() -> None:
    with pytest.raises(UsageError, match="no predictor"):
        read_predictor("absent.json")


class FewParameters:
    """An order that wants the smallest."""

    def score(self, columns: Columns) -> np.ndarray:
        return 1 / np.asarray(columns["params"], float)

    def describe(self) -> str:
        return "fewest parameters"

    def doubt(self, macs: int) -> str:
        return ""


def test_the_search_takes_the_order_that_it_is_given() -> None:
    board, budgets = find_board("stm32f4"), Budgets(latency_s=0.05)
    small = recommend(board, budgets, axes=ONE_CORNER, capacity=FewParameters())
    large = recommend(board, budgets, axes=ONE_CORNER)
    assert small.recommended.params < 0.1 * large.recommended.params
    assert small.capacity == "fewest parameters" and "proxy" in large.capacity


def test_the_shipped_predictor_is_the_fit_of_the_students_that_were_trained() -> None:
    pytest.importorskip("torch")
    from benchmarks.rank import STEPS, TASK, columns, score
    from benchmarks.store import load_results

    rows = load_results()["rank"]["students"]
    shipped = read_predictor()
    assert len({row["configuration"] for row in rows}) == shipped.students >= 32
    again = fit_predictor(columns(rows), [score(row) for row in rows], STEPS, TASK)
    assert again.weight == pytest.approx(shipped.weight, abs=1e-5) and again.held_out == shipped.held_out
