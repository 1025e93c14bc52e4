/* Pixels times a matrix on cores with the DSP extension: two pixels by two channels, both operands widened to 16 bits.
 *
 * A chunk of pixels is widened (and doubled, see below) into scratch once, and the weights of two channels once for
 * the chunk; then four taps of two pixels and two channels are two load-multiples and eight SMLAD. Scratch:
 *
 *     w  per quad of taps: channel 0 taps (0, 2), channel 1 (0, 2), channel 0 (1, 3), channel 1 (1, 3)
 *     x  per pair of pixels and quad: pixel 0 taps (0, 2), pixel 1 (0, 2), pixel 0 (1, 3), pixel 1 (1, 3);
 *        an odd last pixel: taps (0, 2), (1, 3)
 *
 * in 16-bit halves, which is how SXTB16 splits a word of four bytes. Taps past k are zero.
 *
 * Weights come from the generator as whole quads of channel pairs in the order of w, then the taps that four does not
 * divide [pair][tap][2], then an odd last channel [k]: c_out * k bytes, as many as the plain layout.
 *
 * Requantisation: tce_dsp.h. Where the clamp starts at the zero point (ReLU), how halves of negative accumulators round
 * cannot be seen, and the correction is left out. Channels whose shift the short form does not take go by the plain
 * rule. */
#include "tce_dsp.h"

/* Bytes of scratch for widened pixels; at least four pixels are widened at a time. */
#define TCE_PIXEL_BYTES 2304

/* What the assembly reads, in the order of its stack frame. */
typedef struct {
    int32_t *x, *w;
    int8_t *out;
    int32_t stride;           /* bytes between pixels of out */
    int32_t *x_pairs, *x_end; /* where the pairs of pixels end, and the odd pixel after them */
    int32_t *w_end;
    int32_t enter_pair, enter_one; /* bytes of the unrolled loops that the first turn skips */
    int32_t stage;                 /* how accumulators are stored: TCE_STORE_... */
    const int8_t *quads;           /* packed weights of the next pair of channels */
    int32_t quad_count;
    const int8_t *tail; /* and their last taps */
    int32_t tail_count;
    const int32_t *bias; /* from here to zero_point: one load-multiple */
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t zero_point; /* 2 * zero point + 1 */
    int32_t blocks;     /* pairs of channels */
    int32_t low, high;
    const int8_t *table; /* entry of code 0 */
} tce_job;

enum { TCE_STORE_RELU, TCE_STORE_SIGNED, TCE_STORE_TABLE, TCE_STORE_ANY };

/* clang-format off */
#define TCE_QUAD /* 40 bytes: 4 taps, 2 pixels, 2 channels */                                                          \
    "ldmia.w r0!, {r6-r9}\n"                                                                                           \
    "ldmia.w r1!, {r10, r11, r12, lr}\n"                                                                               \
    "smlad r2, r6, r10, r2\n"                                                                                          \
    "smlad r3, r6, r11, r3\n"                                                                                          \
    "smlad r4, r7, r10, r4\n"                                                                                          \
    "smlad r5, r7, r11, r5\n"                                                                                          \
    "smlad r2, r8, r12, r2\n"                                                                                          \
    "smlad r3, r8, lr, r3\n"                                                                                           \
    "smlad r4, r9, r12, r4\n"                                                                                          \
    "smlad r5, r9, lr, r5\n"
#define TCE_QUAD_ONE /* 24 bytes: 4 taps, 1 pixel, 2 channels */                                                       \
    "ldmia.w r0!, {r6, r7}\n"                                                                                          \
    "ldmia.w r1!, {r10, r11, r12, lr}\n"                                                                               \
    "smlad r2, r6, r10, r2\n"                                                                                          \
    "smlad r3, r6, r11, r3\n"                                                                                          \
    "smlad r2, r7, r12, r2\n"                                                                                          \
    "smlad r3, r7, lr, r3\n"
#define TCE_TIMES_8(text) text text text text text text text text
#define TCE_CONSTANTS     /* m0 c0 s0 m1 c1 s1 out stride */                                                           \
    "add r6, sp, #96\n"                                                                                                \
    "ldmia.w r6, {r6-r12, lr}\n"
