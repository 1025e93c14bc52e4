"""The default threshold of labels: chosen by its false alarms, examined by what it finds."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.evaluate.threshold import choose_threshold, examine_threshold


def test_a_hundredth_of_the_wrong_pairs_reach_the_threshold_and_most_right_ones_do() -> None:
    rng = np.random.default_rng(0)
    classes = rng.standard_normal((20, 64))
    labels = rng.integers(0, 20, 3000)
    audio = 3 * classes[labels] / 8 + rng.standard_normal((3000, 64)) / 4
    value = choose_threshold(audio[:1500], labels[:1500], classes)
    found = examine_threshold(value, audio[1500:], labels[1500:], classes)
    assert 0.2 < value < 0.5 and found["n"] == 1500 and found["pairs"] == 1500 * 19
    assert 0.005 < found["false alarms"] < 0.02 < 0.9 < found["found"]


def test_a_threshold_is_never_negative() -> None:
    classes = np.eye(2)
    assert choose_threshold(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([0, 1]), classes) == 0.0
