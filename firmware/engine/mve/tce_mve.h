/* Vector requantisation for cores with MVE: four accumulators a register, the bytes of tce_requant.h. */
#ifndef TCE_MVE_H
#define TCE_MVE_H

#if !defined(__ARM_FEATURE_MVE) || !(__ARM_FEATURE_MVE & 1)
#error "engine/mve needs a core with MVE, such as -mcpu=cortex-m55 (zig: cortex_m55+mve)"
#endif

#include "tce_engine.h"

#include <arm_mve.h>

/* The factors of four channels. */
typedef struct {
    int32x4_t multiplier, shift;
} tce_scale4;

/* Factors of channels c .. c + 3. */
static inline tce_scale4 tce_load_scale(tce_scales scale, int32_t c) {
    return (tce_scale4){vldrwq_s32(scale.multiplier + c), vldrbq_s32(scale.shift + c)};
}

/* The same of the channels that `some` has lanes for; 0 in the others. */
static inline tce_scale4 tce_load_scale_some(tce_scales scale, int32_t c, mve_pred16_t some) {
    return (tce_scale4){vldrwq_z_s32(scale.multiplier + c, some), vldrbq_z_s32(scale.shift + c, some)};
}

/* One factor for every lane. */
static inline tce_scale4 tce_same_scale(tce_scale scale) {
    return (tce_scale4){vdupq_n_s32(scale.multiplier), vdupq_n_s32(scale.shift)};
}

/* value * M, both roundings, shifts of either sign. VRSHL rounds half up; the one that is subtracted from what is
 * negative and shifted right makes it half away from zero. */
static inline int32x4_t tce_requant4(int32x4_t value, tce_scale4 scale) {
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t right = vminq_s32(scale.shift, zero);
    value = vqrdmulhq_s32(vshlq_s32(value, vmaxq_s32(scale.shift, zero)), scale.multiplier);
    value = vaddq_s32(value, vshrq_n_s32(vandq_s32(value, right), 31));
    return vrshlq_s32(value, right);
}

/* Zero point, clamp, table: codes in the low bytes of the lanes, for vstrbq_s32. */
static inline int32x4_t tce_codes4(int32x4_t value, tce_output output) {
    value = vaddq_n_s32(value, output.zero_point);
    value = vminq_s32(vmaxq_s32(value, vdupq_n_s32(output.low)), vdupq_n_s32(output.high));
    if (output.table) {
        value = vldrbq_gather_offset_s32(output.table, vreinterpretq_u32_s32(vaddq_n_s32(value, 128)));
    }
    return value;
}

/* memcpy and memset, in line. */
static inline void tce_copy(int8_t *to, const int8_t *from, int32_t count) {
    for (; count > 0; count -= 16) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
        to += 16;
        from += 16;
    }
}

static inline void tce_fill(int8_t *to, int32_t value, int32_t count) {
    for (; count > 0; count -= 16) {
        vstrbq_p_s8(to, vdupq_n_s8((int8_t)value), vctp8q((uint32_t)count));
        to += 16;
    }
}

#endif
