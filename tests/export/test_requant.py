"""The integer rules against plain-integer statements of the C they come from."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinyclap_export.fixedpoint import exp_on_negative_values, logistic_table, softmax_rows, tanh_table
from tinyclap_export.requant import (
    Q,
    activation_range,
    hard_swish_table,
    mean_multiplier,
    quantize_multiplier,
    requantize,
    requantize_once,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

INT32 = st.integers(-(2**31), 2**31 - 1)


def c_divide(a: int, b: int) -> int:
    """C's integer division: truncates towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def c_high_mul(a: int, b: int) -> int:
    """gemmlowp::SaturatingRoundingDoublingHighMul, line by line."""
    if a == b == -(2**31):
        return 2**31 - 1
    ab = a * b
    nudge = 1 << 30 if ab >= 0 else 1 - (1 << 30)
    return c_divide(ab + nudge, 1 << 31)


def c_divide_by_pot(x: int, exponent: int) -> int:
    """gemmlowp::RoundingDivideByPOT, line by line."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


@given(INT32, INT32)
def test_the_high_multiply_is_gemmlowps(a, b):
    assert int(saturating_rounding_doubling_high_mul(np.array([a]), b)[0]) == c_high_mul(a, b)


@given(INT32, st.integers(0, 31))
def test_the_rounding_shift_is_gemmlowps(x, exponent):
    assert int(rounding_divide_by_pot(np.array([x]), exponent)[0]) == c_divide_by_pot(x, exponent)


@given(st.integers(-(2**24), 2**24), st.integers(2**30, 2**31 - 1), st.integers(-31, 6))
def test_requantisation_rounds_twice(x, multiplier, shift):
    expected = c_divide_by_pot(c_high_mul(x << max(shift, 0), multiplier), max(-shift, 0))
    assert int(requantize(np.array([x]), multiplier, shift)[0]) == expected


@given(INT32, st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
def test_single_rounding_is_the_nearest_integer_with_ties_up(x, multiplier, shift):
    exact = Fraction(x * multiplier, 1 << (31 - shift))
    assert int(requantize_once(np.array([x]), multiplier, shift)[0]) == math.floor(exact + Fraction(1, 2))


def test_the_two_rules_differ_somewhere():
    x = np.arange(-4096, 4096)
    assert np.any(requantize(x, 1 << 30, -3) != requantize_once(x, 1 << 30, -3))


@given(st.floats(1e-9, 1e9))
def test_a_multiplier_is_its_real_to_31_bits(real):
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert math.isclose(multiplier * 2.0 ** (shift - 31), real, rel_tol=2**-30)


@pytest.mark.parametrize("real", [-1.0, math.nan, math.inf])
def test_an_impossible_multiplier_is_refused(real):
    with pytest.raises(ValueError):
        quantize_multiplier(real)


def test_a_vanishing_multiplier_is_zero():
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)


def test_activation_limits_are_codes_of_zero_and_six():
    assert activation_range("NONE", np.float32(0.1), 5) == (-128, 127)
    assert activation_range("RELU", np.float32(0.1), 5) == (5, 127)
    assert activation_range("RELU6", np.float32(0.1), 5) == (5, 65)
    assert activation_range("RELU6", np.float32(0.01), 5) == (5, 127)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 1023, 8192])
def test_the_mean_multiplier_divides_by_the_count(count):
    multiplier, shift = mean_multiplier(np.float32(0.03), np.float32(0.02), count)
    assert math.isclose(multiplier * 2.0 ** (shift - 31), 0.03 / 0.02 / count, rel_tol=1e-6)


def test_tables_follow_their_functions_to_a_code():
    s, z = np.float32(0.04), 10
    x = (Q - z) * float(s)
    sigmoid, tanh = 1 / (1 + np.exp(-x)), np.tanh(x)
    assert np.abs(logistic_table(s, z) - np.clip(sigmoid * 256 - 128, -128, 127)).max() <= 0.51
    assert np.abs(tanh_table(s, z) - np.clip(tanh * 128, -128, 127)).max() <= 0.51
    swish = x * np.clip(x + 3, 0, 6) / 6
    table = hard_swish_table(s, z, np.float32(0.03), -110)
    assert np.abs(table - np.clip(swish / 0.03 - 110, -128, 127)).max() <= 1.0


def test_a_hard_swish_that_tflite_would_refuse_is_refused():
    with pytest.raises(ValueError, match="HARD_SWISH"):
        hard_swish_table(np.float32(1.0), 0, np.float32(0.001), 0)


def test_the_fixed_point_exponential_is_an_exponential():
    a = -np.linspace(0, 15.9, 500)
    raw = exp_on_negative_values(np.round(a * 2**27).astype(np.int64), 4)
    assert np.abs(raw / 2**31 - np.exp(a)).max() < 1e-6


def test_softmax_rows_sum_to_one_within_rounding():
    q = np.random.default_rng(0).integers(-128, 128, (50, 7)).astype(np.int8)
    out = softmax_rows(q, np.float32(0.05), 1.0).astype(int) + 128
    assert np.abs(out.sum(axis=1) - 256).max() <= 4
