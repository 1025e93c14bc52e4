/* Pixels times a matrix on MVE: blocks of four channels by two pixels, 128 products a step of 16 inputs.
 *
 * The loop over the pixels of a block is in tce_pairs.h.
 *
 * Weights: for each block of four channels, whole steps [k / 16][4][16], then the rest [4][k % 16]; after the last
 * whole block the remaining channels as they are, [c_out % 4][k]. With k <= 2 they are transposed: [k][c_out]. */
#include "tce_engine.h"
#include "tce_mve.h"
#include "tce_pairs.h"

#define TCE_BROAD 2 /* largest k for which channels, not inputs, fill the vectors */

/* Weight rows of up to four channels, for what the assembly does not do: left shifts and the channels after the last
 * whole block. */
typedef struct {
    const int8_t *whole[4], *rest[4]; /* channels that do not exist repeat the last one */
    int32_t stride;                   /* bytes between steps */
    int32_t channels;                 /* 1 .. 4 */
} tce_rows;

TCE_NOINLINE static void tce_any_four(const int8_t *in, int8_t *out, int32_t pixels, int32_t channel,
                                      const tce_rows *rows, const tce_conv1x1 *layer) {
    const int32_t k = layer->k;
    const mve_pred16_t exist = vctp32q((uint32_t)rows->channels);
    const mve_pred16_t rest = vctp8q((uint32_t)(k % TCE_STEP));
    const int32x4_t bias = vldrwq_z_s32(layer->bias + channel, exist);
    const tce_scale4 scale = tce_load_scale_some(layer->scale, channel, exist);

    for (; pixels > 0; pixels--) {
        int32_t acc[4] = {0, 0, 0, 0};
        const int8_t *x = in;
        int32_t at = 0;
        for (int32_t step = k / TCE_STEP; step > 0; step--) {
            const int8x16_t a = vldrbq_s8(x);
            acc[0] = vmladavaq_s8(acc[0], a, vldrbq_s8(rows->whole[0] + at));
            acc[1] = vmladavaq_s8(acc[1], a, vldrbq_s8(rows->whole[1] + at));
            acc[2] = vmladavaq_s8(acc[2], a, vldrbq_s8(rows->whole[2] + at));
            acc[3] = vmladavaq_s8(acc[3], a, vldrbq_s8(rows->whole[3] + at));
            x += TCE_STEP;
            at += rows->stride;
        }
        const int8x16_t a = vldrbq_z_s8(x, rest);
        acc[0] = vmladavaq_s8(acc[0], a, vldrbq_z_s8(rows->rest[0], rest));
        acc[1] = vmladavaq_s8(acc[1], a, vldrbq_z_s8(rows->rest[1], rest));
        acc[2] = vmladavaq_s8(acc[2], a, vldrbq_z_s8(rows->rest[2], rest));
        acc[3] = vmladavaq_s8(acc[3], a, vldrbq_z_s8(rows->rest[3], rest));
        int32x4_t value = vdupq_n_s32(acc[0]);
        value = vsetq_lane_s32(acc[1], value, 1);
        value = vsetq_lane_s32(acc[2], value, 2);
        value = vsetq_lane_s32(acc[3], value, 3);
        value = tce_requant4(vaddq_s32(value, bias), scale);
        vstrbq_p_s32(out, tce_codes4(value, layer->output), exist);
        in += k;
        out += layer->c_out;
    }
}

/* Codes of two pixels in the even and the odd halfwords. `away` (a constant): round halves of negatives down. */
static inline int16x8_t tce_codes_two(int32x4_t pixel0, int32x4_t pixel1, tce_scale4 scale, int away,
                                      tce_output output) {
    pixel0 = vqrdmulhq_s32(pixel0, scale.multiplier);
    pixel1 = vqrdmulhq_s32(pixel1, scale.multiplier);
    if (away) {
        pixel0 = vaddq_s32(pixel0, vshrq_n_s32(pixel0, 31));
        pixel1 = vaddq_s32(pixel1, vshrq_n_s32(pixel1, 31));
    }
    pixel0 = vrshlq_s32(pixel0, scale.shift);
    pixel1 = vrshlq_s32(pixel1, scale.shift);
    int16x8_t codes = vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), pixel0), pixel1);
    codes = vqaddq_n_s16(codes, (int16_t)output.zero_point);
    return vminq_s16(vmaxq_s16(codes, vdupq_n_s16((int16_t)output.low)), vdupq_n_s16((int16_t)output.high));
}

