/* Convolution by gathering: the taps of two output pixels are copied side by side into scratch (zero point where the
 * window leaves the map) and multiplied by the weight matrix. One copy a tap is paid once for all output channels. */
#include "tce_engine.h"

#include <string.h>

/* Copies the taps of output pixel (y, x) to `patch`, [kernel_h][kernel_w][channels]. */
static void tce_gather(const int8_t *in, int8_t *patch, int32_t y, int32_t x, const tce_conv *layer) {
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    int32_t row = y * w->stride_h - w->pad_top;
    const int32_t first_column = x * w->stride_w - w->pad_left;

    for (int32_t i = 0; i < w->kernel_h; i++, row += w->dilation_h) {
        int32_t column = first_column;
        for (int32_t j = 0; j < w->kernel_w; j++, column += w->dilation_w) {
            if (row >= 0 && row < w->in_h && column >= 0 && column < w->in_w) {
                const int8_t *from = in + (row * w->in_w + column) * channels;
                for (int32_t c = 0; c < channels; c++) {
                    patch[c] = from[c];
                }
            } else {
                memset(patch, layer->in_zero_point, (size_t)channels);
            }
            patch += channels;
        }
    }
}

void tce_conv_row_s8(const int8_t *in, int8_t *out, int32_t y, int8_t *scratch, const tce_conv *layer) {
    const int32_t k = layer->product.k;
    const int32_t c_out = layer->product.c_out;
    const int32_t out_w = layer->window.out_w;

    for (int32_t x = 0; x < out_w; x += 2) {
        const int32_t pixels = out_w - x >= 2 ? 2 : 1;
        for (int32_t p = 0; p < pixels; p++) {
            tce_gather(in, scratch + p * k, y, x + p, layer);
        }
        tce_conv1x1_s8(scratch, out + x * c_out, pixels, &layer->product);
    }
}
