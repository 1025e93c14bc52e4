/* Sums down the pixels, four channels at a time, for the means: SXTAB16 adds two codes to two 16-bit sums at once. */
#ifndef TCE_SUM_H
#define TCE_SUM_H

#include "tce_dsp.h"

#define TCE_SUM_PIXELS 248 /* 16 bits hold 255 */

/* In the order of the registers. */
typedef struct {
    int32_t *sums;          /* r1 */
    int32_t step, three;    /* r2, r3: bytes between pixels, three times that */
    const int8_t *in;       /* r4: first channel, first pixel; aligned or not */
    int32_t groups, pixels; /* r5, r6: of four channels; at most TCE_SUM_PIXELS */
} tce_sums;

#define TCE_FOUR_PIXELS                                                                                                \
    "ldr r4, [r0]\n"                                                                                                   \
    "ldr r5, [r0, r2]\n"                                                                                               \
    "ldr r6, [r0, r2, lsl #1]\n"                                                                                       \
    "ldr r7, [r0, r3]\n"                                                                                               \
    "add r0, r0, r2, lsl #2\n"                                                                                         \
    "sxtab16 r8, r8, r4\n"                                                                                             \
    "sxtab16 r9, r9, r4, ror #8\n"                                                                                     \
    "sxtab16 r8, r8, r5\n"                                                                                             \
    "sxtab16 r9, r9, r5, ror #8\n"                                                                                     \
    "sxtab16 r8, r8, r6\n"                                                                                             \
    "sxtab16 r9, r9, r6, ror #8\n"                                                                                     \
    "sxtab16 r8, r8, r7\n"                                                                                             \
    "sxtab16 r9, r9, r7, ror #8\n"

/* Adds the pixels to the sums of 4 * groups channels; eight pixels take 28 instructions. Stack: 36 bytes. */
TCE_NAKED static void tce_add_sums(const tce_sums *job __attribute__((unused))) {
    __asm__ volatile(TCE_STACK(tce_add_sums, 36) ".syntax unified\n"
                                                 "push {r4-r11, lr}\n"
                                                 "ldmia.w r0, {r1-r6}\n"
                                                 "mov r11, r4\n"
                                                 "mov r12, r5\n"
                                                 "mov lr, r6\n"
                                                 "1:\n"
                                                 "mov r0, r11\n"
                                                 "movs r4, #0\n"
                                                 "mov r8, r4\n"
                                                 "mov r9, r4\n"
                                                 "lsrs.w r10, lr, #3\n"
                                                 "beq 3f\n"
                                                 "2:\n" TCE_FOUR_PIXELS TCE_FOUR_PIXELS "subs.w r10, r10, #1\n"
                                                 "bne 2b\n"
                                                 "3:\n"
                                                 "ands r10, lr, #7\n"
                                                 "beq 5f\n"
                                                 "4:\n"
                                                 "ldr r4, [r0]\n"
                                                 "add r0, r2\n"
                                                 "sxtab16 r8, r8, r4\n"
                                                 "sxtab16 r9, r9, r4, ror #8\n"
                                                 "subs.w r10, r10, #1\n"
                                                 "bne 4b\n"
                                                 "5:\n"
                                                 "ldmia.w r1, {r4-r7}\n"
                                                 "sxtah r4, r4, r8\n"
                                                 "sxtah r5, r5, r9\n"
                                                 "add r6, r6, r8, asr #16\n"
                                                 "add r7, r7, r9, asr #16\n"
                                                 "stmia.w r1!, {r4-r7}\n"
                                                 "add r11, #4\n"
                                                 "subs.w r12, r12, #1\n"
                                                 "bne 1b\n"
                                                 "pop {r4-r11, pc}\n");
}

/* The same for any number of pixels. groups: above 0. */
static inline void tce_sum(const int8_t *in, int32_t *sums, int32_t step, int32_t pixels, int32_t groups) {
    for (; pixels > 0; pixels -= TCE_SUM_PIXELS) {
        const int32_t now = pixels < TCE_SUM_PIXELS ? pixels : TCE_SUM_PIXELS;
        const tce_sums job = {sums, step, 3 * step, in, groups, now};
        tce_add_sums(&job);
        in += TCE_SUM_PIXELS * step;
    }
}

#endif