/* k = 1, four channels of `pairs` pairs of pixels, shifts to the right. `look_up` (a constant): there is a table. */
__attribute__((always_inline)) static inline void tce_broad_pairs(const int8_t *x, int8_t *y, int32_t pairs,
                                                                  int32x4_t bias, int32x4_t weights, tce_scale4 scale,
                                                                  int away, int look_up, const tce_conv1x1 *layer) {
    const int32_t c_out = layer->c_out;
    const tce_output output = layer->output;
    for (; pairs > 0; pairs--) {
        const int32x4_t pixel0 = vaddq_s32(bias, vmulq_n_s32(weights, *x++));
        const int32x4_t pixel1 = vaddq_s32(bias, vmulq_n_s32(weights, *x++));
        int16x8_t two = tce_codes_two(pixel0, pixel1, scale, away, output);
        if (look_up) {
            two = vldrbq_gather_offset_s16(output.table, vreinterpretq_u16_s16(vaddq_n_s16(two, 128)));
        }
        const uint32x4_t codes = vreinterpretq_u32_s16(two);
        vstrbq_u32((uint8_t *)y, codes);
        y += c_out;
        vstrbq_u32((uint8_t *)y, vshrq_n_u32(codes, 16));
        y += c_out;
    }
}

/* k <= 2: one multiply-add of four channels by one input value; the weights stay in registers over the pixels. */
TCE_NOINLINE static void tce_broad(const int8_t *in, int8_t *out, int32_t pixels, const tce_conv1x1 *layer) {
    const int32_t c_out = layer->c_out;
    const int32_t k = layer->k;
    const tce_output output = layer->output;

    for (int32_t c = 0; c < c_out; c += 4) {
        const int32_t left = c_out - c;
        const mve_pred16_t exist = vctp32q((uint32_t)left);
        const int32x4_t bias = vldrwq_z_s32(layer->bias + c, exist);
        const int32x4_t first = vldrbq_z_s32(layer->weights + c, exist);
        const tce_scale4 scale = tce_load_scale_some(layer->scale, c, exist);
        int32_t done = 0;
        if (k == 1 && left >= 4 && vmaxvq_s32(INT32_MIN, scale.shift) < 0) {
            done = pixels / 2 * 2;
            if (output.table) {
                tce_broad_pairs(in, out + c, pixels / 2, bias, first, scale, 1, 1, layer);
            } else if (output.low >= output.zero_point) {
                tce_broad_pairs(in, out + c, pixels / 2, bias, first, scale, 0, 0, layer);
            } else {
                tce_broad_pairs(in, out + c, pixels / 2, bias, first, scale, 1, 0, layer);
            }
        }
        const int32x4_t second = k == 2 ? vldrbq_z_s32(layer->weights + c_out + c, exist) : vdupq_n_s32(0);
        const int8_t *x = in + done * k;
        int8_t *y = out + c + done * c_out;
        for (; done < pixels; done++) {
            const int32x4_t value = vmlaq_n_s32(vmlaq_n_s32(bias, first, x[0]), second, x[k - 1]);
            vstrbq_p_s32(y, tce_codes4(tce_requant4(value, scale), output), exist);
            x += k;
            y += c_out;
        }
    }
}

/* Channels after the last whole block: plain rows at `w`. */
static void tce_remaining(const int8_t *in, int8_t *out, int32_t pixels, const int8_t *w, const tce_conv1x1 *layer) {
    const int32_t channels = layer->c_out % 4;
    const int32_t k = layer->k;
    tce_rows rows = {.stride = TCE_STEP, .channels = channels};
    for (int32_t i = 0; i < 4; i++) {
        rows.whole[i] = w + (i < channels ? i : channels - 1) * k;
        rows.rest[i] = rows.whole[i] + k / TCE_STEP * TCE_STEP;
    }
    tce_any_four(in, out + layer->c_out - channels, pixels, layer->c_out - channels, &rows, layer);
}

