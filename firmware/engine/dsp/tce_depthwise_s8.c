/* Depthwise convolution on cores with the DSP extension.
 *
 * 3x3, stride 1 or 2: one channel at a time walks along the row with its nine weights in five registers: three SMLAD
 * pairs (row 0, row 1) of columns 0, 1, 2, then (w20, w21), then w22 above the shift. A column is read once, three
 * bytes, and adds to every output that sees it, so that two sums are always under way. Columns outside the map are the
 * zero point in registers; a row outside has its weights cleared and its share moved to the bias. No scratch.
 *
 * Weights of a 3x3 layer, packed by the generator: nine bytes a channel, w00 w01 w10 w11 w02 w20 w12 w21 w22, read as
 * two words (unaligned, once a row) and a byte. Other layers keep the plain layout [kernel_h][kernel_w][channels]; four
 * channels at a time walk over a pixel's taps there, and border pixels have their taps copied to scratch first.
 *
 * Weights and bias are doubled in registers; requantisation: tce_dsp.h, with the ReLU shortcut of tce_conv1x1_s8.c.
 * A fused table, or a clamp inside the int8 range, is a second pass over the row. */
#include "tce_dsp.h"

#include <string.h>

/* What the assembly reads, in the order of its stack frame. */
typedef struct {
    const int8_t *first;   /* row 0 (or one in its place), column 0, channel 0 */
    int32_t second, third; /* bytes from there to rows 1 and 2 */
    int32_t step;          /* bytes between columns */
    intptr_t out;          /* stride 1: bytes from the column that finishes an output to it; stride 2: first output */
    const int8_t *weights; /* of the next channel */
    const int32_t *bias;
    const tce_scale *scale;
    int32_t zero_point;       /* 2 * zero point of the output + 1 */
    uint32_t outside;         /* the input's zero point in both halves */
    int32_t left, right;      /* 1 where a column outside the map is seen on that side */
    int32_t odd_span, span;   /* bytes from first to the column after the outputs taken singly, and after all */
    int32_t missing;          /* 1 where a row is outside the map */
    uint32_t zeros01, zeros2; /* the zero point in the halves of missing rows */
    uint32_t keep01, keep2;   /* ones in the halves of the others */
    int32_t channels;
    int32_t loop; /* 2 * (stride - 1) + (negative halves can be seen) */
} tce_job;

/* clang-format off */
#define TCE_COLUMN(x01, x2)                                                                                            \
    "ldrsb " x01 ", [r0]\n"                                                                                            \
    "ldrsb " x2 ", [r0, r1]\n"                                                                                         \
    "pkhbt " x01 ", " x01 ", " x2 ", lsl #16\n"                                                                        \
    "ldrsb " x2 ", [r0, r2]\n"
#define TCE_LEFT(sum)                                                                                                  \
    "smlabb " sum ", lr, r8, r4\n"                                                                                     \
    "smlad " sum ", r12, r5, " sum "\n"
#define TCE_MIDDLE(sum, x2)                                                                                            \
    "smlad " sum ", r12, r6, " sum "\n"                                                                                \
    "smlabt " sum ", " x2 ", r8, " sum "\n"
#define TCE_RIGHT(sum, x2)                                                                                             \
    "smlad " sum ", r12, r7, " sum "\n"                                                                                \
    "smlabt " sum ", " x2 ", r9, " sum "\n"
#define TCE_REQUANT_RELU(sum)                                                                                          \
    "ldr r12, [sp, #84]\n"                                                                                             \
    "smmlar " sum ", " sum ", r12, r3\n"                                                                               \
    "asr " sum ", " sum ", r9\n"                                                                                       \
    "ssat " sum ", #8, " sum "\n"
