#include "tce_logmel.h"

#include "tce_logmel_fft.h"

#if defined(__GNUC__) && !defined(__clang__)
#define NOINLINE __attribute__((noinline)) /* see add_stretch */
#else
#define NOINLINE
#endif

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
static int headroom(const int16_t *pcm) {
    int32_t magnitude = 1; /* at least one bit: silence needs no gain */
    enum { FOURS = TCE_LOGMEL_WINDOW / 4 * 4 };
    for (int i = 0; i < FOURS; i += 4) { /* clang unrolls by itself, gcc does not */
        magnitude |= pcm[i] ^ (pcm[i] >> 15);
        magnitude |= pcm[i + 1] ^ (pcm[i + 1] >> 15);
        magnitude |= pcm[i + 2] ^ (pcm[i + 2] >> 15);
        magnitude |= pcm[i + 3] ^ (pcm[i + 3] >> 15);
    }
    for (int i = FOURS; i < TCE_LOGMEL_WINDOW; ++i) {
        magnitude |= pcm[i] ^ (pcm[i] >> 15);
    }
    return leading_zeros((uint32_t)magnitude) - 17;
}

/* 10 log10 in 1/256 dB. energy: 2^60 / 4^shift for a full-scale sine under a window whose mean is 1
 * bias: octaves in Q24 that a power of 2^63 stands for, and one half of 1/256 dB to round
 * log2 by a table of 33 points with straight lines between them, 0.0006 dB at most below the truth. */
static int16_t decibels(uint64_t energy, int32_t bias) {
    if (energy == 0) {
        return TCE_LOGMEL_FLOOR_Q8;
    }
    const uint32_t upper = (uint32_t)(energy >> 32);
    const int zeros = upper != 0 ? leading_zeros(upper) : 32 + leading_zeros((uint32_t)energy);
    const uint32_t mantissa = (uint32_t)((energy << zeros) >> 32); /* leading one, 5 bits of index, 11 of fraction */
    const int32_t *entry = tce_logmel_log2 + ((mantissa >> 26) & 31u);
    const int32_t fraction = (int32_t)((mantissa >> 15) & 0x7FFu);
    const int32_t octaves = bias - zeros * (1 << 24) + entry[0] + (((entry[1] - entry[0]) * fraction) >> 11);
    const int32_t level = (int32_t)(((int64_t)octaves * TCE_LOGMEL_DB_SCALE) >> 32);
    return (int16_t)(level < TCE_LOGMEL_FLOOR_Q8 ? TCE_LOGMEL_FLOOR_Q8 : level);
}

/* A walk over the bins, stretch by stretch; a stretch lies between two corners of the triangles. */
typedef struct {
    const tce_logmel_complex *bin;
    const uint32_t *u; /* the bin's place in its stretch, Q32 */
    uint64_t all;      /* power of the last stretch, below 2^60 by Parseval's theorem */
    uint64_t rising;   /* the part of it that belongs to the filter rising there */
} walk_t;

/* Sums the next stretch. gcc runs out of registers where this is inlined, 12 instructions more a bin; clang does not.
 */
static NOINLINE void add_stretch(walk_t *walk, const tce_logmel_complex *end) {
    const tce_logmel_complex *bin = walk->bin;
    const uint32_t *restrict u = walk->u;
    uint64_t all = 0, rising = 0;
    for (; bin < end; ++bin, ++u) {
        const uint64_t power = (uint64_t)((int64_t)bin->re * bin->re + (int64_t)bin->im * bin->im);
        all += power;
        const uint32_t share = *u;
        rising += (power >> 32) * share;
        rising += ((power & 0xFFFFFFFFu) * share) >> 32;
    }
    *walk = (walk_t){bin, u, all, rising};
}

/* Triangles of peak 1 that cross at one half: a bin at u between two corners gives u of its power to the filter rising
 * there and the rest to the one falling, so that one multiply serves both. */
static void mel_row(const tce_logmel_complex *bins, int shift, int16_t *out_q8) {
    const int32_t bias = TCE_LOGMEL_DB_BIAS - shift * (2 << 24);
    const uint16_t *edge = tce_logmel_edge;
    walk_t walk = {bins + edge[0], tce_logmel_rise, 0, 0};
    add_stretch(&walk, bins + edge[1]);
    for (int mel = 0; mel < TCE_LOGMEL_MELS; ++mel, ++edge) {
        const uint64_t rising = walk.rising;
        add_stretch(&walk, bins + edge[2]);
        out_q8[mel] = decibels(rising + (walk.all - walk.rising), bias);
    }
}

void tce_logmel_frame(tce_logmel *ctx, const int16_t pcm[TCE_LOGMEL_WINDOW], int16_t out_q8[TCE_LOGMEL_MELS]) {
    const int shift = headroom(pcm);
    tce_logmel_spectrum(pcm, shift, ctx->bins);
    mel_row(ctx->bins, shift, out_q8);
}
