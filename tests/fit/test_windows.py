"""The window as part of the search: an accuracy curve, what each of its windows costs, and the picture of them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.picture import bar, rows, svg, ticks, write_svg
from tinyclap_edge.fit.solver import Answer, recommend
from tinyclap_edge.fit.space import Axes

ONE_CORNER = Axes(rates_hz=(16000,), mels=(64,), hops_ms=(20.0,), rs=(64,), kinds=((False, False),))
CURVE = {0.25: 0.4, 1.0: 0.7, 2.56: 0.9}


@pytest.fixture(scope="module")
def answer() -> Answer:
    return recommend(find_board("stm32f4"), Budgets(latency_s=0.03), AccuracyCurve(CURVE), axes=ONE_CORNER)


def test_every_window_of_the_curve_is_told_with_what_fits(answer: Answer) -> None:
    assert [(w.window_s, w.accuracy) for w in answer.windows] == sorted(CURVE.items())
    for window in answer.windows[1:]:
        assert window.cost is not None and window.cost.latency.typical_s <= 0.03
        assert window.cost.configuration.window_s == pytest.approx(window.window_s, abs=0.01)


def test_a_window_that_is_too_short_for_every_network_says_that_nothing_fits(answer: Answer) -> None:
    assert answer.windows[0].cost is None
    assert rows(answer.windows)[0][2] == "nothing fits"


def test_without_a_hop_a_short_window_is_computed_end_to_end(answer: Answer) -> None:
    cost = answer.windows[1].cost
    assert cost is not None and cost.hop_s == pytest.approx(1.0)
    assert answer.recommended.hop_s == pytest.approx(1.28)


def test_a_bar_is_as_long_as_its_share() -> None:
    assert bar(1.0, 8) == "█" * 8 and bar(0.0, 8) == "" and bar(0.5, 8) == "█" * 4
    assert bar(1 / 16, 8) == "▌"


def test_the_picture_has_a_disc_a_window_with_its_time(answer: Answer, tmp_path: Path) -> None:
    path = tmp_path / "windows.svg"
    write_svg(path, answer.windows, "a < b")
    drawn = ElementTree.parse(path).getroot()
    texts = [text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    discs = list(drawn.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(discs) == 2 and texts[0] == "a < b"
    assert sum(t.startswith(("1 s: ", "2.56 s: ")) for t in texts) == 2
    heights = sorted(float(disc.attrib["cy"]) for disc in discs)
    assert heights[0] < heights[1]  # the better window stands higher


def test_a_picture_of_nothing_is_refused(answer: Answer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no picture"):
        svg(answer.windows[:1], "empty")
    with pytest.raises(UsageError, match="cannot write"):
        write_svg(tmp_path / "absent" / "a.svg", answer.windows, "nowhere")


@pytest.mark.parametrize(("low", "high"), [(0.0, 70.0), (94.0, 95.0), (50.0, 50.0), (0.0, 0.001)])
def test_ticks_are_round_and_hold_what_they_should(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low and found[-1] >= high and 2 <= len(found) <= 9


def test_a_curve_chooses_the_window_and_leaves_the_front_end_alone() -> None:
    """Its accuracies were heard through the reference log-mel: a coarser one that leaves room for more weights is no better."""
    axes = Axes(rates_hz=(16000,), mels=(64, 32), hops_ms=(20.0, 32.0), rs=(64,), kinds=((False, False),))
    curve = AccuracyCurve({1.0: 0.7, 2.56: 0.9})
    best = recommend(find_board("stm32f4"), Budgets(latency_s=0.1), curve, axes=axes).recommended.configuration
    assert (best.window_s, best.frontend.mel_bins, best.hop_ms) == (2.56, 64, 20.0)