#define TCE_REQUANT_SIGNED(sum)                                                                                        \
    "ldr r12, [sp, #84]\n"                                                                                             \
    "smmulr " sum ", " sum ", r12\n"                                                                                   \
    "add " sum ", " sum ", " sum ", asr #31\n"                                                                         \
    "add " sum ", r3\n"                                                                                                \
    "asr " sum ", " sum ", r9\n"                                                                                       \
    "ssat " sum ", #8, " sum "\n"
#define TCE_STORE(sum)                                                                                                 \
    "ldr r12, [sp, #16]\n"                                                                                             \
    "strb " sum ", [r0, r12]\n"
#define TCE_NEXT                                                                                                       \
    "ldr r12, [sp, #12]\n"                                                                                             \
    "add r0, r12\n"
#define TCE_STEP(done, under_way, fresh, REQUANT)                                                                      \
    TCE_COLUMN("r12", fresh)                                                                                           \
    TCE_RIGHT(done, fresh)                                                                                             \
    TCE_MIDDLE(under_way, fresh)                                                                                       \
    "smlabb " fresh ", " fresh ", r8, r4\n"                                                                            \
    "smlad " fresh ", r12, r5, " fresh "\n"                                                                            \
    REQUANT(done)                                                                                                      \
    TCE_STORE(done)                                                                                                    \
    TCE_NEXT
/* The column left of output 0: outside the map, or the first one. Result in r12 and lr. */
#define TCE_FIRST                                                                                                      \
    "ldr r0, [sp]\n"                                                                                                   \
    "ldrd r1, r2, [sp, #4]\n"                                                                                          \
    "ldr r12, [sp, #48]\n"                                                                                             \
    "add r12, r0\n"                                                                                                    \
    "str r12, [sp, #88]\n"                                                                                             \
    "ldr r12, [sp, #52]\n"                                                                                             \
    "add r12, r0\n"                                                                                                    \
    "str r12, [sp, #92]\n"                                                                                             \
    "ldr r11, [sp, #12]\n"                                                                                             \
    "ldr r12, [sp, #40]\n"                                                                                             \
    "cmp r12, #0\n"                                                                                                    \
    "ldr r12, [sp, #36]\n"                                                                                             \
    "mov lr, r12\n"                                                                                                    \
    "bne 1f\n"                                                                                                         \
    TCE_COLUMN("r12", "lr")                                                                                            \
    "add r0, r11\n"                                                                                                    \
    "1:\n"
