/* Depthwise convolution on MVE, one output a channel. The window's rows are interleaved first: of every column each
 * channel has its four rows side by side, so that four columns of a channel are four words, one VLDRW gather, and one
 * VMLADAVA multiplies the whole window. Sixteen channels at a time, padding included: inner and border pixels are one.
 *
 * Weights: windows of up to 4 x 4 taps [channels][kernel_h][kernel_w], larger ones plain.
 * Scratch: up to 4 x 4 taps 64 bytes a column of the padded row and up to 3 columns more; of one channel 4 bytes a
 * column, and 64; of larger windows the taps of one pixel. */
#include "tce_engine.h"
#include "tce_mve.h"
#include "tce_requant.h"
#include "tce_windows.h"

/* Columns of the padded row that windows can touch, the vector's fourth included. */
static int32_t tce_columns(const tce_window *w) {
    return (w->out_w - 1) * w->stride_w + (TCE_SIDE - 1) * w->dilation_w + 1;
}

/* Interleaves the rows of `count` (1 .. 16) channels from channel c on: strip [columns][16][4 rows]. */
static void tce_interleave(const int8_t *const *rows, int32_t c, int32_t count, int8_t *strip,
                           const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t columns = tce_columns(w);
    const mve_pred16_t some = vctp8q((uint32_t)count);
    const int8x16_t padding = vdupq_n_s8((int8_t)layer->in_zero_point);
    int8_t outside[TCE_GROUP];
    const int8_t *from[TCE_SIDE];
    int32_t step[TCE_SIDE];
    int32_t column = 0;

    vst1q_s8(outside, padding);
    for (int32_t i = 0; i < TCE_SIDE; i++) {
        const int present = i < w->kernel_h && rows[i];
        from[i] = present ? rows[i] + c : outside;
        step[i] = present ? w->channels : 0;
    }
    for (; column < w->pad_left && column < columns; column++) {
        vst1q_s8(strip, padding);
        vst1q_s8(strip + 16, padding);
        vst1q_s8(strip + 32, padding);
        vst1q_s8(strip + 48, padding);
        strip += TCE_CELL;
    }
    const int32_t inside = w->pad_left + w->in_w < columns ? w->pad_left + w->in_w : columns;
    const int8_t *a = from[0], *b = from[1], *d = from[2], *e = from[3];
    const int32_t step_a = step[0], step_b = step[1], step_d = step[2], step_e = step[3];
    if (w->kernel_h == TCE_SIDE || count < TCE_GROUP) {
        for (int32_t n = inside - column; n > 0; n--) {
            const int8x16x4_t cell = {
                {vldrbq_z_s8(a, some), vldrbq_z_s8(b, some), vldrbq_z_s8(d, some), vldrbq_z_s8(e, some)}};
            vst4q_s8(strip, cell);
            a += step_a;
            b += step_b;
            d += step_d;
            e += step_e;
            strip += TCE_CELL;
        }
    } else {
        for (int32_t n = inside - column; n > 0; n--) {
            const int8x16x4_t cell = {{vldrbq_s8(a), vldrbq_s8(b), vldrbq_s8(d), padding}};
            vst4q_s8(strip, cell);
            a += step_a;
            b += step_b;
            d += step_d;
            strip += TCE_CELL;
        }
    }
    for (column = inside > column ? inside : column; column < columns; column++) {
        vst1q_s8(strip, padding);
        vst1q_s8(strip + 16, padding);
        vst1q_s8(strip + 32, padding);
        vst1q_s8(strip + 48, padding);
        strip += TCE_CELL;
    }
}

/* Channels c .. end - 1 one by one: factors that shift left, and maps of two or three channels. */
static void tce_plain(const int8_t *const *rows, int8_t *out, int32_t c, int32_t end, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t taps = w->kernel_h * w->kernel_w;

    for (; c < end; c++) {
        for (int32_t x = 0; x < w->out_w; x++) {
            const int8_t *k = layer->weights + c * taps;
            int32_t acc = layer->bias[c];
            for (int32_t i = 0; i < w->kernel_h; i++) {
                int32_t column = x * w->stride_w - w->pad_left;
                for (int32_t j = 0; j < w->kernel_w; j++) {
                    const int inside = rows[i] && column >= 0 && column < w->in_w;
                    acc += (inside ? rows[i][column * w->channels + c] : layer->in_zero_point) * *k++;
                    column += w->dilation_w;
                }
            }
            out[x * w->channels + c] = tce_store(tce_requant(acc, tce_scale_of(layer->scale, c)), layer->output);
        }
    }
}

/* Where a lane's weight lies among a channel's taps: lane 4 j + i holds row i, column j. */
static uint8x16_t tce_lanes(const tce_window *w) {
    const uint8x16_t lane = vidupq_n_u8(0, 1);
    return vaddq_u8(vmulq_n_u8(vandq_u8(lane, vdupq_n_u8(3)), (uint8_t)w->kernel_w), vshrq_n_u8(lane, 2));
}

