/* Requantisation on RV32IM, which has no saturation but the upper half of a product: what depends on the channel alone
 * is worked out once, so that a value costs eight instructions and the clamp. The bytes of tce_requant.h. */
#ifndef TCE_RV32_H
#define TCE_RV32_H

#include "tce_engine.h"
#include "tce_requant.h"

#define TCE_SHORT 22 /* right shifts up to here leave room for the zero point in `round` */

/* One channel's factor. */
typedef struct {
    uint32_t twice;  /* twice the multiplier: the upper word of a product by it is the doubled high multiply */
    int32_t right;   /* 1 .. TCE_SHORT; 0 where the long way must be taken */
    int32_t round;   /* half of the last place that stays, and the output's zero point */
    tce_scale scale; /* for the long way */
} tce_factor;

static inline tce_factor tce_make_factor(tce_scale scale, int32_t zero_point) {
    tce_factor factor = {2 * (uint32_t)scale.multiplier, 0, 0, scale};
    if (scale.shift < 0 && scale.shift >= -TCE_SHORT) {
        factor.right = -scale.shift;
        factor.round = (INT32_C(1) << (factor.right - 1)) + zero_point * (INT32_C(1) << factor.right);
    }
    return factor;
}

/* value * M and the zero point, where factor->right > 0. */
static inline int32_t tce_scaled(int32_t value, const tce_factor *factor) {
    const int64_t product = (int64_t)value * factor->twice;
    const int32_t high = (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
    return (high + factor->round + (high >> 31)) >> factor->right;
}

static inline int32_t tce_clamp(int32_t value, int32_t low, int32_t high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

/* Clamp, table. */
static inline int8_t tce_code(int32_t value, tce_output output) {
    value = tce_clamp(value, output.low, output.high);
    return output.table ? output.table[value + 128] : (int8_t)value;
}

/* Both, whatever the shift. */
static inline int8_t tce_finish(int32_t value, tce_factor factor, tce_output output) {
    return tce_code(
        factor.right > 0 ? tce_scaled(value, &factor) : tce_requant(value, factor.scale) + output.zero_point, output);
}

#endif
