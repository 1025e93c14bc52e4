/* What the kernels of cores with the DSP extension share: the short requantisation, the pass that finishes codes.
 *
 * A doubled accumulator a is requantised by SMMLAR, which adds round(a * multiplier / 2^32) to
 *     rounding = (zero_point << s) + 2^(s - 1), less 1 for a negative a (half away from zero),
 * then an arithmetic shift right by s and SSAT: four or five instructions, equal to tce_requant, zero point and a clamp
 * to int8 for s in [1, 22]. Other shifts take tce_requant. */
#ifndef TCE_DSP_H
#define TCE_DSP_H

#include "tce_engine.h"
#include "tce_requant.h"

#if !defined(__ARM_FEATURE_DSP)
#error "these kernels need the DSP extension (Cortex-M4, M7, M33): generate the library for isa=portable"
#endif

/* Rare paths: compiled small, out of the way. */
#define TCE_RARE __attribute__((noinline, cold, unused))

/* Assembly that keeps its own registers and stack frame. TCE_STACK, its first line, adds the frame to the section where
 * clang lists what functions take of the stack; the compiler itself cannot see it. */
#define TCE_NAKED __attribute__((naked, noinline))
#if defined(__clang__)
#define TCE_STACK(function, bytes)                                                                                     \
    ".pushsection .stack_sizes, \"o\", %progbits, " #function "\n"                                                     \
    ".long " #function "\n"                                                                                            \
    ".uleb128 " #bytes "\n"                                                                                            \
    ".popsection\n"
#else
#define TCE_STACK(function, bytes)
#endif

/* One output channel's constants of the short requantisation. */
typedef struct {
    int32_t multiplier, rounding, shift;
} tce_short;

/* Whether the short form is exact, and its constants. */
static inline int tce_make_short(tce_scale scale, int32_t zero_point, tce_short *constants) {
    const int32_t shift = -scale.shift;
    if (shift < 1 || shift > 22) {
        return 0;
    }
    constants->multiplier = scale.multiplier;
    constants->rounding = (2 * zero_point + 1) * (INT32_C(1) << (shift - 1));
    constants->shift = shift;
    return 1;
}

/* The code of a sum, |acc| < 2^30, by the short form. */
static inline int32_t tce_short_code(int32_t acc, const tce_short *constants) {
    int32_t code = constants->rounding + (acc >> 31);
    __asm__("smmlar %0, %1, %2, %0" : "+r"(code) : "r"(2 * acc), "r"(constants->multiplier));
    __asm__("ssat %0, #8, %1" : "=r"(code) : "r"(code >> constants->shift));
    return code;
}

/* A code by the plain rule. */
TCE_RARE static int8_t tce_plain_code(int32_t acc, tce_scale scale, const tce_output *output) {
    return tce_store(tce_requant(acc, scale), *output);
}

TCE_RARE static void tce_clamp(int8_t *out, int32_t count, int32_t low, int32_t high) {
    for (; count > 0; count--, out++) {
        const int32_t code = *out < low ? low : *out;
        *out = (int8_t)(code > high ? high : code);
    }
}

/* Four codes through a table, as assembly with operands in, out, zero; r4, r5, r6, r8 are lost. */
#define TCE_LOOK_UP_FOUR                                                                                               \
    "ldrsb r4, [%[in]], #1\n\t"                                                                                        \
    "ldrsb r5, [%[in]], #1\n\t"                                                                                        \
    "ldrsb r6, [%[in]], #1\n\t"                                                                                        \
    "ldrsb r8, [%[in]], #1\n\t"                                                                                        \
    "ldrb r4, [%[zero], r4]\n\t"                                                                                       \
    "ldrb r5, [%[zero], r5]\n\t"                                                                                       \
    "ldrb r6, [%[zero], r6]\n\t"                                                                                       \
    "ldrb r8, [%[zero], r8]\n\t"                                                                                       \
    "strb r4, [%[out]], #1\n\t"                                                                                        \
    "strb r5, [%[out]], #1\n\t"                                                                                        \
    "strb r6, [%[out]], #1\n\t"                                                                                        \
    "strb r8, [%[out]], #1\n\t"

/* out[i] = zero[in[i]]; zero is the entry of code 0. Whole fours by hand: 3.5 instructions a code. */
static inline void tce_look_up(const int8_t *in, int8_t *out, int32_t count, const int8_t *zero) {
    for (; count & 3; count--) {
        *out++ = zero[*in++];
    }
    if (count > 0) {
        __asm__ volatile("1:\n\t" TCE_LOOK_UP_FOUR "subs %[count], #4\n\t"
                         "bne 1b"
                         : [in] "+r"(in), [out] "+r"(out), [count] "+r"(count)
                         : [zero] "r"(zero)
                         : "r4", "r5", "r6", "r8", "cc", "memory");
    }
}

/* Clamp and table of codes that have only been saturated. */
TCE_RARE static void tce_finish_codes(int8_t *out, int32_t count, const tce_output *output) {
    if (output->low > -128 || output->high < 127) {
        tce_clamp(out, count, output->low, output->high);
    }
    if (output->table) {
        tce_look_up(out, out, count, output->table + 128);
    }
}

#endif