#define TCE_SCALE_SIGNED                                                                                               \
    "add r1, r7, r2, asr #31\n"                                                                                        \
    "smmlar r2, r2, r6, r1\n"                                                                                          \
    "add r1, r10, r3, asr #31\n"                                                                                       \
    "smmlar r3, r3, r9, r1\n"                                                                                          \
    "add r1, r7, r4, asr #31\n"                                                                                        \
    "smmlar r4, r4, r6, r1\n"                                                                                          \
    "add r1, r10, r5, asr #31\n"                                                                                       \
    "smmlar r5, r5, r9, r1\n"
#define TCE_SHIFT                                                                                                      \
    "asr r2, r2, r8\n"                                                                                                 \
    "asr r3, r3, r11\n"                                                                                                \
    "asr r4, r4, r8\n"                                                                                                 \
    "asr r5, r5, r11\n"                                                                                                \
    "ssat r2, #8, r2\n"                                                                                                \
    "ssat r3, #8, r3\n"                                                                                                \
    "ssat r4, #8, r4\n"                                                                                                \
    "ssat r5, #8, r5\n"
#define TCE_CLAMP(r)                                                                                                   \
    "cmp " r ", r6\n"                                                                                                  \
    "it lt\n"                                                                                                          \
    "movlt " r ", r6\n"                                                                                                \
    "cmp " r ", r7\n"                                                                                                  \
    "it gt\n"                                                                                                          \
    "movgt " r ", r7\n"

/* All pairs of channels of a chunk. Returns how many are left: 0, or those from the first that needs the plain path.
 * Stack: 176 bytes. Frame: the job (88), b0 b1 (88), m0 c0 s0 m1 c1 s1 (96), out, stride (120), end of x (128),
 * two bytes for the absent second pixel (132), the store (136). */
