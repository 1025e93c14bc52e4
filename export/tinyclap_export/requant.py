"""TensorFlow Lite's integer rules: the only place where they are written in Python.

The integer reference runs on these functions and the C generator emits tables and multipliers computed by them, so
both give the bytes of LiteRT's reference kernels (BUILTIN_REF). Sources: tensorflow/lite/kernels/internal/common.h,
quantization_util.cc, reference/{add,mul,hard_swish,integer_ops/*}.h and gemmlowp/fixedpoint/fixedpoint.h.

Two rounding rules exist for int32 accumulators and are not the same:
  double rounding   high multiply rounded, then shift rounded (every operator but the next)
  single rounding   one 64-bit rounding shift (FULLY_CONNECTED in LiteRT; TFLM rounds twice there)
"""

from __future__ import annotations

import math

import numpy as np

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ADD_LEFT_SHIFT = 20  # of ADD and SUB on int8 (add.cc)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real = multiplier * 2**(shift - 31), multiplier in [2**30, 2**31) (QuantizeMultiplier).

    A real below 2**-32 becomes (0, 0), as in TFLite. Raises ValueError when real is negative or not finite.
    """
    real = float(real)
    if not math.isfinite(real) or real < 0:
        raise ValueError(f"multiplier {real} is negative or not finite")
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    fixed = round_half_away(fraction * (1 << 31))
    if fixed == 1 << 31:
        fixed //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:  # saturated (quantization_util.cc)
        return INT32_MAX, 30
    return fixed, shift


def round_half_away(x: float) -> int:
    """std::round: to nearest, ties away from zero."""
    return math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1)


def saturating_rounding_doubling_high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """(a * b * 2) >> 32 with rounding: int32 operands, int64 result; ties go up, as by gemmlowp's nudge."""
    a64 = np.asarray(a, np.int64)
    out = (a64 * b + (1 << 30)) >> 31
    return np.minimum(out, INT32_MAX)  # INT32_MIN * INT32_MIN saturates


def rounding_divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """x / 2**exponent rounded to nearest, ties away from zero (gemmlowp RoundingDivideByPOT); exponent >= 0."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = (np.int64(1) << exponent) >> 1
    return (x + half - ((x < 0) & (exponent > 0))) >> exponent


def requantize(acc: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """MultiplyByQuantizedMultiplier, double rounding. acc: int32 values; multiplier and shift broadcast with it."""
    shift = np.asarray(shift, np.int64)
    # the C computes x * (1 << left) in int32; a model where that overflows is undefined behaviour there
    x = np.asarray(acc, np.int64) << np.maximum(shift, 0)
    # the two rounding steps, in place: this is where the integer reference spends its time
    x = x * np.asarray(multiplier, np.int64)
    x += 1 << 30
    x >>= 31
    right = np.maximum(-shift, 0)
    negative = x < 0
    negative &= right > 0
    x += (np.int64(1) << right) >> 1
    x -= negative
    x >>= right
    return x


def requantize_once(acc: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """MultiplyByQuantizedMultiplier with a single rounding, ties up: LiteRT's FULLY_CONNECTED."""
    total = 31 - np.asarray(shift, np.int64)
    return (np.asarray(acc, np.int64) * np.asarray(multiplier, np.int64) + (np.int64(1) << (total - 1))) >> total


