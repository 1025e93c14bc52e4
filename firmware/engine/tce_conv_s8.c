/* Any convolution as gathered taps times a matrix: two pixels at a time, because tce_conv1x1_s8 works on two. */
#include "tce_engine.h"

#include <string.h>

/* Copies the taps of the output pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels].
 */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_conv *layer) {
    const tce_window *w = &layer->window;
    const size_t channels = (size_t)w->channels;
    const int32_t right = left + (w->kernel_w - 1) * w->dilation_w;
    const int together = w->dilation_w == 1 && left >= 0 && right < w->in_w;

    for (int32_t i = 0; i < w->kernel_h; i++) {
        const int8_t *row = rows[i];
        if (row && together) {
            memcpy(patch, row + left * w->channels, (size_t)w->kernel_w * channels);
            patch += w->kernel_w * w->channels;
            continue;
        }
        for (int32_t column = left; column <= right; column += w->dilation_w) {
            if (row && column >= 0 && column < w->in_w) {
                memcpy(patch, row + column * w->channels, channels);
            } else {
                memset(patch, layer->in_zero_point, channels);
            }
            patch += w->channels;
        }
    }
}

void tce_conv_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_conv *layer) {
    const int32_t k = layer->product.k;
    const int32_t c_out = layer->product.c_out;
    const int32_t out_w = layer->window.out_w;
    int8_t *patch = scratch;
    int8_t *rest = patch + (2 * k + 15) / 16 * 16;

    for (int32_t x = 0; x < out_w; x += 2) {
        const int32_t pixels = out_w - x >= 2 ? 2 : 1;
        for (int32_t p = 0; p < pixels; p++) {
            tce_gather(rows, patch + p * k, (x + p) * layer->window.stride_w - layer->window.pad_left, layer);
        }
        tce_conv1x1_s8(patch, out + x * c_out, pixels, rest, &layer->product);
    }
}
