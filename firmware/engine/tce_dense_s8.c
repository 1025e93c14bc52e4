/* Fully connected layer. Two outputs at a time share each input value. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_dense_s8(const int8_t *in, int8_t *restrict out, int32_t rows, void *scratch, const tce_dense *layer) {
    (void)scratch;
    const int32_t c_in = layer->c_in;
    const int32_t *bias = layer->bias;
    const tce_scales scale = layer->scale;
    const tce_output output = layer->output;

    for (int32_t r = 0; r < rows; r++) {
        const int8_t *w = layer->weights;
        int32_t c = 0;
        for (; c + 2 <= layer->c_out; c += 2) {
            int32_t acc0 = bias[c];
            int32_t acc1 = bias[c + 1];
            for (int32_t i = 0; i < c_in; i++) {
                acc0 += in[i] * w[i];
                acc1 += in[i] * w[c_in + i];
            }
            *out++ = tce_store(tce_requant_once(acc0, tce_scale_of(scale, c)), output);
            *out++ = tce_store(tce_requant_once(acc1, tce_scale_of(scale, c + 1)), output);
            w += 2 * c_in;
        }
        for (; c < layer->c_out; c++) {
            int32_t acc = bias[c];
            for (int32_t i = 0; i < c_in; i++) {
                acc += in[i] * w[i];
            }
            *out++ = tce_store(tce_requant_once(acc, tce_scale_of(scale, c)), output);
            w += c_in;
        }
        in += c_in;
    }
}
