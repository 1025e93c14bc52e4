/* Depthwise convolution, one output a channel. Four channels at a time: four accumulators stay in registers while the
 * taps are walked, and each tap's address is computed once for the four. Taps outside the map count as the input's zero
 * point, which the bias expects: one code path for inner and border pixels. */
#include "tce_engine.h"
#include "tce_requant.h"

/* The taps of one output pixel that lie inside the map: kernel rows i0 .. i1 - 1, kernel columns j0 .. j1 - 1. */
typedef struct {
    int32_t top, left; /* where tap (0, 0) falls */
    int32_t i0, i1, j0, j1;
} tce_inside;

/* First and one past the last tap of an axis that fall into [0, size). */
static void tce_range(int32_t start, int32_t kernel, int32_t dilation, int32_t size, int32_t *from, int32_t *to)
{
    *from = start < 0 ? (-start + dilation - 1) / dilation : 0;
    *from = *from > kernel ? kernel : *from;
    *to = start + (kernel - 1) * dilation >= size ? (size - start + dilation - 1) / dilation : kernel;
    *to = *to < *from ? *from : *to;
}

/* Adds `taps` taps that are the zero point: channels 0 .. 3 of k. Returns the next tap's weights. */
static inline const int8_t *tce_zeros(const int8_t *k, int32_t taps, int32_t channels, int32_t zero, int32_t acc[4])
{
    for (; taps > 0; taps--) {
        acc[0] += zero * k[0];
        acc[1] += zero * k[1];
        acc[2] += zero * k[2];
        acc[3] += zero * k[3];
        k += channels;
    }
    return k;
}

/* Adds `taps` neighbouring taps of a row. Returns the next tap's weights. */
static inline const int8_t *tce_taps(const int8_t *x, const int8_t *k, int32_t taps, int32_t step, int32_t channels,
                                     int32_t acc[4])
{
    for (; taps > 0; taps--) {
        acc[0] += x[0] * k[0];
        acc[1] += x[1] * k[1];
        acc[2] += x[2] * k[2];
        acc[3] += x[3] * k[3];
        x += step;
        k += channels;
    }
    return k;
}

/* Four channels of one output pixel: in, k, bias, scale, out point at the first of them. */
static void tce_four(const int8_t *in, int8_t *restrict out, int32_t c, const tce_inside *inside,
                     const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    const int32_t step = w->dilation_w * channels;
    const int32_t row_step = w->dilation_h * w->in_w * channels;
    const int32_t zero = layer->in_zero_point;
    const int32_t taps = inside->j1 - inside->j0;
    const int32_t *bias = layer->bias + c;
    const tce_scale *scale = layer->scale + c;
    const tce_output output = layer->output;
    const int8_t *k = layer->weights + c;
    int32_t acc[4] = {bias[0], bias[1], bias[2], bias[3]};
    int32_t at = (inside->top + inside->i0 * w->dilation_h) * w->in_w + inside->left + inside->j0 * w->dilation_w;

    at = at * channels + c;
    k = tce_zeros(k, inside->i0 * w->kernel_w, channels, zero, acc);
    for (int32_t i = inside->i1 - inside->i0; i > 0; i--) {
        k = tce_zeros(k, inside->j0, channels, zero, acc);
        k = tce_taps(in + at, k, taps, step, channels, acc);
        k = tce_zeros(k, w->kernel_w - inside->j1, channels, zero, acc);
        at += row_step;
    }
    (void)tce_zeros(k, (w->kernel_h - inside->i1) * w->kernel_w, channels, zero, acc);
    out[0] = tce_store(tce_requant(acc[0], scale[0]), output);
    out[1] = tce_store(tce_requant(acc[1], scale[1]), output);
    out[2] = tce_store(tce_requant(acc[2], scale[2]), output);
    out[3] = tce_store(tce_requant(acc[3], scale[3]), output);
}

/* One channel of one output pixel, for the channels that four does not divide. */
static int8_t tce_one(const int8_t *in, int32_t c, const tce_inside *inside, const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    const int8_t *k = layer->weights + c;
    int32_t acc = layer->bias[c];

    for (int32_t i = 0; i < w->kernel_h; i++) {
        const int32_t row = (inside->top + i * w->dilation_h) * w->in_w + inside->left;
        const int row_inside = i >= inside->i0 && i < inside->i1;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            const int tap_inside = row_inside && j >= inside->j0 && j < inside->j1;
            acc += *k * (tap_inside ? in[(row + j * w->dilation_w) * w->channels + c] : layer->in_zero_point);
            k += w->channels;
        }
    }
    return tce_store(tce_requant(acc, layer->scale[c]), layer->output);
}

void tce_depthwise_row_s8(const int8_t *in, int8_t *restrict out, int32_t y, const tce_depthwise *layer)
{
    const tce_window *w = &layer->window;
    tce_inside inside;

    inside.top = y * w->stride_h - w->pad_top;
    tce_range(inside.top, w->kernel_h, w->dilation_h, w->in_h, &inside.i0, &inside.i1);
    inside.left = -w->pad_left;
    for (int32_t x = 0; x < w->out_w; x++) {
        int32_t c = 0;
        tce_range(inside.left, w->kernel_w, w->dilation_w, w->in_w, &inside.j0, &inside.j1);
        for (; c + 4 <= w->channels; c += 4) {
            tce_four(in, out + c, c, &inside, layer);
        }
        for (; c < w->channels; c++) {
            out[c] = tce_one(in, c, &inside, layer);
        }
        out += w->channels;
        inside.left += w->stride_w;
    }
}
