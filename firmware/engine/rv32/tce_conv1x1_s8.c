/* Pixels times a matrix on RV32: blocks of four channels by four pixels. Eight loads serve sixteen products, and the
 * sixteen sums, eight operands and five pointers are what 31 registers hold.
 *
 * Weights: blocks of four channels, input by input [c_out / 4][k][4]; the channels after the last block as they are. */
#include "tce_engine.h"
#include "tce_rv32.h"

#define TCE_SIDE   4                       /* channels, and pixels, of a block */
#define TCE_UNUSED __attribute__((unused)) /* what only assembly reads */

/* The loops are written in assembly: a compiler loads everything early and then spills most of it. */
/* clang-format off */
/* Input `i` of the pixel at `x` times four channels (a6, a7, t0, t1), into four sums. */
#define TCE_PIXEL(x, i, p, q, r, s)                          \
    "lb t2, " i "(" x ")\n"                                  \
    "mul ra, t2, a6\n"                                       \
    "add " p ", " p ", ra\n"                                 \
    "mul ra, t2, a7\n"                                       \
    "add " q ", " q ", ra\n"                                 \
    "mul ra, t2, t0\n"                                       \
    "add " r ", " r ", ra\n"                                 \
    "mul ra, t2, t1\n"                                       \
    "add " s ", " s ", ra\n"

#define TCE_WEIGHTS(w0, w1, w2, w3)                          \
    "lb a6, " w0 "(a4)\n"                                    \
    "lb a7, " w1 "(a4)\n"                                    \
    "lb t0, " w2 "(a4)\n"                                    \
    "lb t1, " w3 "(a4)\n"

#define TCE_TWO(i)                                           \
    TCE_PIXEL("a0", i, "s0", "s1", "s2", "s3")               \
    TCE_PIXEL("a1", i, "s4", "s5", "s6", "s7")

#define TCE_FOUR(i)                                          \
    TCE_TWO(i)                                               \
    TCE_PIXEL("a2", i, "s8", "s9", "s10", "s11")             \
    TCE_PIXEL("a3", i, "t3", "t4", "t5", "t6")

/* Four inputs a turn, then the rest one by one. a4: weights, a5: their end, 56(sp): end of the whole turns. */
#define TCE_LOOP(pixels, advance_4, advance_1)               \
    "lw a5, 56(sp)\n"                                        \
    "beq a4, a5, 2f\n"                                       \
    "1:\n"                                                   \
    TCE_WEIGHTS("0", "1", "2", "3")                          \
    pixels("0")                                              \
    TCE_WEIGHTS("4", "5", "6", "7")                          \
    pixels("1")                                              \
    TCE_WEIGHTS("8", "9", "10", "11")                        \
    pixels("2")                                              \
    TCE_WEIGHTS("12", "13", "14", "15")                      \
    pixels("3")                                              \
    "addi a4, a4, 16\n"                                      \
    advance_4                                                \
    "bne a4, a5, 1b\n"                                       \
    "2:\n"                                                   \
    "lw a5, 60(sp)\n"                                        \
    "beq a4, a5, 4f\n"                                       \
    "3:\n"                                                   \
    TCE_WEIGHTS("0", "1", "2", "3")                          \
    pixels("0")                                              \
    "addi a4, a4, 4\n"                                       \
    advance_1                                                \
    "bne a4, a5, 3b\n"                                       \
    "4:\n"

#define TCE_BEGIN                                            \
    "addi sp, sp, -80\n"                                     \
    "sw s0, 0(sp)\n"                                         \
    "sw s1, 4(sp)\n"                                         \
    "sw s2, 8(sp)\n"                                         \
    "sw s3, 12(sp)\n"                                        \
    "sw s4, 16(sp)\n"                                        \
    "sw s5, 20(sp)\n"                                        \
    "sw s6, 24(sp)\n"                                        \
    "sw s7, 28(sp)\n"                                        \
    "sw ra, 32(sp)\n"                                        \
    "sw a4, 52(sp)\n"           /* sums */                   \
    "mv a4, a1\n"               /* weights */                \
    "andi t0, a2, -4\n"                                      \
    "slli t0, t0, 2\n"                                       \
    "add t0, t0, a1\n"                                       \
    "sw t0, 56(sp)\n"           /* end of the whole turns */ \
    "slli t0, a2, 2\n"                                       \
    "add t0, t0, a1\n"                                       \
    "sw t0, 60(sp)\n"           /* end */                    \
    "add a1, a0, a3\n"          /* pixel 1 */                \
    "lw s0, 0(a5)\n"            /* biases */                 \
    "lw s1, 4(a5)\n"                                         \
    "lw s2, 8(a5)\n"                                         \
    "lw s3, 12(a5)\n"                                        \
    "mv s4, s0\n"                                            \
    "mv s5, s1\n"                                            \
    "mv s6, s2\n"                                            \
    "mv s7, s3\n"

