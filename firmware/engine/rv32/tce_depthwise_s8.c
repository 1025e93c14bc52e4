/* Depthwise convolution on RV32, one output a channel. Windows of 3 x 3 at stride 1 or 2 go channel by channel: nine
 * weights stay in registers while the window moves along the row, and every column of three values is loaded once and
 * added to each output that sees it. Other windows have their taps copied to scratch, four channels at a time.
 *
 * Weights: plain. Scratch: the taps of one pixel. */
#include "tce_engine.h"
#include "tce_rv32.h"

#include <string.h>

/* What is the same for every channel of a row. */
typedef struct {
    const int8_t *row[3]; /* of a missing one: some other */
    int32_t present[3];   /* 1, or 0 where the row lies outside the map */
    int32_t pad_left;     /* 0 or 1 */
    int32_t whole;        /* outputs after the first columns whose last columns lie inside */
    int32_t pad_right;    /* 0 or 1: one more output, whose last column is padding */
} tce_line;

/* Channel c of a row, `look_up` (a constant) with the table. `two` waits for the last column of its window, or at
 * stride 2 for the last two; `one` for the last two. */
__attribute__((always_inline)) static inline void tce_channel(const tce_line *line, int8_t *out, int32_t c,
                                                              const tce_factor *factor, int look_up,
                                                              const tce_depthwise *layer) {
    const int32_t step = layer->window.channels;
    const int32_t low = layer->output.low, high = layer->output.high;
    const int8_t *zero = look_up ? layer->output.table + 128 : NULL;
    const int8_t *x = line->row[0] + c, *y = line->row[1] + c, *z = line->row[2] + c;
    const int8_t *k = layer->weights + c, *l = k + 3 * step, *m = l + 3 * step;
    int32_t a0 = k[0], a1 = k[step], a2 = k[2 * step];
    int32_t b0 = l[0], b1 = l[step], b2 = l[2 * step];
    int32_t d0 = m[0], d1 = m[step], d2 = m[2 * step];
    int32_t bias = layer->bias[c];
    int32_t p, q, r;

#define TCE_EMIT(value)                                                                                                \
    {                                                                                                                  \
        const int32_t code = tce_clamp(tce_scaled(value, factor), low, high);                                          \
        *out = look_up ? zero[code] : (int8_t)code;                                                                    \
        out += step;                                                                                                   \
    }
#define TCE_COLUMN p = *x, q = *y, r = *z, x += step, y += step, z += step
    if (!line->present[0]) {
        bias += layer->in_zero_point * (a0 + a1 + a2);
        a0 = a1 = a2 = 0;
    }
    if (!line->present[1]) {
        bias += layer->in_zero_point * (b0 + b1 + b2);
        b0 = b1 = b2 = 0;
    }
    if (!line->present[2]) {
        bias += layer->in_zero_point * (d0 + d1 + d2);
        d0 = d1 = d2 = 0;
    }
    int32_t two = bias;
    if (line->pad_left) {
        two += layer->in_zero_point * (a0 + b0 + d0);
    } else {
        TCE_COLUMN;
        two += p * a0 + q * b0 + r * d0;
    }
    const int8_t *end = out + line->whole * step;
    if (layer->window.stride_w == 1) {
        TCE_COLUMN;
        two += p * a1 + q * b1 + r * d1;
        int32_t one = bias + p * a0 + q * b0 + r * d0;
        while (out != end) {
            TCE_COLUMN;
            TCE_EMIT(two + p * a2 + q * b2 + r * d2)
            two = one + p * a1 + q * b1 + r * d1;
            one = bias + p * a0 + q * b0 + r * d0;
        }
    } else {
        while (out != end) {
            TCE_COLUMN;
            two += p * a1 + q * b1 + r * d1;
            TCE_COLUMN;
            TCE_EMIT(two + p * a2 + q * b2 + r * d2)
            two = bias + p * a0 + q * b0 + r * d0;
        }
        if (line->pad_right) {
            TCE_COLUMN;
            two += p * a1 + q * b1 + r * d1;
        }
    }
    if (line->pad_right) {
        TCE_EMIT(two + layer->in_zero_point * (a2 + b2 + d2))
    }
#undef TCE_COLUMN
#undef TCE_EMIT
}

TCE_NOINLINE static void tce_channel_code(const tce_line *line, int8_t *out, int32_t c, const tce_factor *factor,
                                          const tce_depthwise *layer) {
    const tce_factor own = *factor;
    tce_channel(line, out, c, &own, 0, layer);
}

