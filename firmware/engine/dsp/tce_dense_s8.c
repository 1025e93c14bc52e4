/* Fully connected: two outputs at a time. A word of packed weights holds one tap pair of both, u the first channel's
 * codes plus 128 in the even bytes, v the second's in the odd ones: as 16-bit halves it is 256 v + u. So one SMLAD with
 * the word as it stands gives 256 V + U, one with its even bytes gives U, and V is their difference / 256; U carries
 * 128 times the sum of the inputs. Three instructions for four products. |V| < 2^23: at most 508 taps at a time.
 *
 * Packed weights: as dsp/tce_conv1x1_s8.c, with the first channel's whole quads in offset binary.
 * Scratch: the inputs widened, taps (0, 2) and (1, 3) of every whole quad: 8 * (c_in / 4) bytes. */
#include "tce_dsp.h"

#define TCE_QUADS 127 /* at a time */

/* Sums of `quads` quads: acc[0] gets 256 V + U, acc[1] U. x, w: see above. */
static inline void tce_quads(const int32_t *x, const int8_t *w, int32_t quads, int32_t *acc) {
    const int aligned = ((uintptr_t)w & 3U) == 0U; /* LDM wants that, LDR does not */
    int32_t both = 0, even = 0, fours = aligned ? quads >> 2 : 0, rest = quads - 4 * fours;
#define TCE_TWO_QUADS                                                                                                  \
    "ldmia.w %[x]!, {r4, r5, r6, r8}\n\t"                                                                              \
    "ldmia.w %[w]!, {r9, r10, r11, r12}\n\t"                                                                           \
    "smlad %[both], r4, r9, %[both]\n\t"                                                                               \
    "uxtb16 r9, r9\n\t"                                                                                                \
    "smlad %[both], r5, r10, %[both]\n\t"                                                                              \
    "uxtb16 r10, r10\n\t"                                                                                              \
    "smlad %[even], r4, r9, %[even]\n\t"                                                                               \
    "smlad %[both], r6, r11, %[both]\n\t"                                                                              \
    "uxtb16 r11, r11\n\t"                                                                                              \
    "smlad %[even], r5, r10, %[even]\n\t"                                                                              \
    "smlad %[both], r8, r12, %[both]\n\t"                                                                              \
    "uxtb16 r12, r12\n\t"                                                                                              \
    "smlad %[even], r6, r11, %[even]\n\t"                                                                              \
    "smlad %[even], r8, r12, %[even]\n\t"
    if (rest > 0) {
        __asm__ volatile("1:\n\t"
                         "ldmia.w %[x]!, {r4, r5}\n\t"
                         "ldr r9, [%[w]], #4\n\t"
                         "ldr r10, [%[w]], #4\n\t"
                         "smlad %[both], r4, r9, %[both]\n\t"
                         "uxtb16 r9, r9\n\t"
                         "smlad %[both], r5, r10, %[both]\n\t"
                         "uxtb16 r10, r10\n\t"
                         "smlad %[even], r4, r9, %[even]\n\t"
                         "smlad %[even], r5, r10, %[even]\n\t"
                         "subs %[rest], #1\n\t"
                         "bne 1b"
                         : [x] "+r"(x), [w] "+r"(w), [both] "+r"(both), [even] "+r"(even), [rest] "+r"(rest)
                         :
                         : "r4", "r5", "r9", "r10", "cc", "memory");
    }
    if (fours > 0) {
        __asm__ volatile("1:\n\t" TCE_TWO_QUADS TCE_TWO_QUADS "subs %[fours], #1\n\t"
                         "bne 1b"
                         : [x] "+r"(x), [w] "+r"(w), [both] "+r"(both), [even] "+r"(even), [fours] "+r"(fours)
                         :
                         : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
    }
    acc[0] = both;
    acc[1] = even;
}

/* Widens the whole quads of a row. */
static void tce_widen(const int8_t *in, int32_t *x, int32_t quads) {
    if (quads > 0) {
        __asm__ volatile("1:\n\t"
                         "ldr r4, [%[in]], #4\n\t"
                         "sxtb16 r5, r4, ror #8\n\t"
                         "sxtb16 r4, r4\n\t"
                         "subs %[quads], #1\n\t"
                         "stmia.w %[x]!, {r4, r5}\n\t"
                         "bne 1b"
                         : [in] "+r"(in), [x] "+r"(x), [quads] "+r"(quads)
                         :
                         : "r4", "r5", "cc", "memory");
    }
}

/* 128 times the sum of 4 * quads inputs. */
static int32_t tce_offset(const int32_t *x, int32_t quads) {
    int32_t sum = 0;
    for (; quads > 0; quads--, x += 2) {
        __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(x[0]), "r"(0x00800080));
        __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(x[1]), "r"(0x00800080));
    }
    return sum;
}

/* One output. SMMLA adds the upper word of acc * multiplier to (zero_point << (n - 1)) + 2^(n - 2), n = -shift: the
 * code for n in [2, 23], half up, as tce_requant_once. */
static inline int8_t tce_output_code(int32_t acc, tce_scale scale, tce_output output) {
    if (scale.shift > -2 || scale.shift < -23) {
        return tce_store(tce_requant_once(acc, scale), output);
    }
    int32_t code = (2 * output.zero_point + 1) * (INT32_C(1) << (-scale.shift - 2));
    __asm__("smmla %0, %1, %2, %0" : "+r"(code) : "r"(acc), "r"(scale.multiplier));
    code >>= -scale.shift - 1;
    output.zero_point = 0;
    return tce_store(code, output);
}

/* The inputs that quads leave, times their weights, which are `step` bytes apart. */
static inline int32_t tce_dot(const int8_t *x, const int8_t *w, int32_t step, int32_t count) {
    int32_t acc = 0;
    for (; count > 0; count--, w += step) {
        acc += *x++ * *w;
    }
    return acc;
}

void tce_dense_s8(const int8_t *in, int8_t *out, int32_t rows, void *scratch, const tce_dense *layer) {
    const int32_t k = layer->c_in, quads = k >> 2, rest = k & 3;
    const int32_t paired = layer->c_out & ~1;
    const tce_output output = layer->output; /* a copy: a store to `out` could otherwise change it */
    int32_t *x = scratch;

    for (; rows > 0; rows--) {
        const int8_t *w = layer->weights;
        const int8_t *tail = w + 4 * quads * paired;
        tce_widen(in, x, quads);
        const int32_t offset = tce_offset(x, quads);
        for (int32_t c = 0; c < paired; c += 2) {
            int32_t first = layer->bias[c] - offset, second = layer->bias[c + 1];
            for (int32_t done = 0; done < quads; done += TCE_QUADS) {
                int32_t acc[2];
                const int32_t now = quads - done < TCE_QUADS ? quads - done : TCE_QUADS;
                tce_quads(x + 2 * done, w, now, acc);
                first += acc[1];
                second += (int32_t)((uint32_t)acc[0] - (uint32_t)acc[1]) >> 8;
                w += 8 * now;
            }
            if (rest > 0) {
                first += tce_dot(in + 4 * quads, tail, 2, rest);
                second += tce_dot(in + 4 * quads, tail + 1, 2, rest);
                tail += 2 * rest;
            }
            out[c] = tce_output_code(first, layer->scale[c], output);
            out[c + 1] = tce_output_code(second, layer->scale[c + 1], output);
        }
        if (paired < layer->c_out) {
            const int32_t acc = layer->bias[paired] + tce_dot(in, layer->weights + paired * k, 1, k);
            out[paired] = tce_output_code(acc, layer->scale[paired], output);
        }
        in += k;
        out += layer->c_out;
    }
}
