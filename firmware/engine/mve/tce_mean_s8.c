/* Mean over axes on MVE: eight neighbouring outputs at a time, summed in halfwords over up to 255 elements. */
#include "tce_engine.h"
#include "tce_mve.h"

#define TCE_ELEMENTS 255 /* 255 * -128 still fits a halfword */

/* `count` (1 .. 8) neighbouring outputs, `in` points at their first element. */
static void tce_eight(const int8_t *in, int8_t *out, int32_t count, const tce_mean *layer) {
    const mve_pred16_t some = vctp16q((uint32_t)count);
    const tce_scale4 scale = tce_same_scale(layer->scale);
    const int32_t together = layer->middle == 1; /* both blocks of axes are one */
    const int32_t runs = together ? 1 : layer->reduce_a;
    const int32_t length = together ? layer->reduce_a * layer->reduce_b : layer->reduce_b;
    const int32_t block = layer->middle * layer->reduce_b * layer->inner;
    int32x4_t even = vdupq_n_s32(layer->offset);
    int32x4_t odd = even;

    for (int32_t run = 0; run < runs; run++) {
        const int8_t *x = in + run * block;
        for (int32_t left = length; left > 0; left -= TCE_ELEMENTS) {
            int16x8_t sum = vdupq_n_s16(0);
            for (int32_t n = left < TCE_ELEMENTS ? left : TCE_ELEMENTS; n > 0; n--) {
                sum = vaddq_s16(sum, vldrbq_z_s16(x, some));
                x += layer->inner;
            }
            even = vaddq_s32(even, vmovlbq_s16(sum));
            odd = vaddq_s32(odd, vmovltq_s16(sum));
        }
    }
    even = tce_codes4(tce_requant4(even, scale), layer->output);
    odd = tce_codes4(tce_requant4(odd, scale), layer->output);
    vstrbq_p_s16(out, vmovntq_s32(vreinterpretq_s16_s32(even), odd), some);
}

void tce_mean_s8(const int8_t *in, int8_t *out, const tce_mean *layer) {
    const int32_t inner = layer->inner;

    for (int32_t o = 0; o < layer->outer; o++) {
        for (int32_t m = 0; m < layer->middle; m++) {
            const int8_t *first = in + (o * layer->reduce_a * layer->middle + m) * layer->reduce_b * inner;
            for (int32_t i = 0; i < inner; i += 8) {
                tce_eight(first + i, out + i, inner - i, layer);
            }
            out += inner;
        }
    }
}
