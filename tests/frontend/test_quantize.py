"""From int16 features to the network's int8 input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.quantize import input_multiplier, network_input, quantize_features
from tinyclap_edge.frontend.spec import FrontendSpec

SPEC = FrontendSpec()
EVERY = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0235, -128), (1 / 64, 0), (0.05, 100), (0.1, 127)])
def test_quantised_features_are_the_nearest_integer(scale: float, zero_point: int) -> None:
    exact = (EVERY / 256 + 60.0) / 20.0 / scale + zero_point
    got = quantize_features(EVERY, scale, zero_point, SPEC)
    assert np.abs(got - np.clip(exact, -128, 127)).max() <= 0.5 + 1e-5


def test_halves_round_away_from_zero() -> None:
    scale = 1 / 20  # q = dB + 60: a half is exact
    got = quantize_features(np.array([-60.5, -59.5, -61.5, -58.5]) * 256, scale, 0, SPEC)
    assert got.tolist() == [-1, 1, -2, 2]


@pytest.mark.parametrize("scale", [1e-4, 0.0123, 0.05, 1 / 20, 3.0])
def test_the_multiplier_is_the_nearest_of_31_bits(scale: float) -> None:
    multiplier, shift = input_multiplier(scale, SPEC)
    assert 2**30 <= multiplier < 2**31
    exact = 1 / (Fraction(scale) * 256 * 20)
    assert abs(Fraction(multiplier, 2**shift) - exact) <= Fraction(1, 2 ** (shift + 1))


def test_the_network_input_is_centred_and_scaled() -> None:
    assert network_input(np.array([-60 * 256, -40 * 256], np.int16), SPEC).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e12])
def test_a_useless_scale_is_refused(scale: float) -> None:
    with pytest.raises(UsageError, match="scale"):
        quantize_features(EVERY, scale, 0, SPEC)


def test_a_zero_point_outside_int8_is_refused() -> None:
    with pytest.raises(UsageError, match="zero point"):
        quantize_features(EVERY, 0.02, 128, SPEC)