#define TCE_END                                              \
    "sw s0, 0(a5)\n"                                         \
    "sw s1, 4(a5)\n"                                         \
    "sw s2, 8(a5)\n"                                         \
    "sw s3, 12(a5)\n"                                        \
    "sw s4, 16(a5)\n"                                        \
    "sw s5, 20(a5)\n"                                        \
    "sw s6, 24(a5)\n"                                        \
    "sw s7, 28(a5)\n"                                        \
    "lw s0, 0(sp)\n"                                         \
    "lw s1, 4(sp)\n"                                         \
    "lw s2, 8(sp)\n"                                         \
    "lw s3, 12(sp)\n"                                        \
    "lw s4, 16(sp)\n"                                        \
    "lw s5, 20(sp)\n"                                        \
    "lw s6, 24(sp)\n"                                        \
    "lw s7, 28(sp)\n"                                        \
    "lw ra, 32(sp)\n"                                        \
    "addi sp, sp, 80\n"                                      \
    "ret\n"

/* Sums [pixel][channel] of four pixels, `step` bytes apart, with four channels. */
__attribute__((naked)) TCE_NOINLINE static void tce_four_pixels(const int8_t *x TCE_UNUSED, const int8_t *w TCE_UNUSED,
                                                                int32_t k TCE_UNUSED, int32_t step TCE_UNUSED,
                                                                int32_t *sums TCE_UNUSED, const int32_t *bias TCE_UNUSED) {
    __asm__ volatile(
        TCE_BEGIN
        "sw s8, 36(sp)\n"
        "sw s9, 40(sp)\n"
        "sw s10, 44(sp)\n"
        "sw s11, 48(sp)\n"
        "add a2, a1, a3\n"          /* pixel 2 */
        "add a3, a2, a3\n"          /* pixel 3 */
        "mv s8, s0\n"
        "mv s9, s1\n"
        "mv s10, s2\n"
        "mv s11, s3\n"
        "mv t3, s0\n"
        "mv t4, s1\n"
        "mv t5, s2\n"
        "mv t6, s3\n"
        TCE_LOOP(TCE_FOUR, "addi a0, a0, 4\n addi a1, a1, 4\n addi a2, a2, 4\n addi a3, a3, 4\n",
                 "addi a0, a0, 1\n addi a1, a1, 1\n addi a2, a2, 1\n addi a3, a3, 1\n")
        "lw a5, 52(sp)\n"
        "sw s8, 32(a5)\n"
        "sw s9, 36(a5)\n"
        "sw s10, 40(a5)\n"
        "sw s11, 44(a5)\n"
        "sw t3, 48(a5)\n"
        "sw t4, 52(a5)\n"
        "sw t5, 56(a5)\n"
        "sw t6, 60(a5)\n"
        "lw s8, 36(sp)\n"
        "lw s9, 40(sp)\n"
        "lw s10, 44(sp)\n"
        "lw s11, 48(sp)\n"
        TCE_END ::: "memory");
}

/* The same of two pixels. */
__attribute__((naked)) TCE_NOINLINE static void tce_two_pixels(const int8_t *x TCE_UNUSED, const int8_t *w TCE_UNUSED,
                                                               int32_t k TCE_UNUSED, int32_t step TCE_UNUSED,
                                                               int32_t *sums TCE_UNUSED, const int32_t *bias TCE_UNUSED) {
    __asm__ volatile(
        TCE_BEGIN
        TCE_LOOP(TCE_TWO, "addi a0, a0, 4\n addi a1, a1, 4\n", "addi a0, a0, 1\n addi a1, a1, 1\n")
        "lw a5, 52(sp)\n"
        TCE_END ::: "memory");
}
/* clang-format on */