/* Which lanes are taps, as VPR.P0. */
static mve_pred16_t tce_inside(const tce_window *w) {
    const uint32_t rows = (1U << w->kernel_h) - 1U;
    return (mve_pred16_t)((rows * 0x1111U) & ((1U << (TCE_SIDE * w->kernel_w)) - 1U));
}

/* Column `column` of a map of one channel: four rows in a word. */
static int8_t *tce_pad_word(int8_t *strip, const tce_depthwise *layer) {
    tce_fill(strip, layer->in_zero_point, TCE_SIDE);
    return strip + TCE_SIDE;
}

/* One channel: columns lie side by side, so a window is 16 bytes in a row. */
static void tce_single(const int8_t *const *rows, int8_t *out, int8_t *scratch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t columns = tce_columns(w);
    const int32_t inside = w->pad_left + w->in_w < columns ? w->pad_left + w->in_w : columns;
    int8_t *strip = scratch;
    int32_t column = 0;

    for (; column < w->pad_left && column < columns; column++) {
        strip = tce_pad_word(strip, layer);
    }
    for (; column < inside; column += TCE_GROUP) {
        const mve_pred16_t some = vctp8q((uint32_t)(inside - column));
        int8x16x4_t cell;
        for (int32_t i = 0; i < TCE_SIDE; i++) {
            const int present = i < w->kernel_h && rows[i];
            cell.val[i] =
                present ? vldrbq_z_s8(rows[i] + column - w->pad_left, some) : vdupq_n_s8((int8_t)layer->in_zero_point);
        }
        vst4q_s8(strip, cell);
        strip += TCE_SIDE * TCE_GROUP;
    }
    strip = scratch + TCE_SIDE * (inside > w->pad_left ? inside : column);
    for (column = inside > w->pad_left ? inside : column; column < columns; column++) {
        strip = tce_pad_word(strip, layer);
    }

    const int8x16_t k = vldrbq_gather_offset_z_s8(layer->weights, tce_lanes(w), tce_inside(w));
    const tce_scale4 scale = tce_same_scale(tce_scale_of(layer->scale, 0));
    const int32_t bias = layer->bias[0];
    const int32_t step = TCE_SIDE * w->stride_w;
    const int8_t *x = scratch;
    for (int32_t left = w->out_w; left > 0; left -= 4) {
        const int32_t second = left > 1 ? step : 0;
        const int32_t third = left > 2 ? 2 * step : 0;
        const int32_t fourth = left > 3 ? 3 * step : 0;
        int32x4_t value = vdupq_n_s32(vmladavaq_s8(bias, vldrbq_s8(x), k));
        value = vsetq_lane_s32(vmladavaq_s8(bias, vldrbq_s8(x + second), k), value, 1);
        value = vsetq_lane_s32(vmladavaq_s8(bias, vldrbq_s8(x + third), k), value, 2);
        value = vsetq_lane_s32(vmladavaq_s8(bias, vldrbq_s8(x + fourth), k), value, 3);
        vstrbq_p_s32(out, tce_codes4(tce_requant4(value, scale), layer->output), vctp32q((uint32_t)left));
        out += 4;
        x += 4 * step;
    }
}

/* Copies the taps of the pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels]. */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    for (int32_t i = 0; i < w->kernel_h; i++) {
        int32_t column = left;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            if (rows[i] && column >= 0 && column < w->in_w) {
                tce_copy(patch, rows[i] + column * w->channels, w->channels);
            } else {
                tce_fill(patch, layer->in_zero_point, w->channels);
            }
            patch += w->channels;
            column += w->dilation_w;
        }
    }
}

/* Windows above 4 x 4: up to eight channels of one pixel; VMOVL takes the even and the odd products apart. `whole` (a
 * constant): all eight exist. */
