/* Depthwise convolution, one output a channel. Four channels at a time walk over a pixel's taps with their accumulators
 * in registers. A pixel whose window leaves the map has its taps copied to scratch first, with the input's zero point
 * outside, which is what the folded bias expects: one inner loop serves both. */
#include "tce_engine.h"
#include "tce_requant.h"

#include <string.h>

/* The taps of one pixel: tap (i, j) of channel c is rows[i][at + j * step + c]. */
typedef struct {
    const int8_t *const *rows;
    int32_t at, step;
} tce_taps;

/* Channels c .. c + 3 of one pixel. Out of line: alone, its loop keeps everything in registers. */
TCE_NOINLINE static void tce_four(const tce_taps *taps, int8_t *out, int32_t c, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    const int32_t step = taps->step;
    const int8_t *k = layer->weights + c;
    const int8_t *const *rows = taps->rows;
    const int8_t *const *end = rows + layer->window.kernel_h;
    const int32_t at = taps->at + c;
    int32_t acc0 = layer->bias[c];
    int32_t acc1 = layer->bias[c + 1];
    int32_t acc2 = layer->bias[c + 2];
    int32_t acc3 = layer->bias[c + 3];

    do {
        const int8_t *x = *rows++ + at;
        for (int32_t j = layer->window.kernel_w; j > 0; j--) {
            acc0 += x[0] * k[0];
            acc1 += x[1] * k[1];
            acc2 += x[2] * k[2];
            acc3 += x[3] * k[3];
            x += step;
            k += channels;
        }
    } while (rows != end);

    const tce_output output = layer->output;
    const tce_scales scale = layer->scale;
    out[0] = tce_store(tce_requant(acc0, tce_scale_of(scale, c)), output);
    out[1] = tce_store(tce_requant(acc1, tce_scale_of(scale, c + 1)), output);
    out[2] = tce_store(tce_requant(acc2, tce_scale_of(scale, c + 2)), output);
    out[3] = tce_store(tce_requant(acc3, tce_scale_of(scale, c + 3)), output);
}

/* Channel c of one pixel, for the channels that four does not divide. */
TCE_NOINLINE static int8_t tce_one(const tce_taps *taps, int32_t c, const tce_depthwise *layer) {
    const int8_t *k = layer->weights + c;
    int32_t acc = layer->bias[c];

    for (int32_t i = 0; i < layer->window.kernel_h; i++) {
        const int8_t *x = taps->rows[i] + taps->at + c;
        for (int32_t j = layer->window.kernel_w; j > 0; j--) {
            acc += *x * *k;
            x += taps->step;
            k += layer->window.channels;
        }
    }
    return tce_store(tce_requant(acc, tce_scale_of(layer->scale, c)), layer->output);
}

/* Copies the taps of the pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels]. */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const size_t channels = (size_t)w->channels;
    for (int32_t i = 0; i < w->kernel_h; i++) {
        int32_t column = left;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            if (rows[i] && column >= 0 && column < w->in_w) {
                memcpy(patch, rows[i] + column * w->channels, channels);
            } else {
                memset(patch, layer->in_zero_point, channels);
            }
            patch += channels;
            column += w->dilation_w;
        }
    }
}

void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int8_t *patch_rows[TCE_DEPTHWISE_TAPS];
    int whole = 1; /* every row of the window lies in the map */
    for (int32_t i = 0; i < w->kernel_h; i++) {
        patch_rows[i] = (const int8_t *)scratch + i * w->kernel_w * w->channels;
        whole &= rows[i] != NULL;
    }

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        tce_taps taps = {rows, left * w->channels, w->dilation_w * w->channels};
        if (!whole || left < 0 || left + (w->kernel_w - 1) * w->dilation_w >= w->in_w) {
            tce_gather(rows, scratch, left, layer);
            taps = (tce_taps){patch_rows, 0, w->channels};
        }
        int32_t c = 0;
        for (; c + 4 <= w->channels; c += 4) {
            tce_four(&taps, out + c, c, layer);
        }
        for (; c < w->channels; c++) {
            out[c] = tce_one(&taps, c, layer);
        }
        out += w->channels;
    }
}
