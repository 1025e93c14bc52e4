/* Squeeze-and-excite on MVE: products of halfwords, eight channels at a time; even and odd ones are requantised apart
 * and meet again when they are narrowed. */
#include "tce_engine.h"
#include "tce_mve.h"

/* What the loop needs: one factor for all products. */
typedef struct {
    int32_t in_zero_point, gate_zero_point;
    int32_t multiplier, shift;
    tce_output output;
} tce_gate;

/* Requantises where the shift is to the right. */
static inline int32x4_t tce_scaled(int32x4_t product, int32_t multiplier, int32_t shift) {
    product = vqrdmulhq_n_s32(product, multiplier);
    return vrshlq_n_s32(vaddq_s32(product, vshrq_n_s32(product, 31)), shift);
}

/* Eight channels of every pixel. */
static void tce_eight(const int8_t *in, int16x8_t gate, int8_t *out, int32_t pixels, int32_t step,
                      const tce_gate *layer) {
    const int16x8_t low = vdupq_n_s16((int16_t)layer->output.low);
    const int16x8_t high = vdupq_n_s16((int16_t)layer->output.high);
    const int16_t in_zero_point = (int16_t)layer->in_zero_point;
    const int16_t zero_point = (int16_t)layer->output.zero_point;
    const int32_t multiplier = layer->multiplier;
    const int32_t shift = layer->shift;

    for (; pixels > 0; pixels--) {
        const int16x8_t x = vsubq_n_s16(vldrbq_s16(in), in_zero_point);
        const int32x4_t even = tce_scaled(vmullbq_int_s16(x, gate), multiplier, shift);
        const int32x4_t odd = tce_scaled(vmulltq_int_s16(x, gate), multiplier, shift);
        int16x8_t code = vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), even), odd);
        code = vminq_s16(vmaxq_s16(vqaddq_n_s16(code, zero_point), low), high);
        vstrbq_s16(out, code);
        in += step;
        out += step;
    }
}

/* Up to four channels, any shift, any table. */
static void tce_four(const int8_t *in, const int8_t *gate, int8_t *out, int32_t pixels, int32_t step, int32_t count,
                     const tce_gate *layer) {
    const mve_pred16_t some = vctp32q((uint32_t)count);
    const int32x4_t factor = vsubq_n_s32(vldrbq_z_s32(gate, some), layer->gate_zero_point);
    const tce_scale4 scale = tce_same_scale((tce_scale){layer->multiplier, layer->shift});

    for (; pixels > 0; pixels--) {
        const int32x4_t x = vsubq_n_s32(vldrbq_z_s32(in, some), layer->in_zero_point);
        vstrbq_p_s32(out, tce_codes4(tce_requant4(vmulq_s32(x, factor), scale), layer->output), some);
        in += step;
        out += step;
    }
}

void tce_mul_channels_s8(const int8_t *in, const int8_t *gate, int8_t *out, int32_t pixels, int32_t channels,
                         const tce_binary *layer) {
    const tce_gate all = {layer->a_zero_point, layer->b_zero_point, layer->scale.multiplier, layer->scale.shift,
                          layer->output};
    int32_t c = 0;
    if (all.shift < 0 && !all.output.table) {
        for (; c + 8 <= channels; c += 8) {
            const int16x8_t factor = vsubq_n_s16(vldrbq_s16(gate + c), (int16_t)all.gate_zero_point);
            tce_eight(in + c, factor, out + c, pixels, channels, &all);
        }
    }
    for (; c < channels; c += 4) {
        tce_four(in + c, gate + c, out + c, pixels, channels, channels - c, &all);
    }
}
