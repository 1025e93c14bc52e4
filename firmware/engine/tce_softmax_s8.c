#include "tce_engine.h"

/* round(a * b / 2^31), half up, of two numbers of which at most one is INT32_MIN. */
static int32_t high_mul(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* a * 2^left, saturating. */
static int32_t shift_left(int32_t a, int left) {
    const int64_t wide = (int64_t)a * (INT64_C(1) << left);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* 1 / (1 + x) for x in [0, 1), both with 31 fractional bits, by three steps of Newton and Raphson (gemmlowp). */
static int32_t one_over_one_plus(int32_t x) {
    const int32_t half = (int32_t)(((uint32_t)x + UINT32_C(0x80000000)) >> 1); /* (1 + x) / 2, in [1/2, 1) */
    int32_t y = 1515870810 + high_mul(half, -1010580540); /* 48/17 - 32/17 half, with two integer bits */
    for (int step = 0; step < 3; step++) {
        const int32_t rest = (INT32_C(1) << 29) - high_mul(half, y); /* 1 - half * y */
        y += shift_left(high_mul(y, rest), 2);
    }
    return shift_left(y, 1);
}

static int leading_zeros(uint32_t value) {
    int zeros = 0;
    while (value < UINT32_C(0x80000000)) {
        value <<= 1;
        zeros++;
    }
    return zeros;
}

void tce_softmax_s8(const int8_t *in, int8_t *out, int32_t rows, const tce_softmax *layer) {
    for (int32_t row = 0; row < rows; row++, in += layer->depth, out += layer->depth) {
        int32_t top = in[0];
        for (int32_t i = 1; i < layer->depth; i++) {
            top = in[i] > top ? in[i] : top;
        }
        const int32_t *exponentials = layer->exponentials + 255 - top;
        uint32_t sum = 0; /* 12 integer bits: each term loses 12 with rounding; at least 2^19, from the maximum */
        for (int32_t i = 0; i < layer->depth; i++) {
            sum += ((uint32_t)exponentials[in[i]] + (UINT32_C(1) << 11)) >> 12;
        }
        const int zeros = leading_zeros(sum);
        const int32_t scale = one_over_one_plus((int32_t)((sum << zeros) - UINT32_C(0x80000000)));
        const int right = 12 - zeros + 31 - 8;
        for (int32_t i = 0; i < layer->depth; i++) {
            const int64_t value = high_mul(exponentials[in[i]], scale); /* not negative */
            const int32_t code = (int32_t)((value + (INT64_C(1) << (right - 1))) >> right) - 128;
            out[i] = (int8_t)(code > 127 ? 127 : code);
        }
    }
}
