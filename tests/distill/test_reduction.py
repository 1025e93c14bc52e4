"""Rotation and pruning of the shared space, one matrix for audio and text."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.reduce.prune import magnitude_order, random_order, selection
from tinyclap_edge.reduce.rotate import kept_energy, rotation


def low_rank(n: int = 200, dim: int = 12, rank: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, dim))


def test_a_full_rotation_keeps_every_cosine() -> None:
    x = low_rank(rank=12)
    basis = rotation(x)
    assert np.allclose(basis @ basis.T, np.eye(12), atol=1e-5)
    assert np.allclose((x @ basis.T) @ (x @ basis.T).T, x @ x.T, rtol=1e-4, atol=1e-3)


def test_three_directions_hold_a_space_of_rank_three() -> None:
    x = low_rank()
    assert kept_energy(x, rotation(x))[2] > 0.999
    assert kept_energy(x, rotation(x))[1] < 0.999


def test_the_text_side_counts_as_much_as_the_audio_side() -> None:
    audio = np.zeros((1000, 4))
    audio[:, 0] = 1
    text = np.zeros((5, 4))
    text[:, 2] = 1
    basis = rotation(audio, text)
    assert np.allclose(np.abs(basis[:2]).sum(0), [1, 0, 1, 0], atol=1e-6)


def test_pruning_keeps_the_largest_entries_in_their_order() -> None:
    x = np.tile([0.1, 3.0, 0.2, 2.0], (10, 1))
    assert magnitude_order(x).tolist() == [1, 3, 2, 0]
    assert np.array_equal(selection(magnitude_order(x), 2) @ x[0], [3.0, 2.0])


def test_random_orders_are_permutations_by_seed() -> None:
    assert sorted(random_order(9, 1)) == list(range(9))
    assert np.array_equal(random_order(9, 1), random_order(9, 1))
    assert not np.array_equal(random_order(9, 1), random_order(9, 2))
