/* Depthwise convolution, one output a channel. Four channels at a time: four accumulators stay in registers while the
 * taps are walked, and each tap's address is computed once for the four. */
#include "tce_engine.h"
#include "tce_requant.h"

#include <stddef.h>

static int8_t tce_finish(int32_t acc, const tce_depthwise *layer, int32_t channel)
{
    const tce_scale scale = layer->scale[channel];
    const tce_output output = layer->output;
    return tce_store(tce_requant(acc, scale.multiplier, scale.shift), output.zero_point, output.low, output.high);
}

/* A pixel whose window lies inside the map; `in` points at its first tap. */
static void tce_inner_pixel(const int8_t *in, int8_t *out, const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    const int32_t column_step = w->dilation_w * channels;
    const int32_t row_step = w->dilation_h * w->in_w * channels - w->kernel_w * column_step;
    int32_t c = 0;

    for (; c + 4 <= channels; c += 4) {
        const int8_t *x = in + c;
        const int8_t *k = layer->weights + c;
        int32_t acc0 = layer->bias[c];
        int32_t acc1 = layer->bias[c + 1];
        int32_t acc2 = layer->bias[c + 2];
        int32_t acc3 = layer->bias[c + 3];
        for (int32_t i = w->kernel_h; i > 0; i--) {
            for (int32_t j = w->kernel_w; j > 0; j--) {
                acc0 += x[0] * k[0];
                acc1 += x[1] * k[1];
                acc2 += x[2] * k[2];
                acc3 += x[3] * k[3];
                x += column_step;
                k += channels;
            }
            x += row_step;
        }
        out[c] = tce_finish(acc0, layer, c);
        out[c + 1] = tce_finish(acc1, layer, c + 1);
        out[c + 2] = tce_finish(acc2, layer, c + 2);
        out[c + 3] = tce_finish(acc3, layer, c + 3);
    }
    for (; c < channels; c++) {
        const int8_t *x = in + c;
        const int8_t *k = layer->weights + c;
        int32_t acc = layer->bias[c];
        for (int32_t i = w->kernel_h; i > 0; i--) {
            for (int32_t j = w->kernel_w; j > 0; j--) {
                acc += *x * *k;
                x += column_step;
                k += channels;
            }
            x += row_step;
        }
        out[c] = tce_finish(acc, layer, c);
    }
}

/* Adds tap `in` (NULL outside the map, where it is the zero point) for channels c .. c + 3. */
static void tce_border_tap(const int8_t *in, const int8_t *k, int32_t zero_point, int32_t acc[4])
{
    for (int32_t lane = 0; lane < 4; lane++) {
        acc[lane] += (in ? in[lane] : zero_point) * k[lane];
    }
}

/* A pixel whose window leaves the map. */
static void tce_border_pixel(const int8_t *in, int8_t *out, int32_t top, int32_t left, const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    int32_t c = 0;

    while (c < channels) {
        const int32_t lanes = channels - c >= 4 ? 4 : 1;
        const int8_t *k = layer->weights + c;
        int32_t acc[4];
        for (int32_t lane = 0; lane < lanes; lane++) {
            acc[lane] = layer->bias[c + lane];
        }
        for (int32_t i = 0; i < w->kernel_h; i++) {
            const int32_t row = top + i * w->dilation_h;
            for (int32_t j = 0; j < w->kernel_w; j++) {
                const int32_t column = left + j * w->dilation_w;
                const int inside = row >= 0 && row < w->in_h && column >= 0 && column < w->in_w;
                const int8_t *x = inside ? in + (row * w->in_w + column) * channels + c : NULL;
                if (lanes == 4) {
                    tce_border_tap(x, k, layer->in_zero_point, acc);
                } else {
                    acc[0] += (x ? *x : layer->in_zero_point) * *k;
                }
                k += channels;
            }
        }
        for (int32_t lane = 0; lane < lanes; lane++) {
            out[c + lane] = tce_finish(acc[lane], layer, c + lane);
        }
        c += lanes;
    }
}

void tce_depthwise_row_s8(const int8_t *in, int8_t *out, int32_t y, const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    const int32_t top = y * w->stride_h - w->pad_top;
    const int32_t bottom = top + (w->kernel_h - 1) * w->dilation_h;
    int32_t left = -w->pad_left;

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t right = left + (w->kernel_w - 1) * w->dilation_w;
        if (top >= 0 && bottom < w->in_h && left >= 0 && right < w->in_w) {
            tce_inner_pixel(in + (top * w->in_w + left) * w->channels, out, layer);
        } else {
            tce_border_pixel(in, out, top, left, layer);
        }
        left += w->stride_w;
        out += w->channels;
    }
}
