/* Requantisation: from int32 accumulators to int8 codes, as TensorFlow Lite's reference kernels round.
 *
 * A real factor M > 0 is multiplier * 2^(shift - 31), multiplier in [2^30, 2^31). Two roundings: a rounding doubling
 * high multiply (half rounds up), then a rounding right shift (half rounds away from zero).
 *
 * Contract of every function here, proved by the generator for each layer: |value| * 2^max(shift, 0) < 2^30, and
 * -31 <= shift <= 30. Right shifts of negative values are arithmetic, as on every supported compiler. */
#ifndef TCE_REQUANT_H
#define TCE_REQUANT_H

#include <stdint.h>

/* round(value * multiplier / 2^31), half up. |value| < 2^30, so that doubling it cannot overflow:
 * in this form a Cortex-M4 does it in one SMMULR. */
static inline int32_t tce_high_mul(int32_t value, int32_t multiplier)
{
    const int64_t product = (int64_t)(value * 2) * multiplier;
    return (int32_t)((product + (INT64_C(1) << 31)) >> 32);
}

/* round(value / 2^right), half away from zero. right in [1, 31]; |value| <= 2^30. */
static inline int32_t tce_round_shift(int32_t value, int32_t right)
{
    return (value + (value >> 31) + (INT32_C(1) << (right - 1))) >> right;
}

/* value * M with both roundings: CONV_2D, DEPTHWISE_CONV_2D, MUL, MEAN, ADD. */
static inline int32_t tce_requant(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift >= 0) {
        return tce_high_mul(value * (int32_t)(UINT32_C(1) << shift), multiplier);
    }
    return tce_round_shift(tce_high_mul(value, multiplier), -shift);
}

/* value * M with one rounding, half up: FULLY_CONNECTED in LiteRT. */
static inline int32_t tce_requant_once(int32_t value, int32_t multiplier, int32_t shift)
{
    const int64_t product = (int64_t)value * multiplier;
    return (int32_t)((product + (INT64_C(1) << (30 - shift))) >> (31 - shift));
}

/* Adds the output zero point and clamps to [low, high], both within int8. */
static inline int8_t tce_store(int32_t value, int32_t zero_point, int32_t low, int32_t high)
{
    value += zero_point;
    value = value < low ? low : value;
    value = value > high ? high : value;
    return (int8_t)value;
}

#endif
