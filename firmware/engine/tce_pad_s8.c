/* Padding as a layer of its own (the generator folds it into a convolution where it can). */
#include "tce_engine.h"

#include <string.h>

static int8_t *tce_fill(int8_t *out, int32_t count, int8_t value) {
    memset(out, value, (size_t)count);
    return out + count;
}

void tce_pad_s8(const int8_t *in, int8_t *out, const tce_pad *layer) {
    int32_t block[4]; /* output elements of one step along each axis */
    block[3] = 1;
    for (int axis = 2; axis >= 0; axis--) {
        block[axis] = block[axis + 1] * (layer->before[axis + 1] + layer->size[axis + 1] + layer->after[axis + 1]);
    }
    out = tce_fill(out, layer->before[0] * block[0], layer->value);
    for (int32_t i = 0; i < layer->size[0]; i++) {
        out = tce_fill(out, layer->before[1] * block[1], layer->value);
        for (int32_t j = 0; j < layer->size[1]; j++) {
            out = tce_fill(out, layer->before[2] * block[2], layer->value);
            for (int32_t k = 0; k < layer->size[2]; k++) {
                out = tce_fill(out, layer->before[3], layer->value);
                memcpy(out, in, (size_t)layer->size[3]);
                in += layer->size[3];
                out = tce_fill(out + layer->size[3], layer->after[3], layer->value);
            }
            out = tce_fill(out, layer->after[2] * block[2], layer->value);
        }
        out = tce_fill(out, layer->after[1] * block[1], layer->value);
    }
    (void)tce_fill(out, layer->after[0] * block[0], layer->value);
}