TCE_NAKED static int32_t tce_pairs(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(
        TCE_STACK(tce_pairs, 176)
        ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "sub sp, #140\n"
        "ldmia.w r0!, {r1-r11}\n"
        "mov r12, sp\n"
        "stmia.w r12!, {r1-r11}\n"
        "ldmia.w r0, {r1-r11}\n"
        "stmia.w r12, {r1-r11}\n"
        "ldr r1, [sp, #28]\n"               /* addresses into the unrolled loops */
        "adr.w r2, 60f\n"
        "add r1, r2\n"
        "orr r1, r1, #1\n"
        "str r1, [sp, #28]\n"
        "ldr r1, [sp, #32]\n"
        "adr.w r2, 80f\n"
        "add r1, r2\n"
        "orr r1, r1, #1\n"
        "str r1, [sp, #32]\n"
        "ldr r1, [sp, #36]\n"               /* of what scales, and of what stores */
        "adr.w r2, 61f\n"
        "adr.w r3, 65f\n"
        "cmp r1, #0\n"
        "it ne\n"
        "adrne.w r2, 62f\n"
        "cmp r1, #2\n"
        "it eq\n"
        "adreq.w r3, 63f\n"
        "it hi\n"
        "adrhi.w r3, 64f\n"
        "orr r2, r2, #1\n"
        "orr r3, r3, #1\n"
        "str r2, [sp, #36]\n"
        "str r3, [sp, #136]\n"

        "10:\n"                             /* a pair of channels: constants */
        "add r12, sp, #56\n"
        "ldmia.w r12, {r0, r1, r8, r9}\n"   /* bias, multiplier, shift, zero point */
        "ldrsb r4, [r8], #1\n"
        "ldrsb r7, [r8], #1\n"
        "mvn r4, r4\n"                      /* s - 1 */
        "mvn r7, r7\n"
        "cmp r4, #22\n"
        "it lo\n"
        "cmplo r7, #22\n"
        "bhs.w 92f\n"
        "ldrd r2, r5, [r1], #8\n"
        "lsl r3, r9, r4\n"
        "lsl r6, r9, r7\n"
        "adds r4, #1\n"
        "adds r7, #1\n"
        "add r9, sp, #96\n"
        "stmia.w r9, {r2-r7}\n"
        "ldrd r2, r3, [r0], #8\n"
        "stmia.w r12, {r0, r1, r8}\n"
        "lsls r2, r2, #1\n"
        "lsls r3, r3, #1\n"
        "strd r2, r3, [sp, #88]\n"

        "ldr r0, [sp, #40]\n"               /* its weights, widened: r0 to r1 */
        "ldr r1, [sp, #4]\n"
        "ldr r10, [sp, #44]\n"
        "lsls r2, r0, #30\n"
        "bne 23f\n"
        "lsrs r10, r10, #1\n"
        "bcc 20f\n"
        "ldmia.w r0!, {r2, r4}\n"
        "sxtb16 r3, r2, ror #8\n"
        "sxtb16 r2, r2\n"
        "sxtb16 r5, r4, ror #8\n"
        "sxtb16 r4, r4\n"
        "stmia.w r1!, {r2-r5}\n"
        "20:\n"
        "cmp r10, #0\n"
        "beq 22f\n"
        "21:\n"
        "ldmia.w r0!, {r2, r4, r6, r8}\n"
        "sxtb16 r3, r2, ror #8\n"
        "sxtb16 r2, r2\n"
        "sxtb16 r5, r4, ror #8\n"
        "sxtb16 r4, r4\n"
        "sxtb16 r7, r6, ror #8\n"
        "sxtb16 r6, r6\n"
        "sxtb16 r9, r8, ror #8\n"
        "sxtb16 r8, r8\n"
        "stmia.w r1!, {r2-r9}\n"
        "subs r10, r10, #1\n"
        "bne 21b\n"
        "b 22f\n"
        "23:\n"                             /* an array that is not aligned to 4 */
        "cmp r10, #0\n"
        "beq 22f\n"
        "24:\n"
        "ldr r2, [r0], #4\n"
        "ldr r4, [r0], #4\n"
        "sxtb16 r3, r2, ror #8\n"
        "sxtb16 r2, r2\n"
        "sxtb16 r5, r4, ror #8\n"
        "sxtb16 r4, r4\n"
        "stmia.w r1!, {r2-r5}\n"
        "subs r10, r10, #1\n"
        "bne 24b\n"
        "22:\n"
        "str r0, [sp, #40]\n"
        "ldr r10, [sp, #52]\n"
        "cmp r10, #0\n"
        "beq 40f\n"
        "ldr r0, [sp, #48]\n"               /* one to three taps more */
        "ldrsb r2, [r0], #1\n"
        "ldrsb r3, [r0], #1\n"
        "movs r4, #0\n"
        "movs r5, #0\n"
        "movs r6, #0\n"
        "movs r7, #0\n"
        "cmp r10, #2\n"
        "blo 30f\n"
        "ldrsb r4, [r0], #1\n"
        "ldrsb r5, [r0], #1\n"
        "beq 30f\n"
        "ldrsb r6, [r0], #1\n"
        "ldrsb r7, [r0], #1\n"
        "30:\n"
        "pkhbt r2, r2, r6, lsl #16\n"
        "pkhbt r3, r3, r7, lsl #16\n"
        "uxth r4, r4\n"
        "uxth r5, r5\n"
        "stmia.w r1!, {r2-r5}\n"
        "str r0, [sp, #48]\n"

        "40:\n"                             /* its pixels */
        "ldr r0, [sp, #8]\n"
        "str r0, [sp, #120]\n"
        "adds r0, #2\n"
        "str r0, [sp, #8]\n"
        "ldr r0, [sp, #12]\n"
        "str r0, [sp, #124]\n"
        "ldr r1, [sp, #16]\n"
        "str r1, [sp, #128]\n"
        "ldr r0, [sp]\n"
        "cmp r0, r1\n"
        "beq.w 70f\n"
        "50:\n"
        "ldr r1, [sp, #4]\n"
        "ldrd r2, r3, [sp, #88]\n"
        "mov r4, r2\n"
        "mov r5, r3\n"
        "ldr.w pc, [sp, #28]\n"
        "60:\n"
        TCE_TIMES_8(
                 TCE_QUAD)
        "ldr r6, [sp, #24]\n"
        "cmp r1, r6\n"
        "bne.w 60b\n"
        "ldr.w pc, [sp, #36]\n"

        "61:\n"                             /* TCE_STORE_RELU */
        TCE_CONSTANTS
        "smmlar r2, r2, r6, r7\n"
        "smmlar r3, r3, r9, r10\n"
        "smmlar r4, r4, r6, r7\n"
        "smmlar r5, r5, r9, r10\n"
        TCE_SHIFT
        "65:\n"
        "strb r4, [r12, lr]\n"
        "strb r2, [r12], #1\n"
        "strb r5, [r12, lr]\n"
        "strb r3, [r12], #-1\n"
        "add.w r12, r12, lr, lsl #1\n"
        "ldr r6, [sp, #128]\n"
        "str r12, [sp, #120]\n"
        "cmp r0, r6\n"
        "bne.w 50b\n"
        "70:\n"
        "ldr r6, [sp, #20]\n"
        "cmp r0, r6\n"
        "beq 90f\n"
        "str r6, [sp, #128]\n"              /* the odd pixel; what belongs to a second goes to the stack */
        "ldr r6, [sp, #120]\n"
        "add r7, sp, #132\n"
        "subs r7, r7, r6\n"
        "str r7, [sp, #124]\n"
        "ldr r1, [sp, #4]\n"
        "ldrd r2, r3, [sp, #88]\n"
        "ldr.w pc, [sp, #32]\n"
        "80:\n"
        TCE_TIMES_8(TCE_QUAD_ONE)
        "ldr r6, [sp, #24]\n"
        "cmp r1, r6\n"
        "bne.w 80b\n"
        "ldr.w pc, [sp, #36]\n"

        "90:\n"
        "ldr r0, [sp, #72]\n"
        "subs r0, r0, #1\n"
        "str r0, [sp, #72]\n"
        "bne.w 10b\n"
        "92:\n"
        "ldr r0, [sp, #72]\n"
        "add sp, #140\n"
        "pop {r4-r11, pc}\n"

        "62:\n"                             /* the other stores */
        TCE_CONSTANTS
        TCE_SCALE_SIGNED
        TCE_SHIFT
        "ldr.w pc, [sp, #136]\n"
        "64:\n"                             /* TCE_STORE_ANY: any clamp, table or none */
        "ldrd r6, r7, [sp, #76]\n"
        TCE_CLAMP("r2")
        TCE_CLAMP("r3")
        TCE_CLAMP("r4")
        TCE_CLAMP("r5")
        "ldr r1, [sp, #84]\n"
        "cmp r1, #0\n"
        "beq.w 65b\n"
        "63:\n"                             /* TCE_STORE_TABLE */
        "ldr r1, [sp, #84]\n"
        "ldrb r2, [r1, r2]\n"
        "ldrb r3, [r1, r3]\n"
        "ldrb r4, [r1, r4]\n"
        "ldrb r5, [r1, r5]\n"
        "b.w 65b\n");
}
/* clang-format on */