__attribute__((always_inline)) static inline void tce_eight(const int8_t *a, int8_t *out, int32_t c, int32_t left,
                                                            int whole, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    const uint32x4_t even = vidupq_n_u32(0, 2), odd = vaddq_n_u32(even, 1);
    const mve_pred16_t some = vctp16q((uint32_t)left);
    const mve_pred16_t some_even = vctp32q((uint32_t)((left + 1) / 2));
    const mve_pred16_t some_odd = vctp32q((uint32_t)(left / 2));
    const int32_t *multiplier = layer->scale.multiplier + c;
    const int8_t *shift = layer->scale.shift + c;
    const int8_t *k = layer->weights + c;
    int32x4_t acc_even = vldrwq_gather_shifted_offset_z_s32(layer->bias + c, even, some_even);
    int32x4_t acc_odd = vldrwq_gather_shifted_offset_z_s32(layer->bias + c, odd, some_odd);

    for (int32_t t = layer->window.kernel_h * layer->window.kernel_w; t > 0; t--) {
        const int16x8_t product =
            whole ? vmulq_s16(vldrbq_s16(a), vldrbq_s16(k)) : vmulq_s16(vldrbq_z_s16(a, some), vldrbq_z_s16(k, some));
        acc_even = vaddq_s32(acc_even, vmovlbq_s16(product));
        acc_odd = vaddq_s32(acc_odd, vmovltq_s16(product));
        a += channels;
        k += channels;
    }
    const tce_scale4 scale_even = {vldrwq_gather_shifted_offset_z_s32(multiplier, even, some_even),
                                   vldrbq_gather_offset_z_s32(shift, even, some_even)};
    const tce_scale4 scale_odd = {vldrwq_gather_shifted_offset_z_s32(multiplier, odd, some_odd),
                                  vldrbq_gather_offset_z_s32(shift, odd, some_odd)};
    acc_even = tce_codes4(tce_requant4(acc_even, scale_even), layer->output);
    acc_odd = tce_codes4(tce_requant4(acc_odd, scale_odd), layer->output);
    vstrbq_p_s16(out, vmovntq_s32(vreinterpretq_s16_s32(acc_even), acc_odd), some);
}

static void tce_large(const int8_t *const *rows, int8_t *out, int8_t *patch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;

    for (int32_t x = 0; x < w->out_w; x++) {
        int32_t c = 0;
        tce_gather(rows, patch, x * w->stride_w - w->pad_left, layer);
        for (; c + 8 <= channels; c += 8) {
            tce_eight(patch + c, out + c, c, 8, 1, layer);
        }
        if (c < channels) {
            tce_eight(patch + c, out + c, c, channels - c, 0, layer);
        }
        out += channels;
    }
}

/* Whether a factor of channels c .. c + count - 1, at most a group, shifts left, or not at all. */
static int tce_shifts_left(const tce_depthwise *layer, int32_t c, int32_t count) {
    const mve_pred16_t some = vctp8q((uint32_t)count);
    return vmaxvq_p_s8(INT8_MIN, vldrbq_z_s8(layer->scale.shift + c, some), some) >= 0;
}

void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const tce_output output = layer->output;
    const int32_t channels = w->channels;
    const int32_t shown = output.table ? 128 : 0; /* codes count from the table's first entry */
    const int saturates = output.low == -128 && output.high == 127;

    if (w->kernel_h > TCE_SIDE || w->kernel_w > TCE_SIDE) {
        tce_large(rows, out, scratch, layer);
        return;
    }
    if (channels == 1 && w->dilation_w == 1) {
        tce_single(rows, out, scratch, layer);
        return;
    }
    if (channels < 4 || w->out_w <= 0) {
        tce_plain(rows, out, 0, channels, layer);
        return;
    }
    void (*const blocks)(tce_run *) = output.table                      ? tce_run_table
                                      : !saturates                      ? tce_run_clamped
                                      : output.low >= output.zero_point ? tce_run_relu
                                                                        : tce_run_linear;
    tce_run run; /* field by field: clearing the rest of it would cost a call */
    run.pixel_step = w->out_w > 1 ? w->stride_w * TCE_CELL : 0; /* a single pixel is computed twice */
    run.zero_point = output.zero_point + shown;
    run.out_step = w->out_w > 1 ? channels : 0;
    run.pixels = w->out_w - 2;
    run.table = output.table;
    run.taps = w->kernel_h * w->kernel_w;
    run.inside = tce_inside(w);
    vst1q_s16(run.low, vdupq_n_s16((int16_t)(output.low + shown)));
    vst1q_s16(run.high, vdupq_n_s16((int16_t)(output.high + shown)));
    vst1q_u32((uint32_t *)run.columns, vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)(w->dilation_w * TCE_CELL)));
    vst1q_u8(run.lanes, tce_lanes(w));

    for (int32_t next = 0; next < channels; next += TCE_GROUP) {
        const int32_t c = next + 4 <= channels ? next : channels - 4; /* the last block may overlap the one before */
        const int32_t count = channels - c < TCE_GROUP ? channels - c : TCE_GROUP;
        if (tce_shifts_left(layer, c, count)) {
            tce_plain(rows, out, c, c + count, layer);
            continue;
        }
        tce_interleave(rows, c, count, scratch, layer);
        for (int32_t at = 0; at < count; at = at == 0 && count > 4 && count % 4 ? count - 4 : TCE_GROUP) {
            run.multipliers = layer->scale.multiplier + c + at;
            run.shifts = layer->scale.shift + c + at;
            run.bias = layer->bias + c + at;
            run.weights = layer->weights + (c + at) * run.taps;
            run.strip = (const int8_t *)scratch + at * TCE_SIDE;
            run.out = out + c + at;
            run.blocks = at == 0 ? count / 4 : 1;
            blocks(&run);
        }
    }
}
