/* Element-wise sum on MVE: the inputs' scaled values by gathers of words, one requantisation, four at a time. */
#include "tce_engine.h"
#include "tce_mve.h"

void tce_add_table_s8(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, const tce_add_table *layer) {
    const tce_output output = layer->output;
    const int32_t *a_zero = layer->a + 128;
    const int32_t *b_zero = layer->b + 128;
    const int32_t multiplier = layer->scale.multiplier;
    const int32_t shift = layer->scale.shift;
    const int32x4_t low = vdupq_n_s32(output.low);
    const int32x4_t high = vdupq_n_s32(output.high);

    if (shift < 0 && !output.table) {
        for (int32_t n = count / 4; n > 0; n--) {
            /* addresses wrap, so a negative offset is as good as any */
            int32x4_t sum = vaddq_s32(vldrwq_gather_shifted_offset_s32(a_zero, vreinterpretq_u32_s32(vldrbq_s32(a))),
                                      vldrwq_gather_shifted_offset_s32(b_zero, vreinterpretq_u32_s32(vldrbq_s32(b))));
            sum = vqrdmulhq_n_s32(sum, multiplier);
            sum = vrshlq_n_s32(vaddq_s32(sum, vshrq_n_s32(sum, 31)), shift);
            sum = vaddq_n_s32(sum, output.zero_point);
            vstrbq_s32(out, vminq_s32(vmaxq_s32(sum, low), high));
            a += 4;
            b += 4;
            out += 4;
        }
        count %= 4;
    }
    for (; count > 0; count -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        const uint32x4_t at_a = vreinterpretq_u32_s32(vldrbq_z_s32(a, some));
        const uint32x4_t at_b = vreinterpretq_u32_s32(vldrbq_z_s32(b, some));
        const int32x4_t sum = vaddq_s32(vldrwq_gather_shifted_offset_z_s32(a_zero, at_a, some),
                                        vldrwq_gather_shifted_offset_z_s32(b_zero, at_b, some));
        vstrbq_p_s32(out, tce_codes4(tce_requant4(sum, tce_same_scale(layer->scale)), output), some);
        a += 4;
        b += 4;
        out += 4;
    }
}
