/* Transposition of up to four axes. */
#include "tce_engine.h"

void tce_transpose_s8(const int8_t *in, int8_t *out, const tce_transpose *layer) {
    for (int32_t i = 0; i < layer->size[0]; i++) {
        for (int32_t j = 0; j < layer->size[1]; j++) {
            for (int32_t k = 0; k < layer->size[2]; k++) {
                const int8_t *x = in + i * layer->stride[0] + j * layer->stride[1] + k * layer->stride[2];
                for (int32_t l = 0; l < layer->size[3]; l++) {
                    *out++ = *x;
                    x += layer->stride[3];
                }
            }
        }
    }
}
