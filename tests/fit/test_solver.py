"""`fit` as a person meets it: answers for every board, limits that hold, words for what cannot be."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from tinyclap_edge.boards import find_board, load_boards
from tinyclap_edge.errors import CorruptFile, DoesNotFit, UsageError
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve, read_curve
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.configuration import least_rows, parse_configuration, receptive_rows
from tinyclap_edge.fit.cost import Use
from tinyclap_edge.fit.explain import explain
from tinyclap_edge.fit.instruction_model import machine_of
from tinyclap_edge.fit.shipped import best_shipped
from tinyclap_edge.fit.solver import Answer, non_dominated, recommend
from tinyclap_edge.fit.space import Axes, corners, evaluate
from tinyclap_edge.students.phinet_config import parse_arch

SMALL = Axes(rates_hz=(16000,), mels=(64,), hops_ms=(20.0,), rs=(64,), kinds=((False, False),))  # one corner a window
ARCH = "phinet:alpha=0.25,beta=1,t0=3,N=5,se=0,hswish=0,padding=same"


@pytest.fixture(scope="module")
def answer() -> Answer:
    """A tight question on a small board."""
    return recommend(
        find_board("stm32f4"), Budgets(ram_bytes=48 << 10, flash_bytes=200 << 10, latency_s=0.1), axes=SMALL
    )


@pytest.mark.slow
def test_what_is_recommended_keeps_every_budget(answer: Answer) -> None:
    best = answer.recommended
    assert best.ram_bytes <= 48 << 10 and best.flash_bytes <= 200 << 10 and best.latency.typical_s <= 0.1
    assert best.over is None and best.load <= 1


@pytest.mark.slow
def test_nothing_shown_is_beaten_in_everything(answer: Answer) -> None:
    rows = np.array([[c.params * c.macs, -c.ram_bytes, -c.flash_bytes, -c.load] for c in answer.pareto], float)
    best = answer.pareto.index(answer.recommended)
    assert set(range(len(rows))) - {best} <= set(non_dominated(rows).tolist())


@pytest.mark.slow
def test_the_reason_names_the_budget_that_binds(answer: Answer) -> None:
    assert answer.reason.endswith("is what stops a larger one")
    assert json.loads(json.dumps(answer.to_dict()))["recommended"]["latency"]["kind"] == "estimated"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(load_boards()))
def test_every_board_gets_an_answer_or_a_clear_no(name: str) -> None:
    """With a limit on time that every board knows, so that plans stay small."""
    try:
        found = recommend(find_board(name), Budgets(windows_s=(1.28,), latency_s=0.3), axes=SMALL)
    except DoesNotFit as no:
        assert "too many" in no.fact or "estimated" in no.fact
    else:
        assert found.recommended.over is None


def test_five_thousand_configurations_a_second() -> None:
    board = find_board("stm32f4")
    corner = corners(Axes(), board)[0]
    started = time.process_time()
    found = evaluate(corner, machine_of(board), Use())
    assert len(found) / (time.process_time() - started) > 5000


def test_a_limit_that_nothing_meets_is_answered_with_bytes_and_with_what_would_fit() -> None:
    with pytest.raises(DoesNotFit) as no:
        recommend(find_board("stm32f4"), Budgets(ram_bytes=4 << 10, windows_s=(1.28,)), axes=SMALL)
    assert "4,096" in no.value.fact and "too many" in no.value.fact
    assert no.value.hint.count("phinet:") == 3
    assert no.value.exit_code == 5


@pytest.mark.parametrize(
    ("budgets", "word"),
    [
        (Budgets(ram_bytes=0), "--ram"),
        (Budgets(ram_bytes=-1), "--ram"),
        (Budgets(flash_bytes=1 << 40), "--flash"),
        (Budgets(latency_s=0.0), "--latency-ms"),
        (Budgets(latency_s=float("nan")), "--latency-ms"),
        (Budgets(windows_s=(-1.0,)), "--window"),
        (Budgets(windows_s=(1e9,)), "--window"),
        (Budgets(windows_s=(1.0,), use=Use(hop_s=2.0)), "hop"),
        (Budgets(use=Use(labels=0)), "--labels"),
    ],
)
def test_absurd_and_contradictory_limits_are_refused(budgets: Budgets, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        recommend(find_board("stm32f4"), budgets)
    assert word in refused.value.fact and refused.value.exit_code == 2


def test_a_window_shorter_than_every_receptive_field_is_refused() -> None:
    with pytest.raises(UsageError, match="receptive field"):
        recommend(find_board("stm32f4"), Budgets(windows_s=(0.1,), use=Use(hop_s=0.1)))


def test_a_configuration_with_too_short_a_window_says_how_long_it_must_be() -> None:
    with pytest.raises(UsageError) as refused:
        parse_configuration(f"{ARCH.replace('N=5', 'N=9')};window_s=0.5")
    assert "2.52 s" in refused.value.hint


def test_the_receptive_field_grows_with_depth_as_counted_by_hand() -> None:
    net = parse_arch("phinet:alpha=0.5,N=3,se=0,hswish=0,padding=same")
    assert receptive_rows(net) == 27  # 3, +2*2, +2*2, +2*4, +2*4
    assert least_rows(net) == 14


def test_a_configuration_survives_its_own_text() -> None:
    configuration = parse_configuration(f"{ARCH};rate=8000,mels=32,hop_ms=16,window_s=1.28,r=24")
    assert parse_configuration(configuration.text()) == configuration


@pytest.mark.parametrize(
    "text", [f"{ARCH};mel=64", f"{ARCH};r=x", f"{ARCH};r=2.5", f"{ARCH};window_s=nan", "phinet:q=1"]
)
def test_a_configuration_that_says_nothing_known_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_configuration(text)


def test_the_longer_window_is_taken_where_the_curve_says_that_it_hears_better() -> None:
    board, budgets = find_board("stm32h7"), Budgets(windows_s=(1.28, 2.56), latency_s=0.01)
    for curve, wanted in (({1.28: 0.7, 2.56: 0.9}, 2.56), ({1.28: 0.9, 2.56: 0.7}, 1.28)):
        assert recommend(
            board, budgets, AccuracyCurve(curve), axes=SMALL
        ).recommended.configuration.window_s == pytest.approx(wanted)


def test_a_curve_is_read_from_what_evaluate_prints(tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    path.write_text(
        json.dumps({"data": {"windows": [{"window_s": 1, "accuracy": 0.5}, {"window_s": 3, "accuracy": 0.9}]}})
    )
    assert read_curve(path).accuracy(2.0) == pytest.approx(0.7)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"windows": []}', '{"windows": [{"window_s": -1, "accuracy": 2}]}', "\x00"]
)
def test_a_file_that_holds_no_curve_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    path.write_text(text)
    with pytest.raises(CorruptFile):
        read_curve(path)


def test_explaining_names_the_operator_at_the_peak() -> None:
    explained = explain(ARCH, find_board("stm32f4"))
    assert 0 < explained.peak_bytes <= explained.cost.arena_bytes
    assert explained.peak_operator.split("/")[0] in {*(f"block{i}" for i in range(6)), "stem"}
    assert all(len(line) > 20 for line in explained.drawing)


def test_the_peak_of_a_stream_lies_within_its_arena() -> None:
    explained = explain(ARCH, find_board("stm32f4"), Use(hop_s=0.25, continuous=True))
    assert explained.cost.schedule == "continuous" and 0 < explained.peak_bytes <= explained.cost.arena_bytes


def test_the_shipped_student_that_a_board_gets_fits_it() -> None:
    assert best_shipped(find_board("stm32h7")).name == "nucleo"


def test_a_hop_that_no_shipped_student_keeps_up_with_is_no_fit() -> None:
    with pytest.raises(DoesNotFit, match="estimated"):
        best_shipped(find_board("rp2040"), Use(hop_s=0.04))