/* One pixel, one channel. */
static inline int32_t tce_dot(const int8_t *x, const int8_t *w, int32_t k) {
    int32_t sum = 0;
    for (int32_t i = 0; i < k; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

/* Codes of `pixels` pixels and four channels from their sums; c_out bytes from pixel to pixel. */
TCE_NOINLINE static void tce_finish_block(const int32_t *sums, int8_t *out, int32_t pixels, int32_t c_out,
                                          const tce_factor *factors, const tce_output *limits) {
    const tce_output output = *limits;
    for (const tce_factor *end = factors + 4; factors != end; factors++, sums++) {
        const tce_factor factor = *factors;
        int8_t *to = out++;
        for (int32_t p = 0; p < pixels; p++) {
            to[p * c_out] = tce_finish(sums[4 * p], factor, output);
        }
    }
}

/* The same of four pixels, where every factor shifts to the right. */
TCE_NOINLINE static void tce_finish_four(const int32_t *sums, int8_t *out, int32_t c_out, const tce_factor *factors,
                                         const tce_output *limits) {
    const int32_t low = limits->low, high = limits->high;
    const int8_t *table = limits->table;
    int8_t *out1 = out + c_out, *out2 = out1 + c_out, *out3 = out2 + c_out;

    for (const tce_factor *end = factors + 4; factors != end; factors++, sums++) {
        int32_t code0 = tce_clamp(tce_scaled(sums[0], factors), low, high);
        int32_t code1 = tce_clamp(tce_scaled(sums[4], factors), low, high);
        int32_t code2 = tce_clamp(tce_scaled(sums[8], factors), low, high);
        int32_t code3 = tce_clamp(tce_scaled(sums[12], factors), low, high);
        if (table) {
            const int8_t *zero = table + 128;
            code0 = zero[code0];
            code1 = zero[code1];
            code2 = zero[code2];
            code3 = zero[code3];
        }
        *out++ = (int8_t)code0;
        *out1++ = (int8_t)code1;
        *out2++ = (int8_t)code2;
        *out3++ = (int8_t)code3;
    }
}

/* Every pixel, channels c .. c + 3. */
static void tce_channels(const int8_t *in, int8_t *out, int32_t pixels, int32_t c, const tce_conv1x1 *layer) {
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;
    const int8_t *w = layer->weights + c * k;
    const int32_t *bias = layer->bias + c;
    int32_t sums[TCE_SIDE * TCE_SIDE];
    tce_factor factors[4];
    int32_t right = 1; /* all of them */

    for (int32_t i = 0; i < 4; i++) {
        factors[i] = tce_make_factor(tce_scale_of(layer->scale, c + i), layer->output.zero_point);
        right = factors[i].right > 0 ? right : 0;
    }
    out += c;
    for (; pixels >= TCE_SIDE; pixels -= TCE_SIDE) {
        tce_four_pixels(in, w, k, k, sums, bias);
        if (right) {
            tce_finish_four(sums, out, c_out, factors, &layer->output);
        } else {
            tce_finish_block(sums, out, TCE_SIDE, c_out, factors, &layer->output);
        }
        in += TCE_SIDE * k;
        out += TCE_SIDE * c_out;
    }
    while (pixels > 0) { /* pairs; the last pixel of an odd number twice */
        const int32_t together = pixels > 1 ? 2 : 1;
        tce_two_pixels(in, w, k, together > 1 ? k : 0, sums, bias);
        tce_finish_block(sums, out, together, c_out, factors, &layer->output);
        in += together * k;
        out += together * c_out;
        pixels -= together;
    }
}

void tce_conv1x1_s8(const int8_t *in, int8_t *out, int32_t pixels, void *scratch, const tce_conv1x1 *layer) {
    const int32_t k = layer->k;
    const int32_t c_out = layer->c_out;
    int32_t c = 0;
    (void)scratch;

    for (; c + 4 <= c_out; c += 4) {
        tce_channels(in, out, pixels, c, layer);
    }
    for (; c < c_out; c++) {
        const tce_factor factor = tce_make_factor(tce_scale_of(layer->scale, c), layer->output.zero_point);
        for (int32_t p = 0; p < pixels; p++) {
            const int32_t sum = layer->bias[c] + tce_dot(in + p * k, layer->weights + c * k, k);
            out[p * c_out + c] = tce_finish(sum, factor, layer->output);
        }
    }
}
