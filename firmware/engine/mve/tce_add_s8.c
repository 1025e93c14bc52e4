/* Element-wise sum on MVE, four at a time. Where a is halved, as it is in a sum that LiteRT made, a multiply-add does
 * that; what such a run leaves, and every other, takes any factors. */
#include "tce_engine.h"
#include "tce_mve.h"
#include "tce_requant.h"

/* Where shift < 0: half away from zero. */
static inline int32x4_t tce_scaled(int32x4_t value, tce_scale scale) {
    value = vqrdmulhq_n_s32(value, scale.multiplier);
    return vrshlq_n_s32(vaddq_s32(value, vshrq_n_s32(value, 31)), scale.shift);
}

/* Dense inputs, shifts to the right, no table. */
TCE_NOINLINE static void tce_fours(const int8_t *a, const int8_t *b, int8_t *out, int32_t fours,
                                   const tce_binary *layer) {
    int32_t half = INT32_C(1) << (TCE_ADD_LEFT_SHIFT - 1);
    __asm__("" : "+r"(half)); /* a power of two that a compiler knows becomes a shift, and an addition more */
    const int32x4_t whole = vdupq_n_s32(2 * half);
    const int32_t a_zero = -half * layer->a_zero_point, b_zero = -2 * half * layer->b_zero_point;
    const tce_scale factor = tce_add_factor(layer->b_scale), scale = layer->scale;
    const int32_t zero_point = layer->output.zero_point;
    const int32x4_t low = vdupq_n_s32(layer->output.low), high = vdupq_n_s32(layer->output.high);

    for (; fours > 0; fours--) {
        int32x4_t sum = tce_scaled(vmlasq_n_s32(vldrbq_s32(b), whole, b_zero), factor);
        sum = vmlaq_n_s32(vaddq_n_s32(sum, a_zero), vldrbq_s32(a), half);
        sum = vaddq_n_s32(tce_scaled(sum, scale), zero_point);
        vstrbq_s32(out, vminq_s32(vmaxq_s32(sum, low), high));
        a += 4;
        b += 4;
        out += 4;
    }
}

static inline int32x4_t tce_widen(int32x4_t code, int32_t zero_point, tce_scale scale) {
    return tce_requant4(vshlq_n_s32(vsubq_n_s32(code, zero_point), TCE_ADD_LEFT_SHIFT), tce_same_scale(scale));
}

/* Any run; a step is 0 or the number of elements between neighbours. */
TCE_NOINLINE static void tce_run(const int8_t *a, const int8_t *b, int8_t *out, int32_t count,
                                 const tce_binary *layer) {
    const int32x4_t place = vreinterpretq_s32_u32(vidupq_n_u32(0, 1));
    const uint32x4_t at_a = vreinterpretq_u32_s32(vmulq_n_s32(place, layer->a_stride[2]));
    const uint32x4_t at_b = vreinterpretq_u32_s32(vmulq_n_s32(place, layer->b_stride[2]));
    for (; count > 0; count -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        const int32x4_t x = vldrbq_gather_offset_z_s32(a, at_a, some), y = vldrbq_gather_offset_z_s32(b, at_b, some);
        const int32x4_t scaled = tce_widen(y, layer->b_zero_point, layer->b_scale);
        int32x4_t sum = vmlaq_n_s32(tce_widen(x, layer->a_zero_point, layer->a_scale), scaled, layer->b_sign);
        sum = tce_requant4(sum, tce_same_scale(layer->scale));
        vstrbq_p_s32(out, tce_codes4(sum, layer->output), some);
        a += 4 * layer->a_stride[2];
        b += 4 * layer->b_stride[2];
        out += 4;
    }
}

/* Where a run of dense inputs takes the short way. */
static int tce_is_short(const tce_binary *layer) {
    return layer->a_stride[2] == 1 && layer->b_stride[2] == 1 && layer->b_sign == 1 && tce_is_half(layer->a_scale) &&
           tce_add_factor(layer->b_scale).shift < 0 && layer->scale.shift < 0 && !layer->output.table;
}

void tce_add_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer) {
    const int32_t count = layer->size[2], done = tce_is_short(layer) ? count & ~3 : 0;

    for (int32_t i = 0; i < layer->size[0]; i++) {
        for (int32_t j = 0; j < layer->size[1]; j++) {
            const int8_t *x = a + i * layer->a_stride[0] + j * layer->a_stride[1];
            const int8_t *y = b + i * layer->b_stride[0] + j * layer->b_stride[1];
            if (done > 0) {
                tce_fours(x, y, out, done / 4, layer);
            }
            if (done < count) {
                tce_run(x + done * layer->a_stride[2], y + done * layer->b_stride[2], out + done, count - done, layer);
            }
            out += count;
        }
    }
}
