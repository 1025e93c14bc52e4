/* Any convolution on MVE: the taps of several output pixels are gathered side by side and multiplied together, so that
 * what tce_conv1x1_s8 does once a block of channels is shared.
 *
 * Scratch: the gathered taps of tce_at_once() pixels. */
#include "tce_engine.h"
#include "tce_mve.h"

#define TCE_PATCH_BYTES 1024

/* Pixels that are gathered before they are multiplied: an even number, at least 2, at most 16. */
static int32_t tce_at_once(int32_t k) {
    const int32_t fit = TCE_PATCH_BYTES / k / 2 * 2;
    return fit < 2 ? 2 : fit > 16 ? 16 : fit;
}

/* Copies the taps of the output pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels].
 */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_conv *layer) {
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    const int32_t right = left + (w->kernel_w - 1) * w->dilation_w;
    const int together = w->dilation_w == 1 && left >= 0 && right < w->in_w;

    for (int32_t i = 0; i < w->kernel_h; i++) {
        const int8_t *row = rows[i];
        if (row && together) {
            tce_copy(patch, row + left * channels, w->kernel_w * channels);
            patch += w->kernel_w * channels;
            continue;
        }
        for (int32_t column = left; column <= right; column += w->dilation_w) {
            if (row && column >= 0 && column < w->in_w) {
                tce_copy(patch, row + column * channels, channels);
            } else {
                tce_fill(patch, layer->in_zero_point, channels);
            }
            patch += channels;
        }
    }
}

void tce_conv_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_conv *layer) {
    const int32_t k = layer->product.k;
    const int32_t at_once = tce_at_once(k);
    const int32_t out_w = layer->window.out_w;

    for (int32_t x = 0; x < out_w; x += at_once) {
        const int32_t pixels = out_w - x < at_once ? out_w - x : at_once;
        int8_t *patch = scratch;
        for (int32_t p = 0; p < pixels; p++) {
            tce_gather(rows, patch, (x + p) * layer->window.stride_w - layer->window.pad_left, layer);
            patch += k;
        }
        tce_conv1x1_s8(scratch, out + x * layer->product.c_out, pixels, NULL, &layer->product);
    }
}
