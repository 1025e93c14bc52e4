/* Fully connected: two outputs at a time. A word of packed weights holds one tap pair of both, u the first channel's
 * codes plus 128 in the even bytes, v the second's in the odd ones: as 16-bit halves it is 256 v + u. So one SMLAD with
 * the word as it stands gives 256 V + U, one with its even bytes gives U, and V is their difference / 256; U carries
 * 128 times the sum of the inputs. Three instructions for four products. |V| < 2^23: at most 508 taps at a time.
 *
 * Packed weights: as dsp/tce_conv1x1_s8.c, with the first channel's whole quads in offset binary.
 * Scratch: the inputs widened, taps (0, 2) and (1, 3) of every whole quad, 8 * (c_in / 4) bytes, then a sum a channel.
 */
#include "tce_dsp.h"

#define TCE_QUADS 127 /* at a time */

/* In the order of the assembly's stack frame. */
typedef struct {
    const int32_t *x;
    int32_t ones, fours; /* quads taken singly, and by four */
    int32_t skip;        /* bytes from the end of these quads to the next pair's */
    int32_t pairs;
    const int8_t *w; /* r6 */
    int32_t *sums;   /* r7 */
} tce_job;

/* clang-format off */
#define TCE_TWO_QUADS                                                                                                  \
    "ldmia.w r0!, {r4-r7}\n"                                                                                           \
    "ldmia.w r1!, {r8-r11}\n"                                                                                          \
    "smlad r2, r4, r8, r2\n"                                                                                           \
    "uxtb16 r8, r8\n"                                                                                                  \
    "smlad r2, r5, r9, r2\n"                                                                                           \
    "uxtb16 r9, r9\n"                                                                                                  \
    "smlad r3, r4, r8, r3\n"                                                                                           \
    "smlad r2, r6, r10, r2\n"                                                                                          \
    "uxtb16 r10, r10\n"                                                                                                \
    "smlad r3, r5, r9, r3\n"                                                                                           \
    "smlad r2, r7, r11, r2\n"                                                                                          \
    "uxtb16 r11, r11\n"                                                                                                \
    "smlad r3, r6, r10, r3\n"                                                                                          \
    "smlad r3, r7, r11, r3\n"

