"""gemmlowp's Q-format exponential, logistic, tanh and reciprocal, and the int8 tables made from them.

Raw values are int64 arrays holding int32 numbers. "F<k>" below means k integer bits, 31 - k fractional ones.
Source: gemmlowp/fixedpoint/fixedpoint.h; the operators: tensorflow/lite/kernels/internal/reference/integer_ops/
{logistic,tanh}.h and reference/softmax.h.
"""

from __future__ import annotations

import math

import numpy as np

from tinyclap_export.requant import (
    INT32_MAX,
    INT32_MIN,
    Q,
    quantize_multiplier,
    requantize,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

# (exponent, multiplier in F0): exp(-2**exponent)
_EXP_STEPS = ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242))


def _mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    return saturating_rounding_doubling_high_mul(a, b)


def _shift_left(a: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(a << bits, INT32_MIN, INT32_MAX)


def exp_on_negative_values(a: np.ndarray, integer_bits: int) -> np.ndarray:
    """exp(a) in F0 for a <= 0 in F<integer_bits>."""
    fractional = 31 - integer_bits
    quarter = 1 << (fractional - 2)
    reduced = (a & (quarter - 1)) - quarter  # in [-1/4, 0)
    x = _shift_left(reduced, integer_bits) + (1 << 28)  # F0, plus 1/8
    x2 = _mul(x, x)
    x3, x4 = _mul(x2, x), _mul(x2, x2)
    poly = rounding_divide_by_pot(_mul(rounding_divide_by_pot(x4, 2) + x3, 715827883) + x2, 1)
    result = 1895147668 + _mul(x + poly, 1895147668)
    remainder = reduced - a
    for exponent, multiplier in _EXP_STEPS:
        if integer_bits > exponent:
            bit = remainder & (1 << (fractional + exponent))
            result = np.where(bit != 0, _mul(result, multiplier), result)
    if integer_bits > 5:
        clamp = -(1 << (fractional + 5))
        result = np.where(a < clamp, 0, result)
    return np.where(a == 0, INT32_MAX, result)


def _half_sum_with_one(a: np.ndarray) -> np.ndarray:
    """RoundingHalfSum(a, one) in F0; C division truncates towards zero."""
    total = a + INT32_MAX
    return np.where(total >= 0, total + 1, -(-(total - 1))) // 2


def _reciprocal_f2(half_denominator: np.ndarray) -> np.ndarray:
    """1 / half_denominator in F2 by three Newton-Raphson steps."""
    x = 1515870810 + _mul(half_denominator, -1010580540)
    for _ in range(3):
        x = x + _shift_left(_mul(x, (1 << 29) - _mul(half_denominator, x)), 2)
    return x


def one_over_one_plus_x(a: np.ndarray) -> np.ndarray:
    """1 / (1 + a) in F0 for a in [0, 1], F0."""
    return _shift_left(_reciprocal_f2(_half_sum_with_one(a)), 1)


def one_minus_x_over_one_plus_x(a: np.ndarray) -> np.ndarray:
    """(1 - a) / (1 + a) in F0 for a in [0, 1], F0."""
    return _shift_left(_reciprocal_f2(_half_sum_with_one(a)) - (1 << 29), 2)


def logistic_f4(a: np.ndarray) -> np.ndarray:
    """logistic(a) in F0 for a in F4."""
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), 4))
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, INT32_MAX - positive))


def tanh_f4(a: np.ndarray) -> np.ndarray:
    """tanh(a) in F0 for a in F4: exp is taken of -2|a|, the same raw value read as F5."""
    magnitude = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(a), 5))
    return np.where(a == 0, 0, np.where(a > 0, magnitude, -magnitude))


def _scaled_input(s_in: np.float32, z_in: int) -> tuple[np.ndarray, np.ndarray, int]:
    """int8 codes minus zero point, the same in F4, and the radius beyond which the function saturates."""
    multiplier, shift = quantize_multiplier(float(s_in) * (1 << 27))
    radius = math.floor(15.0 * (1 << 27) / 2.0**shift)  # CalculateInputRadius(4, shift, 31)
    x = Q - z_in
    inside = np.where(np.abs(x) < radius, x, 0)
    return x, requantize(inside, multiplier, shift), radius


def logistic_table(s_in: np.float32, z_in: int) -> np.ndarray:
    """(256,) int8 of LOGISTIC; the output quantisation is fixed at scale 1/256, zero point -128."""
    x, raw, radius = _scaled_input(s_in, z_in)
    out = np.clip(rounding_divide_by_pot(logistic_f4(raw), 23) - 128, -128, 127)
    return np.where(x <= -radius, -128, np.where(x >= radius, 127, out)).astype(np.int8)


def tanh_table(s_in: np.float32, z_in: int) -> np.ndarray:
    """(256,) int8 of TANH; the output quantisation is fixed at scale 1/128, zero point 0."""
    x, raw, radius = _scaled_input(s_in, z_in)
    out = np.clip(rounding_divide_by_pot(tanh_f4(raw), 24), -128, 127)
    return np.where(x <= -radius, -128, np.where(x >= radius, 127, out)).astype(np.int8)


def softmax_parameters(s_in: np.float32, beta: float) -> tuple[int, int, int]:
    """(multiplier, left shift, diff_min) of SOFTMAX (PreprocessSoftmaxScaling with 5 integer bits)."""
    real = min(float(np.float32(beta)) * float(s_in) * (1 << 26), float(INT32_MAX))
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, -math.floor(31.0 * (1 << 26) / 2.0**shift)


def softmax_exp_table(s_in: np.float32, beta: float) -> np.ndarray:
    """(256,) int64 F0 exponentials by difference to the row's maximum: index 255 + (q - max); 0 below diff_min."""
    multiplier, shift, diff_min = softmax_parameters(s_in, beta)
    diff = np.arange(-255, 1, dtype=np.int64)
    values = exp_on_negative_values(requantize(np.maximum(diff, diff_min), multiplier, shift), 5)
    return np.where(diff >= diff_min, values, 0)


def softmax_rows(q: np.ndarray, s_in: np.float32, beta: float) -> np.ndarray:
    """int8 (..., depth) to int8 (..., depth), output scale 1/256, zero point -128 (reference Softmax)."""
    index = q.astype(np.int64) - q.max(axis=-1, keepdims=True) + 255
    exps = softmax_exp_table(s_in, beta)[index]
    reachable = exps != 0
    # the sum has 12 integer bits: each term loses 12 bits with rounding
    total = rounding_divide_by_pot(exps, 12).sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1]  # leading zeros of an unsigned 32-bit number
    bits_over_unit = 12 - zeros
    shifted = (total << zeros) - (1 << 31)
    scale = one_over_one_plus_x(shifted)
    out = rounding_divide_by_pot(_mul(exps, scale), bits_over_unit + 31 - 8) - 128
    return np.where(reachable, np.clip(out, -128, 127), -128).astype(np.int8)
