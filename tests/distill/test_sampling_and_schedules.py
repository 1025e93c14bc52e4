"""Which clips a step sees and at what rate: functions of the step alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from tinyclap_edge.distill.samplers import ClusterBalanced, Order, find_clusters
from tinyclap_edge.distill.schedules import SCHEDULES


def test_an_epoch_shows_every_clip_once() -> None:
    order = Order(10, seed=3)
    seen = np.concatenate([order.batch(step, 4) for step in range(5)])
    assert sorted(seen[:10]) == list(range(10)) == sorted(seen[10:])


def test_a_batch_does_not_depend_on_what_was_asked_before() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    for make in (lambda: Order(100, 1), lambda: ClusterBalanced(labels, 1)):
        used = make()
        for step in range(7):
            used.batch(step, 8)
        assert np.array_equal(used.batch(4, 8), make().batch(4, 8))


def test_balanced_draws_show_a_rare_cluster_as_often_as_a_common_one() -> None:
    labels = np.array([7] * 970 + [2] * 30)
    picks = np.concatenate([ClusterBalanced(labels, 0).batch(step, 64) for step in range(100)])
    assert (labels[picks] == 2).mean() == pytest.approx(0.5, abs=0.03)
    assert len(np.unique(picks[labels[picks] == 2])) == 30  # every clip of it, not one over and over


def test_clusters_are_found_on_raw_embeddings_and_the_same_twice() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(c, 0.1, (50, 4)) for c in (0.0, 3.0, 9.0)])  # one direction, three lengths
    labels = find_clusters(x, 3)
    assert [len(set(labels[i : i + 50])) for i in (0, 50, 100)] == [1, 1, 1] and len(set(labels)) == 3
    assert np.array_equal(labels, find_clusters(x, 3))


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_stay_between_nothing_and_the_peak(name: str) -> None:
    rates = [SCHEDULES[name](step, 1000, 0.5, 0.08) for step in range(1000)]
    assert min(rates) > 0 and max(rates) == pytest.approx(0.5, rel=1e-3)


def test_a_constant_rate_never_falls_and_the_others_end_low() -> None:
    last = {name: SCHEDULES[name](999, 1000, 1.0, 0.08) for name in SCHEDULES}
    assert last.pop("constant") == 1.0
    assert all(rate < 0.02 for rate in last.values()), last


def test_the_ramp_of_ssondo_holds_its_peak_until_four_fifths() -> None:
    ramp = [SCHEDULES["ramp"](step, 100, 1.0, 0.08) for step in range(100)]
    assert ramp[0] < 0.05 < ramp[6] < ramp[8] == ramp[79] == 1.0 > ramp[90] > ramp[99]
