/* Element-wise sum or difference: residual connections. */
#include "tce_engine.h"
#include "tce_requant.h"

static inline int32_t tce_widen(int32_t value, int32_t zero_point, tce_scale scale) {
    return tce_requant((value - zero_point) * (INT32_C(1) << TCE_ADD_LEFT_SHIFT), scale);
}

void tce_add_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer) {
    const tce_output output = layer->output; /* copies: a store to `out` could otherwise change them */
    const tce_scale scale = layer->scale;
    const tce_scale a_scale = layer->a_scale;
    const tce_scale b_scale = layer->b_scale;
    const int32_t a_zero_point = layer->a_zero_point;
    const int32_t b_zero_point = layer->b_zero_point;
    const int32_t b_sign = layer->b_sign;
    const int32_t a_step = layer->a_stride[2];
    const int32_t b_step = layer->b_stride[2];

    for (int32_t i = 0; i < layer->size[0]; i++) {
        for (int32_t j = 0; j < layer->size[1]; j++) {
            const int8_t *x = a + i * layer->a_stride[0] + j * layer->a_stride[1];
            const int8_t *y = b + i * layer->b_stride[0] + j * layer->b_stride[1];
            for (int32_t k = layer->size[2]; k > 0; k--) {
                const int32_t sum =
                    tce_widen(*x, a_zero_point, a_scale) + b_sign * tce_widen(*y, b_zero_point, b_scale);
                *out++ = tce_store(tce_requant(sum, scale), output);
                x += a_step;
                y += b_step;
            }
        }
    }
}
