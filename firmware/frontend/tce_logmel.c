#include "tce_logmel.h"

#include "tce_logmel_fft.h"

static int leading_zeros(uint32_t value) /* value > 0 */
{
#if defined(__GNUC__)
    return __builtin_clz(value);
#else
    int zeros = 0;
    for (; value < 0x80000000u; value <<= 1) {
        ++zeros;
    }
    return zeros;
#endif
}

/* Block exponent: how far the loudest sample may be shifted left within 16 bits, 0..14. */
static int headroom(const int16_t *pcm)
{
    int32_t magnitude = 1; /* at least one bit: silence needs no gain */
    for (int i = 0; i < TCE_LOGMEL_WINDOW; ++i) {
        magnitude |= pcm[i] ^ (pcm[i] >> 15);
    }
    return leading_zeros((uint32_t)magnitude) - 17;
}

/* 10 log10 in 1/256 dB. energy: 2^60 / 4^shift for a full-scale sine under a window whose mean is 1
 * log2 by a table of 33 points with straight lines between them, 0.0006 dB at most below the truth. */
static int16_t decibels(uint64_t energy, int shift)
{
    if (energy == 0) {
        return TCE_LOGMEL_FLOOR_Q8;
    }
    const uint32_t upper = (uint32_t)(energy >> 32);
    const int zeros = upper != 0 ? leading_zeros(upper) : 32 + leading_zeros((uint32_t)energy);
    const uint32_t mantissa = (uint32_t)((energy << zeros) >> 32); /* leading one, 5 bits of index, 16 of fraction */
    const int32_t *entry = tce_logmel_log2 + ((mantissa >> 26) & 31u);
    const int32_t fraction = (int32_t)((mantissa >> 10) & 0xFFFFu);
    const int32_t octaves =
        (63 - zeros - 60 - 2 * shift) * 65536 + entry[0] + (((entry[1] - entry[0]) * fraction) >> 16); /* Q16 */
    const int32_t level = (int32_t)((octaves * (int64_t)TCE_LOGMEL_DB_SCALE + TCE_LOGMEL_DB_OFFSET) >> 31);
    return (int16_t)(level < TCE_LOGMEL_FLOOR_Q8 ? TCE_LOGMEL_FLOOR_Q8 : level);
}

/* Triangles of peak 1 that cross at one half: a bin at u (Q32) between two corners gives u of its power to the filter
 * rising there and the rest to the one falling, so that one multiply serves both. */
static void mel_row(const tce_logmel_complex *bins, int shift, int16_t *out_q8)
{
    const uint32_t *restrict rise = tce_logmel_rise;
    const tce_logmel_complex *bin = bins + tce_logmel_edge[0];
    uint64_t rising_before = 0;
    for (int corner = 0; corner <= TCE_LOGMEL_MELS; ++corner) {
        const tce_logmel_complex *end = bins + tce_logmel_edge[corner + 1];
        uint64_t all = 0, rising = 0; /* below 2^60 by Parseval's theorem */
        for (; bin < end; ++bin, ++rise) {
            const uint64_t power = (uint64_t)((int64_t)bin->re * bin->re + (int64_t)bin->im * bin->im);
            const uint32_t u = *rise;
            all += power;
            rising += (power >> 32) * u + (((power & 0xFFFFFFFFu) * u) >> 32);
        }
        if (corner > 0) {
            out_q8[corner - 1] = decibels(rising_before + (all - rising), shift);
        }
        rising_before = rising;
    }
}

void tce_logmel_frame(tce_logmel *ctx, const int16_t pcm[TCE_LOGMEL_WINDOW], int16_t out_q8[TCE_LOGMEL_MELS])
{
    const int shift = headroom(pcm);
    tce_logmel_spectrum(pcm, shift, ctx->bins);
    mel_row(ctx->bins, shift, out_q8);
}
