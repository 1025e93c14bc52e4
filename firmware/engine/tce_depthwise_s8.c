/* Depthwise convolution, one output a channel. The addresses of a pixel's taps are found once, then four channels at a
 * time walk over them with their accumulators in registers. A tap outside the map counts as the input's zero point,
 * which is what the folded bias expects, so inner and border pixels take the same path. */
#include "tce_engine.h"
#include "tce_requant.h"

#include <stddef.h>

/* Addresses of the taps of the output pixel whose window starts at (top, left), channel 0; NULL outside the map. */
static void tce_find_taps(const int8_t *in, int32_t top, int32_t left, const tce_window *w, const int8_t **taps) {
    for (int32_t i = 0; i < w->kernel_h; i++, top += w->dilation_h) {
        const int row_inside = top >= 0 && top < w->in_h;
        int32_t column = left;
        int32_t at = (top * w->in_w + left) * w->channels;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            *taps++ = row_inside && column >= 0 && column < w->in_w ? in + at : NULL;
            column += w->dilation_w;
            at += w->dilation_w * w->channels;
        }
    }
}

/* Channels c .. c + 3 of one pixel. Out of line: alone, its loop keeps everything in registers. */
TCE_NOINLINE static void tce_four(const int8_t *const *taps, int8_t *out, int32_t c, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    const int8_t *k = layer->weights + c;
    const int8_t *const *end = taps + layer->window.kernel_h * layer->window.kernel_w;
    const int8_t zero = (int8_t)layer->in_zero_point;
    const int8_t outside[4] = {zero, zero, zero, zero};
    int32_t acc0 = layer->bias[c];
    int32_t acc1 = layer->bias[c + 1];
    int32_t acc2 = layer->bias[c + 2];
    int32_t acc3 = layer->bias[c + 3];

    do {
        const int8_t *x = *taps ? *taps + c : outside;
        acc0 += x[0] * k[0];
        acc1 += x[1] * k[1];
        acc2 += x[2] * k[2];
        acc3 += x[3] * k[3];
        taps++;
        k += channels;
    } while (taps != end);

    const tce_output output = layer->output;
    const tce_scale *scale = layer->scale + c;
    out[0] = tce_store(tce_requant(acc0, scale[0]), output);
    out[1] = tce_store(tce_requant(acc1, scale[1]), output);
    out[2] = tce_store(tce_requant(acc2, scale[2]), output);
    out[3] = tce_store(tce_requant(acc3, scale[3]), output);
}

/* Channel c of one pixel, for the channels that four does not divide. */
TCE_NOINLINE static int8_t tce_one(const int8_t *const *taps, int32_t c, const tce_depthwise *layer) {
    const int8_t *k = layer->weights + c;
    int32_t acc = layer->bias[c];

    for (int32_t t = layer->window.kernel_h * layer->window.kernel_w; t > 0; t--) {
        const int8_t *x = *taps++;
        acc += (x ? x[c] : layer->in_zero_point) * *k;
        k += layer->window.channels;
    }
    return tce_store(tce_requant(acc, layer->scale[c]), layer->output);
}

void tce_depthwise_row_s8(const int8_t *in, int8_t *out, int32_t y, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t top = y * w->stride_h - w->pad_top;
    int32_t left = -w->pad_left;
    const int8_t *taps[TCE_DEPTHWISE_TAPS];

    for (int32_t x = 0; x < w->out_w; x++) {
        int32_t c = 0;
        tce_find_taps(in, top, left, w, taps);
        for (; c + 4 <= w->channels; c += 4) {
            tce_four(taps, out + c, c, layer);
        }
        for (; c < w->channels; c++) {
            out[c] = tce_one(taps, c, layer);
        }
        out += w->channels;
        left += w->stride_w;
    }
}