/* The next `count` codes, at most 4, as a word; zeros above them. */
static inline int32_t tce_codes(const int8_t *in, int32_t count) {
    uint32_t word = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        word = (word << 8) | (uint8_t)in[i];
    }
    return (int32_t)word;
}

/* Whole quads of two pixels, k values apart; at least one. Returns the end of x. */
static inline int32_t *tce_widen_pair(const int8_t *in, int32_t *x, int32_t k) {
    const int8_t *second = in + k;
    int32_t quads = k >> 2;
    __asm__ volatile("1:\n\t"
                     "ldr r4, [%[in]], #4\n\t"
                     "ldr r5, [%[second]], #4\n\t"
                     "subs %[quads], #1\n\t"
                     "sxtb16 r6, r4, ror #8\n\t"
                     "sxtb16 r4, r4\n\t"
                     "sxtb16 r8, r5, ror #8\n\t"
                     "sxtb16 r5, r5\n\t"
                     "sadd16 r4, r4, r4\n\t"
                     "sadd16 r5, r5, r5\n\t"
                     "sadd16 r6, r6, r6\n\t"
                     "sadd16 r8, r8, r8\n\t"
                     "stmia %[x]!, {r4, r5, r6, r8}\n\t"
                     "bne 1b"
                     : [in] "+r"(in), [second] "+r"(second), [x] "+r"(x), [quads] "+r"(quads)
                     :
                     : "r4", "r5", "r6", "r8", "cc", "memory");
    return x;
}

