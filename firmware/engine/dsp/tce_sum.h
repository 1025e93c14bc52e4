/* Sums down a column of four channels, for the means: SXTAB16 adds two codes to two 16-bit sums at once. */
#ifndef TCE_SUM_H
#define TCE_SUM_H

#include "tce_dsp.h"

/* Adds `count` pixels, `step` bytes apart, of the four channels at x to sums. Eight pixels a turn: 0.88 instructions a
 * code; 16-bit sums hold 255 of them. */
static inline void tce_sum_four(const int8_t *x, int32_t step, int32_t count, int32_t *sums) {
    for (; count > 0; count -= 255) {
        const int32_t now = count < 255 ? count : 255;
        int32_t even = 0, odd = 0, eights = now >> 3, rest = now & 7;
        if (eights > 0) {
            __asm__ volatile("1:\n\t"
                             ".rept 2\n\t"
                             "ldr r4, [%[x]]\n\t"
                             "ldr r5, [%[x], %[step]]\n\t"
                             "ldr r6, [%[x], %[step], lsl #1]\n\t"
                             "ldr r8, [%[x], %[three]]\n\t"
                             "add %[x], %[x], %[step], lsl #2\n\t"
                             "sxtab16 %[even], %[even], r4\n\t"
                             "sxtab16 %[odd], %[odd], r4, ror #8\n\t"
                             "sxtab16 %[even], %[even], r5\n\t"
                             "sxtab16 %[odd], %[odd], r5, ror #8\n\t"
                             "sxtab16 %[even], %[even], r6\n\t"
                             "sxtab16 %[odd], %[odd], r6, ror #8\n\t"
                             "sxtab16 %[even], %[even], r8\n\t"
                             "sxtab16 %[odd], %[odd], r8, ror #8\n\t"
                             ".endr\n\t"
                             "subs %[eights], #1\n\t"
                             "bne 1b"
                             : [x] "+r"(x), [even] "+r"(even), [odd] "+r"(odd), [eights] "+r"(eights)
                             : [step] "r"(step), [three] "r"(3 * step)
                             : "r4", "r5", "r6", "r8", "cc", "memory");
        }
        if (rest > 0) {
            __asm__ volatile("1:\n\t"
                             "ldr r4, [%[x]]\n\t"
                             "add %[x], %[step]\n\t"
                             "sxtab16 %[even], %[even], r4\n\t"
                             "sxtab16 %[odd], %[odd], r4, ror #8\n\t"
                             "subs %[rest], #1\n\t"
                             "bne 1b"
                             : [x] "+r"(x), [even] "+r"(even), [odd] "+r"(odd), [rest] "+r"(rest)
                             : [step] "r"(step)
                             : "r4", "cc", "memory");
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += even >> 16;
        sums[3] += odd >> 16;
    }
}

#endif
