"""The transcendental operators: LOGISTIC, TANH and GELU as tables, SOFTMAX on gemmlowp's Q-format exponential.

LiteRT's LOGISTIC and TANH are float tables even with reference kernels (measured: 0 of 153,600 codes differ); TFLM
computes them in fixed point and saturates early where the input scale is above about 1.7. `quantize` keeps scales
far below that, so both give the same bytes on what we export.

Raw values are int64 arrays holding int32 numbers. "F<k>" below means k integer bits, 31 - k fractional ones.
Sources: gemmlowp/fixedpoint/fixedpoint.h; tensorflow/lite/kernels/internal/reference/softmax.h; LiteRT activations.cc.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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
    """RoundingHalfSum(a, one) in F0, for a >= 0."""
    return (a + INT32_MAX + 1) // 2


def _reciprocal_f2(half_denominator: np.ndarray) -> np.ndarray:
    """1 / half_denominator in F2 by three Newton-Raphson steps."""
    x = 1515870810 + _mul(half_denominator, -1010580540)
    for _ in range(3):
        x = x + _shift_left(_mul(x, (1 << 29) - _mul(half_denominator, x)), 2)
    return x


def one_over_one_plus_x(a: np.ndarray) -> np.ndarray:
    """1 / (1 + a) in F0 for a in [0, 1], F0."""
    return _shift_left(_reciprocal_f2(_half_sum_with_one(a)), 1)


def _float_table(
    function: Callable[[np.ndarray], np.ndarray], s_in: np.float32, z_in: int, out: float | np.float32, z: int
) -> np.ndarray:
    """LiteRT's PopulateLookupTable: float32 input, function, times 1 / output scale (`out`), round half away."""
    x = np.float32(s_in) * (Q - z_in).astype(np.float32)
    scaled = (function(x) * np.float32(out)).astype(np.float64)
    return np.clip(np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + z, -128, 127).astype(np.int8)


def logistic_table(s_in: np.float32, z_in: int) -> np.ndarray:
    """(256,) int8 of LOGISTIC; the output quantisation is fixed at scale 1/256, zero point -128.

    The exponential is computed in double and rounded to float32 once, so that every machine gives this table.
    """

    def logistic(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.float32(1) / (np.float32(1) + np.exp(-x.astype(np.float64)).astype(np.float32))

    return _float_table(logistic, s_in, z_in, 256, -128)


def tanh_table(s_in: np.float32, z_in: int) -> np.ndarray:
    """(256,) int8 of TANH; the output quantisation is fixed at scale 1/128, zero point 0."""
    return _float_table(lambda x: np.tanh(x.astype(np.float64)).astype(np.float32), s_in, z_in, 128, 0)


def gelu_table(s_in: np.float32, z_in: int, s_out: np.float32, z_out: int) -> np.ndarray:
    """(256,) int8 of GELU: x / 2 * erfc(-x / sqrt(2)) in float32 (LiteRT's reference/gelu.h), by a table as LOGISTIC."""

    def gelu(x: np.ndarray) -> np.ndarray:
        tail = np.array([math.erfc(float(t)) for t in x * np.float32(-math.sqrt(0.5))], np.float32)
        return np.float32(0.5) * x * tail

    return _float_table(gelu, s_in, z_in, np.float32(1) / np.float32(s_out), z_out)


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