#define TCE_ROW_STRIDE_1(REQUANT)                                                                                      \
    TCE_FIRST                                                                                                          \
    TCE_LEFT("r10")                                                                                                    \
    TCE_COLUMN("r12", "lr")                                                                                            \
    TCE_MIDDLE("r10", "lr")                                                                                            \
    "add r0, r11\n"                                                                                                    \
    TCE_LEFT("r11")                                                                                                    \
    "ldr r12, [sp, #88]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "beq 3f\n"                                                                                                         \
    "2:\n"                                                                                                             \
    TCE_STEP("r10", "r11", "lr", REQUANT)                                                                              \
    "mov r10, r11\n"                                                                                                   \
    "mov r11, lr\n"                                                                                                    \
    "ldr r12, [sp, #88]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "bne 2b\n"                                                                                                         \
    "3:\n"                                                                                                             \
    "ldr r12, [sp, #92]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "beq 5f\n"                                                                                                         \
    "4:\n"                                                                                                             \
    TCE_STEP("r10", "r11", "lr", REQUANT)                                                                              \
    TCE_STEP("r11", "lr", "r10", REQUANT)                                                                              \
    TCE_STEP("lr", "r10", "r11", REQUANT)                                                                              \
    "ldr r12, [sp, #92]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "bne 4b\n"                                                                                                         \
    "5:\n"                                                                                                             \
    "ldr r12, [sp, #44]\n"                                                                                             \
    "cmp r12, #0\n"                                                                                                    \
    "beq.w 90f\n"                                                                                                      \
    "ldr r12, [sp, #36]\n"                                                                                             \
    TCE_RIGHT("r10", "r12")                                                                                            \
    REQUANT("r10")                                                                                                     \
    TCE_STORE("r10")                                                                                                   \
    "b.w 90f\n"
#define TCE_STEP_2(done, fresh, REQUANT)                                                                               \
    TCE_COLUMN("r12", fresh)                                                                                           \
    TCE_MIDDLE(done, fresh)                                                                                            \
    "add r0, r11\n"                                                                                                    \
    TCE_COLUMN("r12", fresh)                                                                                           \
    TCE_RIGHT(done, fresh)                                                                                             \
    "add r0, r11\n"                                                                                                    \
    "smlabb " fresh ", " fresh ", r8, r4\n"                                                                            \
    "smlad " fresh ", r12, r5, " fresh "\n"                                                                            \
    REQUANT(done)                                                                                                      \
    "ldr r12, [sp, #96]\n"
#define TCE_ROW_STRIDE_2(REQUANT)                                                                                      \
    TCE_FIRST                                                                                                          \
    "ldr r10, [sp, #16]\n"                                                                                             \
    "str r10, [sp, #96]\n"                                                                                             \
    "adds r10, r10, #1\n"                                                                                              \
    "str r10, [sp, #16]\n"                                                                                             \
    TCE_LEFT("r10")                                                                                                    \
    "ldr r12, [sp, #88]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "beq 3f\n"                                                                                                         \
    TCE_STEP_2("r10", "lr", REQUANT)                                                                                   \
    "strb r10, [r12]\n"                                                                                                \
    "add r12, r11\n"                                                                                                   \
    "str r12, [sp, #96]\n"                                                                                             \
    "mov r10, lr\n"                                                                                                    \
    "3:\n"                                                                                                             \
    "ldr r12, [sp, #92]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "beq 5f\n"                                                                                                         \
    "4:\n"                                                                                                             \
    TCE_STEP_2("r10", "lr", REQUANT)                                                                                   \
    "strb r10, [r12]\n"                                                                                                \
    TCE_STEP_2("lr", "r10", REQUANT)                                                                                   \
    "strb lr, [r12, r11]\n"                                                                                            \
    "add r12, r12, r11, lsl #1\n"                                                                                      \
    "str r12, [sp, #96]\n"                                                                                             \
    "ldr r12, [sp, #92]\n"                                                                                             \
    "cmp r0, r12\n"                                                                                                    \
    "bne 4b\n"                                                                                                         \
    "5:\n"                                                                                                             \
    "ldr r12, [sp, #44]\n"                                                                                             \
    "cmp r12, #0\n"                                                                                                    \
    "beq.w 90f\n"                                                                                                      \
    TCE_COLUMN("r12", "lr")                                                                                            \
    TCE_MIDDLE("r10", "lr")                                                                                            \
    "ldr r12, [sp, #36]\n"                                                                                             \
    TCE_RIGHT("r10", "r12")                                                                                            \
    REQUANT("r10")                                                                                                     \
    "ldr r12, [sp, #96]\n"                                                                                             \
    "strb r10, [r12]\n"                                                                                                \
    "b.w 90f\n"

/* One row of every channel. Returns how many channels are left: 0, or those from the first that needs the plain path.
 * Stack: 144 bytes. Frame: the job (84), multiplier (84), two ends of the row (88), output of stride 2 (96). */
TCE_NAKED static int32_t tce_nine(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "sub sp, #108\n"
        "ldmia.w r0!, {r1-r11}\n"
        "mov r12, sp\n"
        "stmia.w r12!, {r1-r11}\n"
        "ldmia.w r0, {r1-r10}\n"
        "stmia.w r12, {r1-r10}\n"
        "ldr r1, [sp, #80]\n"
        "adr.w r2, 60f\n"
        "cmp r1, #1\n"
        "it eq\n"
        "adreq.w r2, 61f\n"
        "cmp r1, #2\n"
        "it eq\n"
        "adreq.w r2, 62f\n"
        "cmp r1, #3\n"
        "it eq\n"
        "adreq.w r2, 63f\n"
        "orr r2, r2, #1\n"
        "str r2, [sp, #80]\n"

        "10:\n"                             /* a channel: scale, weights, bias */
        "ldr r0, [sp, #28]\n"
        "ldmia.w r0!, {r1, r2}\n"
        "mvn r2, r2\n"                      /* s - 1 */
        "cmp r2, #22\n"
        "bhs.w 92f\n"
        "str r0, [sp, #28]\n"
        "str r1, [sp, #84]\n"
        "ldr r0, [sp, #20]\n"
        "ldr r7, [r0], #4\n"
        "ldr r8, [r0], #4\n"
        "ldrsb r9, [r0], #1\n"
        "str r0, [sp, #20]\n"
        "sxtb16 r5, r7\n"
        "sxtb16 r6, r7, ror #8\n"
        "sxtb16 r7, r8\n"
        "sxtb16 r8, r8, ror #8\n"
        "sadd16 r5, r5, r5\n"
        "sadd16 r6, r6, r6\n"
        "sadd16 r7, r7, r7\n"
        "sadd16 r8, r8, r8\n"
        "lsl r9, r9, #17\n"
        "ldr r0, [sp, #24]\n"
        "ldr r4, [r0], #4\n"
        "str r0, [sp, #24]\n"
        "lsls r4, r4, #1\n"
        "ldr r0, [sp, #56]\n"
        "cmp r0, #0\n"
        "beq 11f\n"
        "ldrd r10, r11, [sp, #60]\n"        /* missing rows */
        "smlad r4, r5, r10, r4\n"
        "smlad r4, r6, r10, r4\n"
        "smlad r4, r7, r10, r4\n"
        "smlabb r4, r8, r11, r4\n"
        "smlatb r4, r8, r11, r4\n"
        "smlatb r4, r9, r11, r4\n"
        "ldrd r10, r11, [sp, #68]\n"
        "and r5, r5, r10\n"
        "and r6, r6, r10\n"
        "and r7, r7, r10\n"
        "and r8, r8, r11\n"
        "and r9, r9, r11\n"
        "11:\n"
        "ldr r3, [sp, #32]\n"
        "lsl r3, r3, r2\n"                  /* zero point and rounding */
        "adds r2, #1\n"
        "orr r9, r9, r2\n"
        "ldr.w pc, [sp, #80]\n"

        "60:\n"
        TCE_ROW_STRIDE_1(TCE_REQUANT_RELU)
        "61:\n"
        TCE_ROW_STRIDE_1(TCE_REQUANT_SIGNED)
        "62:\n"
        TCE_ROW_STRIDE_2(TCE_REQUANT_RELU)
        "63:\n"
        TCE_ROW_STRIDE_2(TCE_REQUANT_SIGNED)

        "90:\n"
        "ldr r0, [sp]\n"
        "ldr r1, [sp, #76]\n"
        "adds r0, #1\n"
        "str r0, [sp]\n"
        "subs r1, #1\n"
        "str r1, [sp, #76]\n"
        "bne.w 10b\n"
        "92:\n"
        "ldr r0, [sp, #76]\n"
        "add sp, #108\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

static int tce_is_nine(const tce_window *w) {
    return w->kernel_h == 3 && w->kernel_w == 3;
}

/* The taps of one pixel: tap (i, j) of channel c is rows[i][at + j * step + c]. */
typedef struct {
    const int8_t *const *rows;
    int32_t at, step;
} tce_taps;

/* A code before clamp and table, which are a pass of their own. */
static int8_t tce_saturate(int32_t acc, const tce_scale *scale, const tce_depthwise *layer) {
    const tce_output saturated = {layer->output.zero_point, -128, 127, NULL};
    return tce_plain_code(acc, scale, &saturated);
}

/* Channels c .. c + 3 of one pixel, plain weights. */
TCE_NOINLINE static void tce_four(const tce_taps *taps, int8_t *out, int32_t c, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels;
    const int8_t *k = layer->weights + c;
    int32_t acc[4];
    memcpy(acc, layer->bias + c, sizeof acc);

    for (int32_t i = 0; i < layer->window.kernel_h; i++) {
        const int8_t *x = taps->rows[i] + taps->at + c;
        int32_t j = layer->window.kernel_w;
        __asm__ volatile("1:\n\t"
                         "ldr r4, [%[x]]\n\t"
                         "ldr r5, [%[k]]\n\t"
                         "add %[x], %[step]\n\t"
                         "add %[k], %[channels]\n\t"
                         "sxtb16 r6, r4\n\t"
                         "sxtb16 r8, r5\n\t"
                         "sxtb16 r4, r4, ror #8\n\t"
                         "sxtb16 r5, r5, ror #8\n\t"
                         "subs %[j], #1\n\t"
                         "smlabb %[a], r6, r8, %[a]\n\t"
                         "smlatt %[c], r6, r8, %[c]\n\t"
                         "smlabb %[b], r4, r5, %[b]\n\t"
                         "smlatt %[d], r4, r5, %[d]\n\t"
                         "bne 1b"
                         : [x] "+r"(x), [k] "+r"(k), [j] "+r"(j), [a] "+r"(acc[0]), [b] "+r"(acc[1]), [c] "+r"(acc[2]),
                           [d] "+r"(acc[3])
                         : [step] "r"(taps->step), [channels] "r"(channels)
                         : "r4", "r5", "r6", "r8", "cc", "memory");
    }
    for (int32_t i = 0; i < 4; i++) {
        out[i] = tce_saturate(acc[i], layer->scale + c + i, layer);
    }
}

/* Channel c of the pixel whose window starts at column `left`, either layout, every tap looked at. */
TCE_RARE static int8_t tce_one(const int8_t *const *rows, int32_t left, int32_t c, const tce_depthwise *layer) {
    static const int8_t place[9] = {0, 1, 4, 2, 3, 6, 5, 7, 8}; /* of tap (i, j) among a channel's nine */
    const tce_window *w = &layer->window;
    int32_t acc = layer->bias[c], tap = 0;

    for (int32_t i = 0; i < w->kernel_h; i++) {
        for (int32_t j = 0; j < w->kernel_w; j++, tap++) {
            const int32_t column = left + j * w->dilation_w;
            const int inside = rows[i] && column >= 0 && column < w->in_w;
            const int32_t x = inside ? rows[i][column * w->channels + c] : layer->in_zero_point;
            acc += x * layer->weights[tce_is_nine(w) ? 9 * c + place[tap] : tap * w->channels + c];
        }
    }
    return tce_saturate(acc, layer->scale + c, layer);
}

/* Channel c of the row. */
TCE_RARE static void tce_one_row(const int8_t *const *rows, int8_t *out, int32_t c, const tce_depthwise *layer) {
    for (int32_t x = 0; x < layer->window.out_w; x++) {
        const int32_t left = x * layer->window.stride_w - layer->window.pad_left;
        out[x * layer->window.channels + c] = tce_one(rows, left, c, layer);
    }
}

/* Copies the taps of the pixel whose window starts at column `left` to `patch`, [kernel_h][kernel_w][channels]. */
static void tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const size_t channels = (size_t)w->channels;
    for (int32_t i = 0; i < w->kernel_h; i++) {
        int32_t column = left;
        for (int32_t j = 0; j < w->kernel_w; j++) {
            if (rows[i] && column >= 0 && column < w->in_w) {
                memcpy(patch, rows[i] + column * w->channels, channels);
            } else {
                memset(patch, layer->in_zero_point, channels);
            }
            patch += channels;
            column += w->dilation_w;
        }
    }
}

/* The row of any window. */
TCE_RARE static void tce_general(const int8_t *const *rows, int8_t *out, int8_t *scratch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t fours = tce_is_nine(w) ? 0 : w->channels & ~3;
    const int8_t *patch_rows[TCE_DEPTHWISE_TAPS];
    int whole = 1; /* every row of the window lies in the map */
    for (int32_t i = 0; i < w->kernel_h; i++) {
        patch_rows[i] = scratch + i * w->kernel_w * w->channels;
        whole &= rows[i] != NULL;
    }

    for (int32_t x = 0; x < w->out_w && fours > 0; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        tce_taps taps = {rows, left * w->channels, w->dilation_w * w->channels};
        if (!whole || left < 0 || left + (w->kernel_w - 1) * w->dilation_w >= w->in_w) {
            tce_gather(rows, scratch, left, layer);
            taps = (tce_taps){patch_rows, 0, w->channels};
        }
        for (int32_t c = 0; c < fours; c += 4) {
            tce_four(&taps, out + x * w->channels + c, c, layer);
        }
    }
    for (int32_t c = fours; c < w->channels; c++) {
        tce_one_row(rows, out, c, layer);
    }
}

void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    const int32_t last = (w->out_w - 1) * w->stride_w - w->pad_left + 2; /* last column of the last window */
    const int8_t *any = !tce_is_nine(w) ? NULL : rows[0] ? rows[0] : rows[1] ? rows[1] : rows[2];
    if (!any || w->stride_w > 2 || w->dilation_w != 1 || w->pad_left > 1 || w->pad_left < 0 || last > w->in_w) {
        tce_general(rows, out, scratch, layer);
        tce_finish_codes(out, w->out_w * channels, &layer->output);
        return;
    }

    const uint32_t zero = (uint32_t)layer->in_zero_point & 0xFFFFU;
    const int8_t *nearest[3] = {rows[0] ? rows[0] : any, rows[1] ? rows[1] : any, rows[2] ? rows[2] : any};
    const int relu = layer->output.low >= layer->output.zero_point && layer->output.low == -128;
    const int32_t right = last == w->in_w, columns = w->pad_left ? 1 : 2; /* seen before an output is finished */
    const int32_t inner = w->out_w - right;
    tce_job job = {
        .first = nearest[0],
        .second = (int32_t)(nearest[1] - nearest[0]),
        .third = (int32_t)(nearest[2] - nearest[0]),
        .step = channels,
        .out = w->stride_w == 1 ? (intptr_t)out - (intptr_t)nearest[0] - columns * channels : (intptr_t)out,
        .zero_point = 2 * layer->output.zero_point + 1,
        .outside = zero | (zero << 16),
        .left = w->pad_left,
        .right = right,
        .odd_span = (w->stride_w == 1 ? columns + inner % 3 : columns - 1 + 2 * (inner & 1)) * channels,
        .span = (w->stride_w == 1 ? columns + inner : columns - 1 + 2 * inner) * channels,
        .missing = !rows[0] || !rows[1] || !rows[2],
        .zeros01 = (rows[0] ? 0 : zero) | (rows[1] ? 0 : zero << 16),
        .zeros2 = rows[2] ? 0 : zero,
        .keep01 = (rows[0] ? 0xFFFFU : 0) | (rows[1] ? 0xFFFF0000U : 0),
        .keep2 = rows[2] ? 0xFFFFFFFFU : 0,
        .loop = 2 * (w->stride_w - 1) + !relu,
    };
    for (int32_t c = 0; c < channels;) {
        job.first = nearest[0] + c;
        job.out = w->stride_w == 1 ? job.out : (intptr_t)out + c;
        job.weights = layer->weights + 9 * c;
        job.bias = layer->bias + c;
        job.scale = layer->scale + c;
        job.channels = channels - c;
        c = channels - tce_nine(&job);
        if (c < channels) {
            tce_one_row(rows, out, c, layer);
            c++;
        }
    }
    tce_finish_codes(out, w->out_w * channels, &layer->output);
}