/* Whole quads of one pixel; at least one. */
static inline int32_t *tce_widen_one(const int8_t *in, int32_t *x, int32_t quads) {
    __asm__ volatile("1:\n\t"
                     "ldr r4, [%[in]], #4\n\t"
                     "subs %[quads], #1\n\t"
                     "sxtb16 r5, r4, ror #8\n\t"
                     "sxtb16 r4, r4\n\t"
                     "sadd16 r4, r4, r4\n\t"
                     "sadd16 r5, r5, r5\n\t"
                     "stmia %[x]!, {r4, r5}\n\t"
                     "bne 1b"
                     : [in] "+r"(in), [x] "+r"(x), [quads] "+r"(quads)
                     :
                     : "r4", "r5", "cc", "memory");
    return x;
}

/* The last one to three values of a pixel: taps (0, 2) to x[0], (1, 3) to x[gap]. */
TCE_RARE static void tce_widen_rest(const int8_t *in, int32_t count, int32_t *x, int32_t gap) {
    const int32_t codes = tce_codes(in, count);
    __asm__("sxtb16 %0, %1\n\tsadd16 %0, %0, %0" : "=r"(x[0]) : "r"(codes));
    __asm__("sxtb16 %0, %1, ror #8\n\tsadd16 %0, %0, %0" : "=r"(x[gap]) : "r"(codes));
}

/* Widens `pixels` pixels; returns the end of the pairs in *pairs, the end of all as the result. */
static int32_t *tce_widen(const int8_t *in, int32_t *x, int32_t pixels, int32_t k, int32_t **pairs) {
    const int32_t whole = k & ~3, rest = k & 3;
    for (; pixels >= 2; pixels -= 2) {
        if (whole > 0) {
            x = tce_widen_pair(in, x, k);
        }
        if (rest > 0) {
            tce_widen_rest(in + whole, rest, x, 2);
            tce_widen_rest(in + k + whole, rest, x + 1, 2);
            x += 4;
        }
        in += 2 * k;
    }
    *pairs = x;
    if (pixels > 0) {
        if (whole > 0) {
            x = tce_widen_one(in, x, k >> 2);
        }
        if (rest > 0) {
            tce_widen_rest(in + whole, rest, x, 1);
            x += 2;
        }
    }
    return x;
}

/* Weight of channel c and tap t in the packed layout. */
TCE_RARE static int32_t tce_weight(const tce_conv1x1 *layer, int32_t c, int32_t t) {
    const int32_t k = layer->k, whole = k & ~3, rest = k & 3;
    const int32_t even = layer->c_out & ~1;
    if (c >= even) {
        return layer->weights[even * k + t];
    }
    if (t < whole) {
        return layer->weights[(c >> 1) * 2 * whole + (t >> 2) * 8 + (t & 1) * 4 + (t & 2) + (c & 1)];
    }
    return layer->weights[even * whole + ((c >> 1) * rest + t - whole) * 2 + (c & 1)];
}

/* One channel by the plain rule: shifts outside [-22, -1], a single channel. */
TCE_RARE static void tce_plain(const int8_t *in, int8_t *out, int32_t pixels, int32_t c, const tce_conv1x1 *layer) {
    for (; pixels > 0; pixels--) {
        int32_t acc = layer->bias[c];
        for (int32_t t = 0; t < layer->k; t++) {
            acc += in[t] * tce_weight(layer, c, t);
        }
        out[c] = tce_plain_code(acc, tce_scale_of(layer->scale, c), &layer->output);
        in += layer->k;
        out += layer->c_out;
    }
}

