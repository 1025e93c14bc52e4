/* Element-wise product: squeeze-and-excite gates (b repeats over the pixels), masks. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_mul_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer) {
    const tce_output output = layer->output; /* copies: a store to `out` could otherwise change them */
    const tce_scale scale = layer->scale;
    const int32_t a_zero_point = layer->a_zero_point;
    const int32_t b_zero_point = layer->b_zero_point;
    const int32_t a_step = layer->a_stride[2];
    const int32_t b_step = layer->b_stride[2];

    for (int32_t i = 0; i < layer->size[0]; i++) {
        for (int32_t j = 0; j < layer->size[1]; j++) {
            const int8_t *x = a + i * layer->a_stride[0] + j * layer->a_stride[1];
            const int8_t *y = b + i * layer->b_stride[0] + j * layer->b_stride[1];
            for (int32_t k = layer->size[2]; k > 0; k--) {
                const int32_t product = (*x - a_zero_point) * (*y - b_zero_point);
                *out++ = tce_store(tce_requant(product, scale), output);
                x += a_step;
                y += b_step;
            }
        }
    }
}
