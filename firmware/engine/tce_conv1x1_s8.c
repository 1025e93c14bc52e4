/* Pixels times a matrix. Blocks of two pixels by two channels: each value loaded serves two products, and the four
 * accumulators, four pointers and four operands just fit the registers of a Cortex-M. */
#include "tce_engine.h"
#include "tce_requant.h"

/* One pixel, one channel. */
static int32_t tce_dot(const int8_t *x, const int8_t *w, int32_t k)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

static int8_t tce_finish(int32_t acc, const tce_conv1x1 *layer, int32_t channel)
{
    const tce_scale scale = layer->scale[channel];
    const tce_output output = layer->output;
    return tce_store(tce_requant(acc, scale.multiplier, scale.shift), output.zero_point, output.low, output.high);
}

/* Two pixels, all channels. */
static void tce_two_pixels(const int8_t *in, int8_t *out, const tce_conv1x1 *layer)
{
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;
    const int8_t *w = layer->weights;
    int32_t c = 0;

    for (; c + 2 <= c_out; c += 2) {
        const int8_t *x0 = in;
        const int8_t *x1 = in + k;
        const int8_t *w0 = w;
        const int8_t *w1 = w + k;
        int32_t acc00 = layer->bias[c];
        int32_t acc01 = layer->bias[c + 1];
        int32_t acc10 = acc00;
        int32_t acc11 = acc01;
        for (int32_t i = k; i > 0; i--) {
            const int32_t a = *x0++;
            const int32_t b = *x1++;
            const int32_t p = *w0++;
            const int32_t q = *w1++;
            acc00 += a * p;
            acc01 += a * q;
            acc10 += b * p;
            acc11 += b * q;
        }
        out[c] = tce_finish(acc00, layer, c);
        out[c + 1] = tce_finish(acc01, layer, c + 1);
        out[c_out + c] = tce_finish(acc10, layer, c);
        out[c_out + c + 1] = tce_finish(acc11, layer, c + 1);
        w += 2 * k;
    }
    for (; c < c_out; c++) {
        out[c] = tce_finish(layer->bias[c] + tce_dot(in, w, k), layer, c);
        out[c_out + c] = tce_finish(layer->bias[c] + tce_dot(in + k, w, k), layer, c);
        w += k;
    }
}

void tce_conv1x1_s8(const int8_t *in, int8_t *out, int32_t pixels, const tce_conv1x1 *layer)
{
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;

    for (; pixels >= 2; pixels -= 2) {
        tce_two_pixels(in, out, layer);
        in += 2 * k;
        out += 2 * c_out;
    }
    if (pixels > 0) {
        for (int32_t c = 0; c < c_out; c++) {
            out[c] = tce_finish(layer->bias[c] + tce_dot(in, layer->weights + c * k, k), layer, c);
        }
    }
}