/* A whole block whose factors shift left somewhere. */
static void tce_shifted_block(const int8_t *in, int8_t *out, int32_t pixels, int32_t channel, const int8_t *w,
                              const tce_conv1x1 *layer) {
    tce_rows rows = {.stride = 4 * TCE_STEP, .channels = 4};
    for (int32_t i = 0; i < 4; i++) {
        rows.whole[i] = w + i * TCE_STEP;
        rows.rest[i] = w + layer->k / TCE_STEP * 4 * TCE_STEP + i * (layer->k % TCE_STEP);
    }
    tce_any_four(in, out + channel, pixels, channel, &rows, layer);
}

void tce_conv1x1_s8(const int8_t *in, int8_t *out, int32_t pixels, void *scratch, const tce_conv1x1 *layer) {
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;
    const tce_output output = layer->output;
    const int32_t steps = k / TCE_STEP;
    const int32_t rest = k % TCE_STEP;
    const int32_t shown = output.table ? 128 : 0; /* codes count from the table's first entry */
    const int8_t *w = layer->weights;
    (void)scratch;

    if (pixels <= 0) {
        return;
    }
    if (k <= TCE_BROAD) {
        tce_broad(in, out, pixels, layer);
        return;
    }
    const int saturates = output.low == -128 && output.high == 127;
    void (*const pairs)(tce_block *) = output.table                      ? tce_pairs_table
                                       : !saturates                      ? tce_pairs_clamped
                                       : output.low >= output.zero_point ? tce_pairs_relu
                                                                         : tce_pairs_linear;
    /* the first run through the chain takes 1 .. 4 steps, each further one 4 */
    const int32_t first = steps > 0 ? (steps - 1) % TCE_CHAIN + 1 : 0;
    const uint32_t entry =
        (uint32_t)(TCE_CHAIN - first) * TCE_WHOLE_STEP_BYTES + (steps > 0 ? 0U : 8U); /* behind the loop's branch */
    tce_block block; /* field by field: clearing the rest of it would cost a call */
    block.loops = steps > 0 ? (steps - 1) / TCE_CHAIN : 0;
    block.rest = rest;
    block.zero_point = output.zero_point + shown;
    block.out_step = pixels > 1 ? c_out : 0; /* a single pixel is computed twice */
    block.in_step = pixels > 1 ? k : 0;
    block.last = in + (pixels > 1 ? pixels - 2 : 0) * k;
    block.table = output.table;
    block.in = in;
    const mve_pred16_t some = vctp8q((uint32_t)rest);
    vst1q_s16(block.low, vdupq_n_s16((int16_t)(output.low + shown)));
    vst1q_s16(block.high, vdupq_n_s16((int16_t)(output.high + shown)));

    int32_t c = 0;
    for (; c + 4 <= c_out; c += 4) {
        const tce_scale4 scale = tce_load_scale(layer->scale, c);
        if (vmaxvq_s32(INT32_MIN, scale.shift) >= 0) {
            tce_shifted_block(in, out, pixels, c, w, layer);
            w += 4 * k;
            continue;
        }
        vst1q_s32(block.bias, vldrwq_s32(layer->bias + c));
        vst1q_s32(block.multiplier, scale.multiplier);
        vst1q_s32(block.shift, scale.shift);
        block.weights = w;
        block.entry = entry;
        block.out = out + c;
        w += steps * 4 * TCE_STEP;
        if (rest > 0) {
            for (int32_t i = 0; i < 4; i++) {
                vstrbq_s8(block.rest_weights[i], vldrbq_z_s8(w, some));
                w += rest;
            }
        }
        pairs(&block);
    }
    if (c < c_out) {
        tce_remaining(in, out, pixels, w, layer);
    }
}
