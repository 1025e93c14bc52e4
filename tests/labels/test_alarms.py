"""Thresholds from ambient sound: the rate is kept as a board counts alarms, and what the hours cannot show is said."""

from __future__ import annotations

import numpy as np
import pytest

from tinyclap_edge.device.link_monitor import EventSettings
from tinyclap_edge.errors import GateFailed, UsageError
from tinyclap_edge.labels.alarms import (
    allowed_alarms,
    check_rate,
    choose_thresholds,
    count_alarms,
    poisson_upper,
)

SETTINGS = EventSettings()
AT_ONCE = EventSettings(smoothing=0, refractory_windows=0, hysteresis_q15=0)


def streams(labels: int = 3, windows: int = 600, seed: int = 0) -> list[np.ndarray]:
    """Two recordings of noise scores."""
    rng = np.random.default_rng(seed)
    return [np.rint(rng.normal(3000, 2500, (windows, labels))).astype(np.int16) for _ in range(2)]


def spikes(at: dict[int, int], windows: int = 100) -> np.ndarray:
    """(windows, 1) scores of -1000 but for some windows."""
    out = np.full((windows, 1), -1000, np.int16)
    for window, score in at.items():
        out[window] = score
    return out


@pytest.mark.parametrize(("count", "mean"), [(0, 2.9957), (1, 4.7439), (3, 7.7537), (10, 16.9622)])
def test_the_poisson_bound_is_that_of_the_tables(count, mean):
    assert poisson_upper(count) == pytest.approx(mean, abs=1e-3)


def test_as_many_alarms_are_allowed_as_still_show_the_rate():
    assert allowed_alarms(2.9, 1.0) is None
    assert allowed_alarms(3.0, 1.0) == 0
    assert allowed_alarms(4.8, 1.0) == 1
    assert allowed_alarms(8.0, 1.0) == 3
    assert allowed_alarms(4.0, 2.0) == 3


@pytest.mark.parametrize("settings", [SETTINGS, AT_ONCE])
def test_no_label_makes_more_alarms_than_are_allowed_and_one_unit_lower_it_would(settings, make_pack):
    heard, pack = streams(), make_pack(3)
    found = choose_thresholds(heard, pack, 8.0, 1.0, settings)
    assert found.allowed == 3 and (found.alarms <= 3).all() and (found.at_most <= 1.0).all()
    assert np.array_equal(count_alarms(heard, found.thresholds_q15, None, settings), found.alarms)
    for label in range(3):
        lower = found.thresholds_q15.copy()
        lower[label] -= 1
        assert count_alarms(heard, lower, None, settings)[label] > 3


def test_a_threshold_stands_one_above_the_peak_that_would_be_an_alarm_too_many(make_pack):
    heard = [spikes({10: 9000, 40: 8000, 70: 7000})]
    assert choose_thresholds(heard, make_pack(1), 3.0, 1.0, AT_ONCE).thresholds_q15.tolist() == [9001]
    assert choose_thresholds(heard, make_pack(1), 4.8, 1.0, AT_ONCE).thresholds_q15.tolist() == [8001]


def test_alarms_within_the_refractory_time_are_one(make_pack):
    heard = [spikes({10: 9000, 12: 9000})]
    settings = EventSettings(smoothing=0, refractory_windows=4, hysteresis_q15=0)
    assert count_alarms(heard, np.array([5000]), None, settings).tolist() == [1]
    assert choose_thresholds(heard, make_pack(1), 4.8, 1.0, settings).thresholds_q15.tolist() == [0]


def test_each_recording_begins_anew(make_pack):
    one = spikes({0: 9000})
    settings = EventSettings(smoothing=3, refractory_windows=4)
    assert count_alarms([one, one], np.array([8000]), None, settings).tolist() == [2]


def test_what_the_background_row_wins_is_no_alarm(make_pack):
    heard = streams(3)
    heard = [np.where(np.arange(3) == 1, 32767, s).astype(np.int16) for s in heard]
    pack = make_pack(3, background=1)
    found = choose_thresholds(heard, pack, 3.0, 1.0, SETTINGS)
    assert found.thresholds_q15.tolist() == [0, pack.thresholds_q15[1], 0]
    assert found.alarms.tolist() == [0, 0, 0] and found.at_most[1] == 0


def test_hours_too_few_to_show_the_rate_lower_no_threshold(make_pack):
    heard, pack = streams(), make_pack(3)
    pack.thresholds_q15[:] = (20_000, -5, 30_000)
    found = choose_thresholds(heard, pack, 0.5, 1.0, SETTINGS)
    assert found.allowed is None and found.hours_needed == pytest.approx(2.9957, abs=1e-3)
    assert found.thresholds_q15[[0, 2]].tolist() == [20_000, 30_000] and found.thresholds_q15[1] > 3000
    assert found.alarms.tolist() == [0, 0, 0]


def test_a_label_that_is_the_ambient_sound_itself_has_no_threshold(make_pack):
    heard = [np.full((50, 3), 32767, np.int16)]
    with pytest.raises(GateFailed, match="the ambient sound is that very sound"):
        choose_thresholds(heard, make_pack(3), 3.0, 1.0, SETTINGS)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UsageError, match="cannot be kept"):
        check_rate(rate, 1.28, SETTINGS)


def test_a_rate_above_what_the_refractory_time_allows_is_refused():
    check_rate(900, 1.28, SETTINGS)
    with pytest.raises(UsageError, match="more than a label can make: 938"):
        check_rate(938, 1.28, SETTINGS)
