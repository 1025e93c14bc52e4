/* Pixels times a matrix. Blocks of two pixels by two channels: each value loaded serves two products, and the four
 * accumulators, four pointers and four operands just fit the registers of a Cortex-M. */
#include "tce_engine.h"
#include "tce_requant.h"

/* Sums of two pixels (x, x + k) and two channels (w, w + k): acc[0] pixel 0 channel 0, acc[1] pixel 0 channel 1, ... */
static inline void tce_block(const int8_t *x, const int8_t *w, int32_t k, int32_t acc[4]) {
    const int8_t *x1 = x + k;
    const int8_t *w1 = w + k;

#define TCE_STEP                                                                                                       \
    {                                                                                                                  \
        const int32_t a = *x++, b = *x1++, p = *w++, q = *w1++;                                                        \
        acc[0] += a * p;                                                                                               \
        acc[1] += a * q;                                                                                               \
        acc[2] += b * p;                                                                                               \
        acc[3] += b * q;                                                                                               \
    }
    for (; k >= 4; k -= 4) {
        TCE_STEP TCE_STEP TCE_STEP TCE_STEP
    }
    for (; k > 0; k--) {
        TCE_STEP
    }
#undef TCE_STEP
}

/* One pixel, one channel. */
static inline int32_t tce_dot(const int8_t *x, const int8_t *w, int32_t k) {
    int32_t acc = 0;
    for (int32_t i = 0; i < k; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}

void tce_conv1x1_s8(const int8_t *in, int8_t *restrict out, int32_t pixels, void *scratch, const tce_conv1x1 *layer) {
    (void)scratch;
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;
    const int32_t *bias = layer->bias;
    const tce_scales scale = layer->scale;
    const tce_output output = layer->output;

    for (; pixels >= 2; pixels -= 2) {
        const int8_t *w = layer->weights;
        int8_t *first = out;          /* pixel 0 */
        int8_t *second = out + c_out; /* pixel 1 */
        int32_t c = 0;
        for (; c + 2 <= c_out; c += 2) {
            int32_t acc[4] = {bias[c], bias[c + 1], bias[c], bias[c + 1]};
            tce_block(in, w, k, acc);
            tce_requant_two(&acc[0], &acc[2], tce_scale_of(scale, c));
            tce_requant_two(&acc[1], &acc[3], tce_scale_of(scale, c + 1));
            first[c] = tce_store(acc[0], output);
            first[c + 1] = tce_store(acc[1], output);
            second[c] = tce_store(acc[2], output);
            second[c + 1] = tce_store(acc[3], output);
            w += 2 * k;
        }
        if (c < c_out) {
            first[c] = tce_store(tce_requant(bias[c] + tce_dot(in, w, k), tce_scale_of(scale, c)), output);
            second[c] = tce_store(tce_requant(bias[c] + tce_dot(in + k, w, k), tce_scale_of(scale, c)), output);
        }
        in += 2 * k;
        out += 2 * c_out;
    }
    if (pixels > 0) {
        const int8_t *w = layer->weights;
        for (int32_t c = 0; c < c_out; c++) {
            out[c] = tce_store(tce_requant(bias[c] + tce_dot(in, w, k), tce_scale_of(scale, c)), output);
            w += k;
        }
    }
}
