/* Requantisation: from int32 accumulators to int8 codes, as TensorFlow Lite's reference kernels round.
 *
 * A real factor M > 0 is multiplier * 2^(shift - 31), multiplier in [2^30, 2^31). Two roundings: a rounding doubling
 * high multiply (half rounds up), then a rounding right shift (half rounds away from zero).
 *
 * Contract of every function here, proved by the generator for each layer: |value| * 2^max(shift, 0) < 2^30, and
 * -31 <= shift <= 30. Right shifts of negative values are arithmetic, as on every supported compiler. */
#ifndef TCE_REQUANT_H
#define TCE_REQUANT_H

#include "tce_engine.h"

/* Channel c's factor. */
static inline tce_scale tce_scale_of(tce_scales scale, int32_t c) {
    return (tce_scale){scale.multiplier[c], scale.shift[c]};
}

/* round(value * multiplier / 2^31), half up. |value| < 2^30, so that doubling it cannot overflow. The upper word plus
 * the upper bit of the lower one: two instructions on a Cortex-M4. */
static inline int32_t tce_high_mul(int32_t value, int32_t multiplier) {
    const int64_t product = (int64_t)(value * 2) * multiplier;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

/* round(value / 2^right), half away from zero. right in [1, 31]; |value| <= 2^30. */
static inline int32_t tce_round_shift(int32_t value, int32_t right) {
    return (value + (value >> 31) + (INT32_C(1) << (right - 1))) >> right;
}

/* value * M with both roundings: CONV_2D, DEPTHWISE_CONV_2D, MUL, MEAN, ADD. */
static inline int32_t tce_requant(int32_t value, tce_scale scale) {
    if (scale.shift >= 0) {
        return tce_high_mul(value * (int32_t)(UINT32_C(1) << scale.shift), scale.multiplier);
    }
    return tce_round_shift(tce_high_mul(value, scale.multiplier), -scale.shift);
}

/* The same for two values of one channel: the test on the shift is shared. */
static inline void tce_requant_two(int32_t *a, int32_t *b, tce_scale scale) {
    if (scale.shift >= 0) {
        *a = tce_requant(*a, scale);
        *b = tce_requant(*b, scale);
    } else {
        *a = tce_round_shift(tce_high_mul(*a, scale.multiplier), -scale.shift);
        *b = tce_round_shift(tce_high_mul(*b, scale.multiplier), -scale.shift);
    }
}

/* value * M with one rounding, half up: FULLY_CONNECTED in LiteRT. */
static inline int32_t tce_requant_once(int32_t value, tce_scale scale) {
    const int64_t product = (int64_t)value * scale.multiplier;
    return (int32_t)((product + (INT64_C(1) << (30 - scale.shift))) >> (31 - scale.shift));
}

/* Left shift of a sum's inputs, head room of their common scale: 255 * 2^20 < 2^28, so that neither scaling nor adding
 * overflows. */
#define TCE_ADD_LEFT_SHIFT 20

/* Whether a sum's input is halved: the one whose scale is the larger. */
static inline int tce_is_half(tce_scale scale) {
    return scale.multiplier == INT32_C(1) << 30 && scale.shift == 0;
}

/* A factor of a sum's inputs with a shift to the right where it has none: one half becomes (1 - 2^-31) / 2^1 before
 * rounding, which gives the same for multiples of 2^20. */
static inline tce_scale tce_add_factor(tce_scale scale) {
    return tce_is_half(scale) ? (tce_scale){INT32_MAX, -1} : scale;
}

/* Zero point, clamp, and the fused activation's table. */
static inline int8_t tce_store(int32_t value, tce_output output) {
    value += output.zero_point;
    value = value < output.low ? output.low : value;
    value = value > output.high ? output.high : value;
    return output.table ? output.table[value + 128] : (int8_t)value;
}

#endif
