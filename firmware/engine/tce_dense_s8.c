/* Fully connected layer. Two outputs at a time share each input value. */
#include "tce_engine.h"
#include "tce_requant.h"

static int8_t tce_finish(int32_t acc, const tce_dense *layer, int32_t channel)
{
    const tce_scale scale = layer->scale[channel];
    const tce_output output = layer->output;
    return tce_store(tce_requant_once(acc, scale.multiplier, scale.shift), output.zero_point, output.low, output.high);
}

void tce_dense_s8(const int8_t *in, int8_t *out, int32_t rows, const tce_dense *layer)
{
    const int32_t c_in = layer->c_in;

    for (int32_t r = 0; r < rows; r++) {
        const int8_t *w = layer->weights;
        int32_t c = 0;
        for (; c + 2 <= layer->c_out; c += 2) {
            int32_t acc0 = layer->bias[c];
            int32_t acc1 = layer->bias[c + 1];
            for (int32_t i = 0; i < c_in; i++) {
                acc0 += in[i] * w[i];
                acc1 += in[i] * w[c_in + i];
            }
            *out++ = tce_finish(acc0, layer, c);
            *out++ = tce_finish(acc1, layer, c + 1);
            w += 2 * c_in;
        }
        for (; c < layer->c_out; c++) {
            int32_t acc = layer->bias[c];
            for (int32_t i = 0; i < c_in; i++) {
                acc += in[i] * w[i];
            }
            *out++ = tce_finish(acc, layer, c);
            w += c_in;
        }
        in += c_in;
    }
}
