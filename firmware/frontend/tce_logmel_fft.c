#include "tce_logmel_fft.h"

#define POINTS (TCE_LOGMEL_N_FFT / 2)
#define BLOCKS (POINTS / TCE_LOGMEL_FIRST_RADIX)

/* The passes differ in one constant; knowing it, a compiler addresses all four inputs from one register, which saves a
 * third of a pass's instructions on Cortex-M4 with clang, a sixth with gcc. */
#if defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif

_Static_assert((-1 >> 1) == -1, "the front end needs arithmetic right shifts");

typedef tce_logmel_complex complex_t;

/* The high word of a product: floor(a b / 2^32). One SMMUL on Cortex-M4, one MULH on RISC-V. */
static inline int32_t high(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* Sample `at` of the frame under its weight, over the first radix. A window shorter than the FFT is followed by zeros.
 */
static inline int32_t windowed(const int16_t *pcm, int at, int32_t gain, int32_t weight) {
    if (TCE_LOGMEL_WINDOW < TCE_LOGMEL_N_FFT && at >= TCE_LOGMEL_WINDOW) {
        return 0;
    }
    return high(pcm[at] * gain, weight);
}

/* An even and an odd sample as one complex number. */
static inline complex_t windowed_pair(const int16_t *pcm, int at, int32_t gain, const int32_t *weight) {
    return (complex_t){windowed(pcm, at, gain, weight[0]), windowed(pcm, at + 1, gain, weight[1])};
}

/* The 4-point FFT of a, b, c, d into z[0], z[q], z[2q], z[3q]. */
static inline void butterfly(complex_t a, complex_t b, complex_t c, complex_t d, complex_t *z, int q) {
    const int32_t sum_r = a.re + c.re, sum_i = a.im + c.im;
    const int32_t dif_r = a.re - c.re, dif_i = a.im - c.im;
    const int32_t odd_r = b.re + d.re, odd_i = b.im + d.im;
    const int32_t rot_r = b.re - d.re, rot_i = b.im - d.im;
    z[0] = (complex_t){sum_r + odd_r, sum_i + odd_i};
    z[q] = (complex_t){dif_r + rot_i, dif_i - rot_r};
    z[2 * q] = (complex_t){sum_r - odd_r, sum_i - odd_i};
    z[3 * q] = (complex_t){dif_r - rot_i, dif_i + rot_r};
}

/* Window and first pass in one: reads the frame in digit-reversed order, writes blocks of 2 or 4 in order.
 * The window is stored in the order of its use. */
static void first_pass(const int16_t *restrict pcm, int32_t gain, complex_t *restrict z) {
    const int32_t *restrict w = tce_logmel_window;
    const int stride = 2 * BLOCKS; /* samples between the inputs of a butterfly */
    for (int block = 0; block < BLOCKS; ++block) {
        const int at = 2 * tce_logmel_order[block];
        const complex_t a = windowed_pair(pcm, at, gain, w);
        const complex_t b = windowed_pair(pcm, at + stride, gain, w + 2);
#if TCE_LOGMEL_FIRST_RADIX == 4
        const complex_t c = windowed_pair(pcm, at + 2 * stride, gain, w + 4);
        const complex_t d = windowed_pair(pcm, at + 3 * stride, gain, w + 6);
        butterfly(a, b, c, d, z, 1);
#else
        z[0] = (complex_t){a.re + b.re, a.im + b.im};
        z[1] = (complex_t){a.re - b.re, a.im - b.im};
#endif
        z += TCE_LOGMEL_FIRST_RADIX;
        w += 2 * TCE_LOGMEL_FIRST_RADIX;
    }
}

static inline complex_t quartered(complex_t z) {
    return (complex_t){z.re >> 2, z.im >> 2};
}

/* z (cos - i sin) / 4; turn: cos, sin in Q30 */
static inline complex_t turned(complex_t z, const int32_t *turn) {
    const int32_t cos = turn[0], sin = turn[1];
    return (complex_t){high(z.re, cos) + high(z.im, sin), high(z.im, cos) - high(z.re, sin)};
}

/* One radix-4 pass in place: four transforms of length q become one of 4 q, divided by 4.
 * turn: [q - 1][3][2] cos and sin of 1, 2, 3 times 2 pi j / (4 q), j = 1 ... */
static INLINE void radix4_pass(complex_t *restrict z, int q, const int32_t *restrict turn) {
    for (const complex_t *end = z + POINTS; z < end; z += 3 * q) {
        butterfly(quartered(z[0]), quartered(z[q]), quartered(z[2 * q]), quartered(z[3 * q]), z, q);
        ++z;
        const int32_t *w = turn;
        for (int j = 1; j < q; ++j, ++z, w += 6) {
            butterfly(quartered(z[0]), turned(z[q], w), turned(z[2 * q], w + 2), turned(z[3 * q], w + 4), z, q);
        }
    }
}

/* From the transform of even + i odd samples to that of all, two bins at a time; bin n_fft/4 is right already. */
static void split(complex_t *restrict z) {
    const int32_t *restrict turn = tce_logmel_split;
    complex_t *low = z + 1, *top = z + POINTS - 1;
    for (; low < top; ++low, --top, turn += 2) {
        const int32_t cos = turn[0], sin = turn[1];
        const int32_t sum_r = low->re + top->re, dif_r = low->re - top->re; /* within 2^30: Hann halves are equal */
        const int32_t sum_i = low->im + top->im, dif_i = low->im - top->im;
        const int32_t turned_r = high(sum_i, cos) - high(dif_r, sin);
        const int32_t turned_i = high(dif_r, cos) + high(sum_i, sin);
        *low = (complex_t){(sum_r >> 1) + turned_r, (dif_i >> 1) - turned_i};
        *top = (complex_t){(sum_r >> 1) - turned_r, (dif_i >> 1) + turned_i};
    }
}

void tce_logmel_spectrum(const int16_t *pcm, int shift, complex_t *bins) {
    enum { Q1 = TCE_LOGMEL_FIRST_RADIX, Q2 = 4 * Q1, Q3 = 16 * Q1, Q4 = 64 * Q1 };
    const int32_t *turn = tce_logmel_twiddle;
    first_pass(pcm, (int32_t)1 << (16 + shift), bins);
    radix4_pass(bins, Q1, turn);
    radix4_pass(bins, Q2, turn + 6 * (Q1 - 1));
    radix4_pass(bins, Q3, turn + 6 * (Q1 + Q2 - 2));
    if (Q4 < POINTS) { /* n_fft 1024 and 2048 */
        radix4_pass(bins, Q4, turn + 6 * (Q1 + Q2 + Q3 - 3));
    }
    split(bins);
}