TCE_NOINLINE static void tce_channel_table(const tce_line *line, int8_t *out, int32_t c, const tce_factor *factor,
                                           const tce_depthwise *layer) {
    const tce_factor own = *factor;
    tce_channel(line, out, c, &own, 1, layer);
}

/* Whether the row is of the kind that tce_channel computes, and how. */
static int tce_find_line(const int8_t *const *rows, const tce_depthwise *layer, tce_line *line) {
    const tce_window *w = &layer->window;
    const int32_t stride = w->stride_w;
    if (w->kernel_h != 3 || w->kernel_w != 3 || w->dilation_w != 1 || stride > 2 || w->pad_left > 1) {
        return 0;
    }
    const int8_t *some = rows[0] ? rows[0] : rows[1] ? rows[1] : rows[2];
    const int32_t past = (w->out_w - 1) * stride - w->pad_left + 3 - w->in_w; /* columns behind the row */
    if (!some || w->out_w <= 0 || past > 1 || w->in_w < 2) {
        return 0;
    }
    for (int32_t i = 0; i < 3; i++) {
        line->present[i] = rows[i] != NULL;
        line->row[i] = rows[i] ? rows[i] : some;
    }
    line->pad_left = w->pad_left;
    line->pad_right = past == 1;
    line->whole = w->out_w - line->pad_right;
    return 1;
}

/* Four channels of one pixel from its copied taps; the rest of the channels one by one. */
TCE_NOINLINE static void tce_four(const int8_t *x, int8_t *out, int32_t c, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    const int8_t *k = layer->weights + c;
    int32_t acc[4] = {layer->bias[c], layer->bias[c + 1], layer->bias[c + 2], layer->bias[c + 3]};

    for (int32_t t = layer->window.kernel_h * layer->window.kernel_w; t > 0; t--) {
        acc[0] += x[0] * k[0];
        acc[1] += x[1] * k[1];
        acc[2] += x[2] * k[2];
        acc[3] += x[3] * k[3];
        x += channels;
        k += channels;
    }
    for (int32_t i = 0; i < 4; i++) {
        out[i] = tce_store(tce_requant(acc[i], tce_scale_of(layer->scale, c + i)), layer->output);
    }
}

static int8_t tce_one(const int8_t *x, int32_t c, const tce_depthwise *layer) {
    const int8_t *k = layer->weights + c;
    int32_t acc = layer->bias[c];

    for (int32_t t = layer->window.kernel_h * layer->window.kernel_w; t > 0; t--) {
        acc += *x * *k;
        x += layer->window.channels;
        k += layer->window.channels;
    }
    return tce_store(tce_requant(acc, tce_scale_of(layer->scale, c)), layer->output);
}

/* Copies the taps of the pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels]. */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    for (int32_t i = 0; i < w->kernel_h; i++) {
        int32_t column = left;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            if (rows[i] && column >= 0 && column < w->in_w) {
                memcpy(patch, rows[i] + column * w->channels, (size_t)w->channels);
            } else {
                memset(patch, layer->in_zero_point, (size_t)w->channels);
            }
            patch += w->channels;
            column += w->dilation_w;
        }
    }
}

/* Any window, channels c .. end - 1. */
static void tce_plain(const int8_t *const *rows, int8_t *out, int8_t *patch, int32_t c, int32_t end,
                      const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    for (int32_t x = 0; x < w->out_w; x++) {
        int32_t i = c;
        tce_gather(rows, patch, x * w->stride_w - w->pad_left, layer);
        for (; i + 4 <= end; i += 4) {
            tce_four(patch + i, out + i, i, layer);
        }
        for (; i < end; i++) {
            out[i] = tce_one(patch + i, i, layer);
        }
        out += w->channels;
    }
}

void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    tce_line line;

    if (!tce_find_line(rows, layer, &line)) {
        tce_plain(rows, out, scratch, 0, channels, layer);
        return;
    }
    for (int32_t c = 0; c < channels; c++) {
        const tce_factor factor = tce_make_factor(tce_scale_of(layer->scale, c), layer->output.zero_point);
        if (factor.right == 0) {
            tce_plain(rows, out, scratch, c, c + 1, layer);
        } else if (layer->output.table) {
            tce_channel_table(&line, out + c, c, &factor, layer);
        } else {
            tce_channel_code(&line, out + c, c, &factor, layer);
        }
    }
}