/* Turns the widened weights of channels (c - 2, c - 1) into those of (c - 1, c), c the odd last channel. */
TCE_RARE static void tce_slide(int32_t *w, const int8_t *last, int32_t k) {
    for (; k > 0; k -= 4) {
        const int32_t codes = tce_codes(last, k >= 4 ? 4 : k);
        w[0] = w[1];
        w[2] = w[3];
        __asm__("sxtb16 %0, %1" : "=r"(w[1]) : "r"(codes));
        __asm__("sxtb16 %0, %1, ror #8" : "=r"(w[3]) : "r"(codes));
        w += 4;
        last += 4;
    }
}

static int32_t tce_stage(const tce_output *output) {
    if (output->high < 127 || output->low > -128) {
        return TCE_STORE_ANY;
    }
    if (output->table) {
        return TCE_STORE_TABLE;
    }
    return output->low >= output->zero_point ? TCE_STORE_RELU : TCE_STORE_SIGNED;
}

/* A chunk that fits the scratch. */
static void tce_chunk(const int8_t *in, int8_t *out, int32_t pixels, int32_t *scratch, const tce_conv1x1 *layer) {
    const int32_t k = layer->k, c_out = layer->c_out, pairs = c_out >> 1;
    const int32_t quads = (k + 3) >> 2;
    tce_job job;
    job.w = scratch;
    job.w_end = job.x = scratch + 4 * quads;
    job.x_end = tce_widen(in, job.x, pixels, k, &job.x_pairs);
    job.stride = c_out;
    job.enter_pair = 40 * (-quads & 7);
    job.enter_one = 24 * (-quads & 7);
    job.stage = tce_stage(&layer->output);
    job.zero_point = 2 * layer->output.zero_point + 1;
    job.low = layer->output.low;
    job.high = layer->output.high;
    job.table = layer->output.table ? layer->output.table + 128 : 0;

    int32_t done = 0, left = 1;
    while (done < pairs) {
        job.out = out + 2 * done;
        job.quads = layer->weights + 2 * done * (k & ~3);
        job.quad_count = k >> 2;
        job.tail = layer->weights + (c_out & ~1) * (k & ~3) + 2 * done * (k & 3);
        job.tail_count = k & 3;
        job.bias = layer->bias + 2 * done;
        job.multiplier = layer->scale.multiplier + 2 * done;
        job.shift = layer->scale.shift + 2 * done;
        job.blocks = pairs - done;
        left = tce_pairs(&job);
        done = pairs - left;
        if (left > 0) {
            tce_plain(in, out, pixels, 2 * done, layer);
            tce_plain(in, out, pixels, 2 * done + 1, layer);
            done++;
        }
    }
    if (c_out & 1) {
        if (left == 0) { /* the last pair's weights are in scratch: its second channel goes with the last one, again */
            tce_slide(job.w, layer->weights + (c_out - 1) * k, k);
            job.out = out + c_out - 2;
            job.quad_count = 0;
            job.tail_count = 0;
            job.bias = layer->bias + c_out - 2;
            job.multiplier = layer->scale.multiplier + c_out - 2;
            job.shift = layer->scale.shift + c_out - 2;
            job.blocks = 1;
            left = tce_pairs(&job);
        }
        if (left > 0) {
            tce_plain(in, out, pixels, c_out - 1, layer);
        }
    }
}

void tce_conv1x1_s8(const int8_t *in, int8_t *out, int32_t pixels, void *scratch, const tce_conv1x1 *layer) {
    const int32_t room = TCE_PIXEL_BYTES / (8 * ((layer->k + 3) >> 2));
    const int32_t chunk = room > 4 ? room & ~1 : 4;

    for (; pixels > 0; pixels -= chunk) {
        tce_chunk(in, out, pixels < chunk ? pixels : chunk, scratch, layer);
        in += chunk * layer->k;
        out += chunk * layer->c_out;
    }
}