/* Adds U and V of some quads to the sums of every pair. r2: 256 V + U, r3: U. Stack: 56 bytes. */
TCE_NAKED static void tce_dots(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(
        TCE_STACK(tce_dots, 56) ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "ldmia.w r0, {r1-r7}\n"
        "push {r1-r5}\n"
        "mov r1, r6\n"
        "mov lr, r7\n"
        "1:\n"
        "ldr r0, [sp]\n"
        "movs r2, #0\n"
        "movs r3, #0\n"
        "ldr r12, [sp, #4]\n"
        "cmp r12, #0\n"
        "beq 3f\n"
        "2:\n"
        "ldmia.w r0!, {r4, r5}\n"
        "ldr r8, [r1], #4\n"
        "ldr r9, [r1], #4\n"
        "subs.w r12, r12, #1\n"
        "smlad r2, r4, r8, r2\n"
        "uxtb16 r8, r8\n"
        "smlad r2, r5, r9, r2\n"
        "uxtb16 r9, r9\n"
        "smlad r3, r4, r8, r3\n"
        "smlad r3, r5, r9, r3\n"
        "bne 2b\n"
        "3:\n"
        "ldr r12, [sp, #8]\n"
        "cmp r12, #0\n"
        "beq 5f\n"
        "4:\n"
        TCE_TWO_QUADS
        TCE_TWO_QUADS
        "subs.w r12, r12, #1\n"
        "bne 4b\n"
        "5:\n"
        "ldrd r4, r5, [lr]\n"
        "subs r2, r2, r3\n"
        "add r4, r3\n"
        "add r5, r5, r2, asr #8\n"
        "strd r4, r5, [lr], #8\n"
        "ldrd r12, r4, [sp, #12]\n"
        "add r1, r12\n"
        "subs r4, #1\n"
        "str r4, [sp, #16]\n"
        "bne 1b\n"
        "add sp, #20\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

/* Widens the whole quads of a row; returns 128 times their sum. */
static int32_t tce_widen(const int8_t *in, int32_t *x, int32_t quads) {
    int32_t sum = 0;
    if (quads > 0) {
        __asm__ volatile("1:\n\t"
                         "ldr r4, [%[in]], #4\n\t"
                         "sxtb16 r5, r4, ror #8\n\t"
                         "sxtb16 r4, r4\n\t"
                         "smlad %[sum], r5, %[one], %[sum]\n\t"
                         "smlad %[sum], r4, %[one], %[sum]\n\t"
                         "subs %[quads], #1\n\t"
                         "stmia.w %[x]!, {r4, r5}\n\t"
                         "bne 1b"
                         : [in] "+r"(in), [x] "+r"(x), [quads] "+r"(quads), [sum] "+r"(sum)
                         : [one] "r"(0x00800080)
                         : "r4", "r5", "cc", "memory");
    }
    return sum;
}

/* Any shift. */
TCE_RARE static int8_t tce_once(int32_t acc, tce_scale scale, int32_t zero_point) {
    return tce_store(tce_requant_once(acc, scale), (tce_output){zero_point, -128, 127, NULL});
}

/* Codes of `count` outputs before clamp and table. SMMLA adds the upper word of acc * multiplier to
 * (zero_point << (n - 1)) + 2^(n - 2), n = -shift: the code for n in [2, 23], half up, as tce_requant_once. */
static void tce_codes(const int32_t *sums, int8_t *out, int32_t count, const tce_dense *layer) {
    const int32_t *bias = layer->bias; /* copies: a store to `out` could otherwise change them */
    const int32_t *multiplier = layer->scale.multiplier;
    const int8_t *shift = layer->scale.shift;
    const int32_t zero_point = layer->output.zero_point;
    for (; count > 0; count--) {
        const int32_t acc = *sums++ + *bias++;
        const tce_scale scale = {*multiplier++, *shift++};
        const uint32_t up = (uint32_t)(-2 - scale.shift);
        if (up > 21) {
            *out++ = tce_once(acc, scale, zero_point);
            continue;
        }
        int32_t code = (2 * zero_point + 1) * (INT32_C(1) << up);
        __asm__("smmla %0, %1, %2, %0" : "+r"(code) : "r"(acc), "r"(scale.multiplier));
        __asm__("ssat %0, #8, %1" : "=r"(code) : "r"(code >> (up + 1)));
        *out++ = (int8_t)code;
    }
}

/* The inputs that quads leave, times their weights, which are `step` bytes apart. */
TCE_RARE static int32_t tce_dot(const int8_t *x, const int8_t *w, int32_t step, int32_t count) {
    int32_t acc = 0;
    for (; count > 0; count--, w += step) {
        acc += *x++ * *w;
    }
    return acc;
}

/* Sums of all pairs of channels over whole quads. */
static void tce_sum_pairs(const int32_t *x, int32_t *sums, int32_t quads, int32_t pairs, const int8_t *weights) {
    const int aligned = ((uintptr_t)weights & 3U) == 0U; /* LDM wants that, LDR does not */
    for (int32_t done = 0; done < quads; done += TCE_QUADS) {
        const int32_t now = quads - done < TCE_QUADS ? quads - done : TCE_QUADS, fours = aligned ? now >> 2 : 0;
        const tce_job job = {
            x + 2 * done, now - 4 * fours, fours, 8 * (quads - now), pairs, weights + 8 * done, sums,
        };
        tce_dots(&job);
    }
}

/* What the pairs and quads leave: the last taps of every pair, an odd last channel. */
TCE_RARE static void tce_add_rest(const int8_t *in, int32_t *sums, const tce_dense *layer) {
    const int32_t k = layer->c_in, rest = k & 3, paired = layer->c_out & ~1;
    const int8_t *tail = layer->weights + (k - rest) * paired;
    for (int32_t c = 0; c < paired; c++) {
        sums[c] += tce_dot(in + k - rest, tail + (c >> 1) * 2 * rest + (c & 1), 2, rest);
    }
    if (paired < layer->c_out) {
        sums[paired] = tce_dot(in, layer->weights + paired * k, 1, k);
    }
}

void tce_dense_s8(const int8_t *in, int8_t *out, int32_t rows, void *scratch, const tce_dense *layer) {
    const int32_t k = layer->c_in, c_out = layer->c_out, quads = k >> 2, pairs = c_out >> 1;
    int32_t *x = scratch, *sums = x + 2 * quads;

    for (int32_t r = 0; r < rows; r++) {
        const int32_t offset = tce_widen(in, x, quads);
        for (int32_t p = 0; p < pairs; p++) {
            sums[2 * p] = -offset;
            sums[2 * p + 1] = 0;
        }
        if (pairs > 0) {
            tce_sum_pairs(x, sums, quads, pairs, layer->weights);
        }
        if ((k & 3) || (c_out & 1)) {
            tce_add_rest(in, sums, layer);
        }
        tce_codes(sums, out + r * c_out, c_out, layer);
        in += k;
    }
    tce_finish_codes(out, rows * c_out, &layer->output);
}
