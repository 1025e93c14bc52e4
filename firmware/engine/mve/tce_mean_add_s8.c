/* A mean over rows on MVE, first half: channels are summed in halfwords over up to 255 pixels, and widened once. */
#include "tce_engine.h"
#include "tce_mve.h"

#define TCE_PIXELS 255 /* 255 * -128 still fits a halfword */

/* Adds eight halfwords to sums[0 .. 7]: VLD2 takes even and odd words apart, as VMOVL does halfwords. */
static inline void tce_widen(int32_t *sums, int16x8_t eight) {
    int32x4x2_t pair = vld2q_s32(sums);
    pair.val[0] = vaddq_s32(pair.val[0], vmovlbq_s16(eight));
    pair.val[1] = vaddq_s32(pair.val[1], vmovltq_s16(eight));
    vst2q_s32(sums, pair);
}

static inline void tce_thirty_two(const int8_t *x, int32_t *sums, int32_t pixels, int32_t step) {
    int16x8_t a = vdupq_n_s16(0), b = a, d = a, e = a;
    for (; pixels > 0; pixels--) {
        a = vaddq_s16(a, vldrbq_s16(x));
        b = vaddq_s16(b, vldrbq_s16(x + 8));
        d = vaddq_s16(d, vldrbq_s16(x + 16));
        e = vaddq_s16(e, vldrbq_s16(x + 24));
        x += step;
    }
    tce_widen(sums, a);
    tce_widen(sums + 8, b);
    tce_widen(sums + 16, d);
    tce_widen(sums + 24, e);
}

/* Up to four channels. */
static inline void tce_some(const int8_t *x, int32_t *sums, int32_t pixels, int32_t step, int32_t count) {
    const mve_pred16_t some = vctp32q((uint32_t)count);
    int32x4_t sum = vldrwq_z_s32(sums, some);
    for (; pixels > 0; pixels--) {
        sum = vaddq_s32(sum, vldrbq_z_s32(x, some));
        x += step;
    }
    vstrwq_p_s32(sums, sum, some);
}

void tce_mean_add_s8(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels) {
    for (; pixels > 0; pixels -= TCE_PIXELS) {
        const int32_t count = pixels < TCE_PIXELS ? pixels : TCE_PIXELS;
        int32_t c = 0;
        for (; c + 32 <= channels; c += 32) {
            tce_thirty_two(row + c, sums + c, count, channels);
        }
        for (; c + 8 <= channels; c += 8) {
            const int8_t *x = row + c;
            int16x8_t eight = vdupq_n_s16(0);
            for (int32_t p = count; p > 0; p--) {
                eight = vaddq_s16(eight, vldrbq_s16(x));
                x += channels;
            }
            tce_widen(sums + c, eight);
        }
        for (; c < channels; c += 4) {
            tce_some(row + c, sums + c, count, channels, channels - c);
        }
        row += count * channels;
    }
}