def quantize_multipliers(reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`quantize_multiplier` of each entry: two int32 arrays."""
    pairs = [quantize_multiplier(r) for r in np.asarray(reals, np.float64).ravel()]
    return np.array([p[0] for p in pairs], np.int32), np.array([p[1] for p in pairs], np.int32)


# -- multipliers by operator: float32 or double exactly where TFLite uses which -------------------------------------


def conv_multipliers(s_in: np.float32, s_weights: np.ndarray, s_out: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Per channel (or one): s_in * s_w / s_out in double (PopulateConvolutionQuantizationParams)."""
    return quantize_multipliers(np.float64(s_in) * np.asarray(s_weights, np.float64) / np.float64(s_out))


def dense_multipliers(s_in: np.float32, s_weights: np.ndarray, s_out: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """FULLY_CONNECTED: per tensor the product is a float32 (GetQuantizedConvolutionMultipler), per channel a double."""
    s_weights = np.asarray(s_weights, np.float32)
    if s_weights.size > 1:
        return conv_multipliers(s_in, s_weights, s_out)
    return quantize_multipliers((np.float32(s_in) * s_weights).astype(np.float64) / np.float64(s_out))


def mul_multiplier(s1: np.float32, s2: np.float32, s_out: np.float32) -> tuple[int, int]:
    """MUL: s1 * s2 / s_out, all in float32 (mul.cc)."""
    return quantize_multiplier(float(np.float32(np.float32(s1) * np.float32(s2)) / np.float32(s_out)))


def add_multipliers(s1: np.float32, s2: np.float32, s_out: np.float32) -> tuple[tuple[int, int], ...]:
    """ADD and SUB: (multiplier, shift) of input 1, input 2 and output, at left shift ADD_LEFT_SHIFT (add.cc)."""
    twice = float(np.float32(2) * max(np.float32(s1), np.float32(s2)))
    out = twice / float(np.float32(1 << ADD_LEFT_SHIFT) * np.float32(s_out))
    return quantize_multiplier(float(s1) / twice), quantize_multiplier(float(s2) / twice), quantize_multiplier(out)


def mean_multiplier(s_in: np.float32, s_out: np.float32, count: int) -> tuple[int, int]:
    """MEAN over `count` elements: the division is folded into the multiplier (QuantizedMeanOrSum)."""
    multiplier, shift = quantize_multiplier(float(s_in) / float(s_out))
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def rescale_multiplier(s_in: np.float32, s_out: np.float32) -> tuple[int, int]:
    """QUANTIZE and the RELU family: s_in / s_out in double."""
    return quantize_multiplier(float(s_in) / float(s_out))


def _code_of(value: float, scale: np.float32, zero_point: int) -> int:
    """Code of a real value, unclamped; the division is float32, as TFLite's."""
    with np.errstate(over="ignore"):
        code = float(np.float32(value) / np.float32(scale))
    return zero_point + round_half_away(min(max(code, -(2.0**30)), 2.0**30))


def activation_range(activation: str, scale: np.float32, zero_point: int) -> tuple[int, int]:
    """int8 clamp of a fused activation (CalculateActivationRangeQuantized); the division is float32."""

    def q(value: float) -> int:
        return _code_of(value, scale, zero_point)

    low, high = {"NONE": (-128, 127), "RELU": (q(0), 127), "RELU6": (q(0), q(6)), "RELU_N1_TO_1": (q(-1), q(1))}[
        activation
    ]
    return max(low, -128), min(high, 127)


# -- tables: int8 functions of one int8, index = q + 128 ------------------------------------------------------------

Q = np.arange(-128, 128, dtype=np.int64)  # (256,)


def _sat16(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)


def _srdhm16(a: np.ndarray, b: int) -> np.ndarray:
    return _sat16((a * b + (1 << 14)) >> 15)


def _multiplier16(real: float) -> tuple[int, int]:
    """QuantizeMultiplier, then DownScaleInt32ToInt16Multiplier."""
    multiplier, shift = quantize_multiplier(real)
    return (32767 if multiplier >= INT32_MAX - (1 << 15) else (multiplier + (1 << 15)) >> 16), shift


def hard_swish_output_exponent(s_in: np.float32, s_out: np.float32) -> int:
    """Exponent of the output multiplier; TFLite refuses a HARD_SWISH where it is positive (s_out < s_in / 128)."""
    return quantize_multiplier(float(np.float32(np.float32(1 / 128) * s_in) / np.float32(s_out)))[1]


def hard_swish_table(s_in: np.float32, z_in: int, s_out: np.float32, z_out: int) -> np.ndarray:
    """(256,) int8: x * relu6(x + 3) / 6 in gemmlowp's int16 steps (reference/hard_swish.h)."""
    hires = np.float32(np.float32(1 / 128) * np.float32(s_in))
    out_mult, out_exp = _multiplier16(float(hires / np.float32(s_out)))
    relu_mult, relu_exp = _multiplier16(float(hires / np.float32(np.float32(3.0) / np.float32(32768.0))))
    if out_exp > 0:
        raise ValueError("HARD_SWISH output scale is below 1/128 of its input scale")
    x = (Q - z_in) << 7
    preshift = _srdhm16(x, out_mult)
    gate = x
    if relu_exp > 0:
        gate = _sat16(gate << (relu_exp - 1))
    gate = _srdhm16(gate, relu_mult)
    if relu_exp > 0:
        gate = _sat16(gate << 1)
    if relu_exp < 0:
        gate = rounding_divide_by_pot(gate, -relu_exp)
    gate = (gate + (1 << 15)) >> 1
    product = gate * preshift
    product = np.sign(product) * (np.abs(product) >> 15)  # C division truncates
    out = rounding_divide_by_pot(product, -out_exp) + z_out
    return np.clip(out, -128, 127).astype(np.int8)


def relu_table(kind: str, s_in: np.float32, z_in: int, s_out: np.float32, z_out: int) -> np.ndarray:
    """(256,) int8 of RELU, RELU6 or RELU_0_TO_1 with requantisation (QuantizedReluX)."""
    multiplier, shift = rescale_multiplier(s_in, s_out)

    high = 127 if kind == "RELU" else _code_of({"RELU6": 6, "RELU_0_TO_1": 1}[kind], s_out, z_out)
    out = requantize(Q - z_in, multiplier, shift) + z_out
    return np.clip(out, max(-128, z_out), min(127, high)).astype(np.int8)


def leaky_relu_table(alpha: float, s_in: np.float32, z_in: int, s_out: np.float32, z_out: int) -> np.ndarray:
    """(256,) int8 (reference QuantizeLeakyRelu)."""
    identity = rescale_multiplier(s_in, s_out)
    slope = quantize_multiplier(abs(float(s_in) * float(np.float32(alpha)) / float(s_out)))
    if alpha < 0:
        slope = (-slope[0], slope[1])
    x = Q - z_in
    out = np.where(x >= 0, requantize(x, *identity), requantize(x, *slope)) + z_out
    return np.clip(out, -128, 127).astype(np.int8)


def quantize_table(s_in: np.float32, z_in: int, s_out: np.float32, z_out: int) -> np.ndarray:
    """(256,) int8 to int8 rescale (reference Requantize)."""
    out = requantize(Q - z_in, *rescale_multiplier(s_in, s_out)) + z_out
    return np.clip(out, -128, 127).astype(np.int8)
