/* Depthwise convolution on cores with the DSP extension: one channel at a time walks along the row.
 *
 * 3x3, stride 1 or 2: a channel's nine weights stand in five registers: three SMLAD pairs (row 0, row 1) of columns 0,
 * 1 and 2, then (w20, w21), then w22 above the shift. A column is read once, three bytes, and adds to every output that
 * sees it, so that two sums are always under way. Columns outside the map are the zero point in registers; a row
 * outside has its weights cleared and its share moved to the bias. Other windows take their taps one by one. No
 * scratch.
 *
 * Weights from the generator: [channels][kernel_h * kernel_w], and 3x3 as w00 w01 w10 w11 w02 w20 w12 w21 w22, read as
 * two words (unaligned, once a row) and a byte.
 *
 * Weights and bias are doubled in registers; requantisation: tce_dsp.h, with the ReLU shortcut of tce_conv1x1_s8.c.
 * A fused table, or a clamp inside the int8 range, is a second pass over the row.
 * Scratch: see tce_lines, 16 bits a value. */
#include "tce_dsp.h"

/* What the assembly reads, in the order of its stack frame. */
typedef struct {
    const int8_t *first;   /* row 0 (or one in its place), column 0, channel 0 */
    int32_t second, third; /* bytes from there to rows 1 and 2 */
    int32_t step;          /* bytes between columns */
    intptr_t out;          /* stride 1: bytes from the column that finishes an output to it; stride 2: first output */
    const int8_t *weights; /* of the next channel; from here to zero_point: one load-multiple */
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t zero_point;       /* 2 * zero point of the output + 1 */
    uint32_t outside;         /* the input's zero point in both halves */
    int32_t left, right;      /* 1 where a column outside the map is seen on that side */
    int32_t enter;            /* steps of the unrolled loop that the first turn skips */
    int32_t span;             /* bytes from first to the column after the loop's outputs; 0: none */
    int32_t missing;          /* 1 where a row is outside the map */
    uint32_t zeros01, zeros2; /* the zero point in the halves of missing rows */
    uint32_t keep01, keep2;   /* ones in the halves of the others */
    int32_t channels;
    int32_t loop; /* stride 1: 0 where halves of negative sums cannot be seen, else 1; stride 2: 2 */
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
    "ldr r12, [sp, #88]\n"                                                                                             \
    "smmlar " sum ", " sum ", r12, r3\n"                                                                               \
    "asr " sum ", " sum ", r9\n"                                                                                       \
    "ssat " sum ", #8, " sum "\n"
#define TCE_REQUANT_SIGNED(sum)                                                                                        \
    "ldr r12, [sp, #88]\n"                                                                                             \
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
#define TCE_FIRST                                                                                                     \
    "ldr r0, [sp]\n"                                                                                                  \
    "ldrd r1, r2, [sp, #4]\n"                                                                                         \
    "ldr r12, [sp, #56]\n"                                                                                            \
    "add r12, r0\n"                                                                                                   \
    "str r12, [sp, #92]\n"                                                                                            \
    "ldr r11, [sp, #12]\n"                                                                                            \
    "ldr r12, [sp, #44]\n"                                                                                            \
    "cmp r12, #0\n"                                                                                                   \
    "ldr r12, [sp, #40]\n"                                                                                            \
    "mov lr, r12\n"                                                                                                   \
    "bne 1f\n"                                                                                                        \
    TCE_COLUMN("r12", "lr")                                                                                           \
    "add r0, r11\n"                                                                                                   \
    "1:\n"
/* Three outputs a turn, so that each sum keeps its register; the first turn may have fewer. */
#define TCE_ROW_STRIDE_1(REQUANT)                                                                                     \
    TCE_FIRST                                                                                                         \
    TCE_LEFT("r10")                                                                                                   \
    TCE_COLUMN("r12", "lr")                                                                                           \
    TCE_MIDDLE("r10", "lr")                                                                                           \
    "add r0, r11\n"                                                                                                   \
    TCE_LEFT("r11")                                                                                                   \
    "ldrd r12, lr, [sp, #52]\n"                                                                                       \
    "cmp lr, #0\n"                                                                                                    \
    "beq 5f\n"                                                                                                        \
    "cmp r12, #1\n"                                                                                                   \
    "blo 2f\n"                                                                                                        \
    "ite eq\n"                                                                                                        \
    "moveq lr, r11\n"                                                                                                 \
    "movne lr, r10\n"                                                                                                 \
    "it eq\n"                                                                                                         \
    "moveq r11, r10\n"                                                                                                \
    "beq 3f\n"                                                                                                        \
    "mov r10, r11\n"                                                                                                  \
    "b 4f\n"                                                                                                          \
    "2:\n"                                                                                                            \
    TCE_STEP("r10", "r11", "lr", REQUANT)                                                                             \
    "3:\n"                                                                                                            \
    TCE_STEP("r11", "lr", "r10", REQUANT)                                                                             \
    "4:\n"                                                                                                            \
    TCE_STEP("lr", "r10", "r11", REQUANT)                                                                             \
    "ldr r12, [sp, #92]\n"                                                                                            \
    "cmp r0, r12\n"                                                                                                   \
    "bne 2b\n"                                                                                                        \
    "5:\n"                                                                                                            \
    "ldr r12, [sp, #48]\n"                                                                                            \
    "cmp r12, #0\n"                                                                                                   \
    "beq.w 90f\n"                                                                                                     \
    "ldr r12, [sp, #40]\n"                                                                                            \
    TCE_RIGHT("r10", "r12")                                                                                           \
    REQUANT("r10")                                                                                                    \
    TCE_STORE("r10")                                                                                                  \
    "b.w 90f\n"
#define TCE_STEP_2(done, fresh, REQUANT)                                                                              \
    TCE_COLUMN("r12", fresh)                                                                                          \
    TCE_MIDDLE(done, fresh)                                                                                           \
    "add r0, r11\n"                                                                                                   \
    TCE_COLUMN("r12", fresh)                                                                                          \
    TCE_RIGHT(done, fresh)                                                                                            \
    "add r0, r11\n"                                                                                                   \
    "smlabb " fresh ", " fresh ", r8, r4\n"                                                                           \
    "smlad " fresh ", r12, r5, " fresh "\n"                                                                           \
    REQUANT(done)                                                                                                     \
    "ldr r12, [sp, #96]\n"
/* Two outputs a turn. */
#define TCE_ROW_STRIDE_2(REQUANT)                                                                                     \
    TCE_FIRST                                                                                                         \
    "ldr r10, [sp, #16]\n"                                                                                            \
    "str r10, [sp, #96]\n"                                                                                            \
    "adds r10, r10, #1\n"                                                                                             \
    "str r10, [sp, #16]\n"                                                                                            \
    TCE_LEFT("r10")                                                                                                   \
    "ldrd r12, lr, [sp, #52]\n"                                                                                       \
    "cmp lr, #0\n"                                                                                                    \
    "beq 4f\n"                                                                                                        \
    "mov lr, r10\n"                                                                                                   \
    "cmp r12, #0\n"                                                                                                   \
    "bne 3f\n"                                                                                                        \
    "2:\n"                                                                                                            \
    TCE_STEP_2("r10", "lr", REQUANT)                                                                                  \
    "strb r10, [r12]\n"                                                                                               \
    "3:\n"                                                                                                            \
    TCE_STEP_2("lr", "r10", REQUANT)                                                                                  \
    "strb lr, [r12, r11]\n"                                                                                           \
    "add r12, r12, r11, lsl #1\n"                                                                                     \
    "str r12, [sp, #96]\n"                                                                                            \
    "ldr r12, [sp, #92]\n"                                                                                            \
    "cmp r0, r12\n"                                                                                                   \
    "bne 2b\n"                                                                                                        \
    "4:\n"                                                                                                            \
    "ldr r12, [sp, #48]\n"                                                                                            \
    "cmp r12, #0\n"                                                                                                   \
    "beq.w 90f\n"                                                                                                     \
    TCE_COLUMN("r12", "lr")                                                                                           \
    TCE_MIDDLE("r10", "lr")                                                                                           \
    "ldr r12, [sp, #40]\n"                                                                                            \
    TCE_RIGHT("r10", "r12")                                                                                           \
    REQUANT("r10")                                                                                                    \
    "ldr r12, [sp, #96]\n"                                                                                            \
    "strb r10, [r12]\n"                                                                                               \
    "b.w 90f\n"

/* One row of every channel. Returns how many channels are left: 0, or those from the first that needs the plain path.
 * Stack: 144 bytes. Frame: the job (88), multiplier (88), end of the row (92), output of stride 2 (96). */
TCE_NAKED static int32_t tce_nine(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(
        TCE_STACK(tce_nine, 144) ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "sub sp, #108\n"
        "ldmia.w r0!, {r1-r11}\n"
        "mov r12, sp\n"
        "stmia.w r12!, {r1-r11}\n"
        "ldmia.w r0, {r1-r11}\n"
        "stmia.w r12, {r1-r11}\n"
        "ldr r1, [sp, #84]\n"
        "adr.w r2, 60f\n"
        "cmp r1, #1\n"
        "it eq\n"
        "adreq.w r2, 61f\n"
        "it hi\n"
        "adrhi.w r2, 62f\n"
        "orr r2, r2, #1\n"
        "str r2, [sp, #84]\n"

        "10:\n"                             /* a channel: scale, weights, bias */
        "add r12, sp, #20\n"
        "ldmia.w r12, {r0, r1, r10, r11, lr}\n" /* weights, bias, multiplier, shift, zero point */
        "ldrsb r2, [r11], #1\n"
        "mvn r2, r2\n"                      /* s - 1 */
        "cmp r2, #22\n"
        "bhs.w 92f\n"
        "ldr r3, [r10], #4\n"
        "ldr r7, [r0], #4\n"
        "ldr r8, [r0], #4\n"
        "ldrsb r9, [r0], #1\n"
        "ldr r4, [r1], #4\n"
        "str r3, [sp, #88]\n"
        "stmia.w r12, {r0, r1, r10, r11}\n"
        "sxtb16 r5, r7\n"
        "sxtb16 r6, r7, ror #8\n"
        "sxtb16 r7, r8\n"
        "sxtb16 r8, r8, ror #8\n"
        "sadd16 r5, r5, r5\n"
        "sadd16 r6, r6, r6\n"
        "sadd16 r7, r7, r7\n"
        "sadd16 r8, r8, r8\n"
        "lsl r9, r9, #17\n"
        "lsls r4, r4, #1\n"
        "ldr r0, [sp, #60]\n"
        "cmp r0, #0\n"
        "beq 11f\n"
        "ldrd r10, r11, [sp, #64]\n"        /* missing rows */
        "smlad r4, r5, r10, r4\n"
        "smlad r4, r6, r10, r4\n"
        "smlad r4, r7, r10, r4\n"
        "smlabb r4, r8, r11, r4\n"
        "smlatb r4, r8, r11, r4\n"
        "smlatb r4, r9, r11, r4\n"
        "ldrd r10, r11, [sp, #72]\n"
        "and r5, r5, r10\n"
        "and r6, r6, r10\n"
        "and r7, r7, r10\n"
        "and r8, r8, r11\n"
        "and r9, r9, r11\n"
        "11:\n"
        "lsl r3, lr, r2\n"                  /* zero point and rounding */
        "adds r2, #1\n"
        "orr r9, r9, r2\n"
        "ldr.w pc, [sp, #84]\n"

        "60:\n"
        TCE_ROW_STRIDE_1(TCE_REQUANT_RELU)
        "61:\n"
        TCE_ROW_STRIDE_1(TCE_REQUANT_SIGNED)
        "62:\n"
        TCE_ROW_STRIDE_2(TCE_REQUANT_SIGNED)

        "90:\n"
        "ldr r0, [sp]\n"
        "ldr r1, [sp, #80]\n"
        "adds r0, #1\n"
        "str r0, [sp]\n"
        "subs r1, #1\n"
        "str r1, [sp, #80]\n"
        "bne.w 10b\n"
        "92:\n"
        "ldr r0, [sp, #80]\n"
        "add sp, #108\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

static int tce_is_nine(const tce_window *w) {
    return w->kernel_h == 3 && w->kernel_w == 3;
}

/* Any window: one channel of the input rows, widened into lines of scratch, columns of one remainder modulo the
 * dilation side by side, so that a window's taps are neighbours; then its weights, an even number a row, zero at the
 * end. */
typedef struct {
    int16_t *lines, *weights;
    int32_t plane, line;   /* values of one remainder (one spare), of all */
    int32_t pairs, height; /* pairs of taps a row, rows */
} tce_lines;

static tce_lines tce_lay_out(void *scratch, const tce_window *w) {
    const int32_t columns = (w->out_w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
    tce_lines lines = {.lines = scratch, .pairs = (w->kernel_w + 1) >> 1, .height = w->kernel_h};
    lines.plane = (columns + w->dilation_w - 1) / w->dilation_w + 1;
    lines.line = lines.plane * w->dilation_w;
    lines.weights = lines.lines + ((lines.line * w->kernel_h + 1) & ~1);
    return lines;
}

static int16_t *tce_repeat(int16_t *to, int32_t count, int32_t value) {
    for (; count > 0; count--) {
        *to++ = (int16_t)value;
    }
    return to;
}

/* `count` codes, at least one, `step` bytes apart. */
static int16_t *tce_pick(int16_t *to, const int8_t *from, int32_t count, int32_t step) {
    __asm__ volatile("1:\n\t"
                     "ldrsb r4, [%[from]]\n\t"
                     "subs %[count], #1\n\t"
                     "add %[from], %[step]\n\t"
                     "strh r4, [%[to]], #2\n\t"
                     "bne 1b"
                     : [to] "+r"(to), [from] "+r"(from), [count] "+r"(count)
                     : [step] "r"(step)
                     : "r4", "cc", "memory");
    return to;
}

/* Widens channel c. */
TCE_RARE static void tce_fill(const int8_t *const *rows, int32_t c, const tce_lines *lines,
                              const tce_depthwise *layer) {
    static const int8_t place[9] = {0, 1, 4, 2, 3, 6, 5, 7, 8}; /* of tap (i, j) of 3x3 */
    const tce_window *w = &layer->window;
    const int32_t apart = w->dilation_w, zero = layer->in_zero_point;
    const int8_t *k = layer->weights + w->kernel_h * w->kernel_w * c;
    int16_t *weights = lines->weights, *to = lines->lines;
    for (int32_t i = 0, tap = 0; i < w->kernel_h; i++) {
        for (int32_t j = 0; j < w->kernel_w; j++, tap++) {
            *weights++ = k[tce_is_nine(w) ? place[tap] : tap];
        }
        weights = tce_repeat(weights, w->kernel_w & 1, 0);
        for (int32_t first = -w->pad_left; first < apart - w->pad_left; first++) {
            int32_t before = first < 0 ? (apart - 1 - first) / apart : 0; /* columns left of the map */
            int32_t end = rows[i] && first < w->in_w ? (w->in_w - 1 - first) / apart + 1 : 0;
            end = end > lines->plane ? lines->plane : end;
            before = before > end ? end : before;
            to = tce_repeat(to, before, zero);
            if (end > before) {
                const int8_t *from = rows[i] + (first + before * apart) * w->channels + c;
                to = tce_pick(to, from, end - before, apart * w->channels);
            }
            to = tce_repeat(to, lines->plane - end, zero);
        }
    }
}

/* Sum over the window whose first tap is at x. */
static int32_t tce_window_sum(const int16_t *x, const tce_lines *lines, int32_t acc) {
    const int16_t *w = lines->weights;
    int32_t height = lines->height;
    __asm__ volatile("1:\n\t"
                     "mov r4, %[x]\n\t"
                     "mov r5, %[pairs]\n\t"
                     "add %[x], %[x], %[line], lsl #1\n\t"
                     "2:\n\t"
                     "ldr r6, [r4], #4\n\t"
                     "ldr r8, [%[w]], #4\n\t"
                     "subs r5, #1\n\t"
                     "smlad %[acc], r6, r8, %[acc]\n\t"
                     "bne 2b\n\t"
                     "subs %[height], #1\n\t"
                     "bne 1b"
                     : [x] "+r"(x), [w] "+r"(w), [height] "+r"(height), [acc] "+r"(acc)
                     : [pairs] "r"(lines->pairs), [line] "r"(lines->line)
                     : "r4", "r5", "r6", "r8", "cc", "memory");
    return acc;
}

/* One channel of the row, any window, any shift; codes before clamp and table. */
TCE_RARE static void tce_one_channel(const int8_t *const *rows, int8_t *out, int32_t c, void *scratch,
                                     const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const tce_lines lines = tce_lay_out(scratch, w);
    const tce_output saturated = {layer->output.zero_point, -128, 127, NULL};
    tce_short constants;
    const int is_short = tce_make_short(tce_scale_of(layer->scale, c), layer->output.zero_point, &constants);

    tce_fill(rows, c, &lines, layer);
    int32_t remainder = 0;
    const int16_t *x = lines.lines;
    for (int32_t n = w->out_w; n > 0; n--) {
        const int32_t acc = tce_window_sum(x + remainder * lines.plane, &lines, layer->bias[c]);
        out[c] = (int8_t)(is_short ? tce_short_code(acc, &constants)
                                   : tce_plain_code(acc, tce_scale_of(layer->scale, c), &saturated));
        out += w->channels;
        remainder += w->stride_w;
        while (remainder >= w->dilation_w) {
            remainder -= w->dilation_w;
            x++;
        }
    }
}

/* What every channel of a 3x3 row shares. Returns 0 where tce_nine does not know the window. */
static int tce_prepare(const int8_t *const *rows, const int8_t *out, tce_job *job, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t last = (w->out_w - 1) * w->stride_w - w->pad_left + 2; /* last column of the last window */
    const int8_t *any = !tce_is_nine(w) ? NULL : rows[0] ? rows[0] : rows[1] ? rows[1] : rows[2];
    if (!any || (w->stride_w | 3) != 3 || w->stride_w == 3 || w->dilation_w != 1 || (w->pad_left | 1) != 1 ||
        last > w->in_w) {
        return 0;
    }

    const int8_t *nearest[3];
    uint32_t keep[3];
    for (int32_t i = 0; i < 3; i++) {
        nearest[i] = rows[i] ? rows[i] : any;
        keep[i] = rows[i] ? 0xFFFFU : 0;
    }
    const int32_t channels = w->channels, right = last == w->in_w, inner = w->out_w - right;
    const int32_t columns = w->pad_left ? 1 : 2; /* seen before an output is finished, stride 1 */
    job->first = nearest[0];
    job->second = (int32_t)(nearest[1] - nearest[0]);
    job->third = (int32_t)(nearest[2] - nearest[0]);
    job->step = channels;
    job->zero_point = 2 * layer->output.zero_point + 1;
    job->outside = ((uint32_t)layer->in_zero_point & 0xFFFFU) * 0x10001U;
    job->left = w->pad_left;
    job->right = right;
    job->keep01 = keep[0] | (keep[1] << 16);
    job->keep2 = keep[2] * 0x10001U;
    job->zeros01 = job->outside & ~job->keep01;
    job->zeros2 = job->outside & ~job->keep2;
    job->missing = (job->keep01 & job->keep2) != 0xFFFFFFFFU;
    job->loop = layer->output.zero_point != -128 || layer->output.low != -128;
    if (w->stride_w == 1) {
        job->out = (intptr_t)out - (intptr_t)nearest[0] - columns * channels;
        job->enter = (3 - inner % 3) % 3;
        job->span = (columns + inner) * channels;
    } else {
        job->enter = inner & 1;
        job->out = (intptr_t)out - (job->enter ? channels : 0);
        job->span = (columns - 1 + 2 * inner) * channels;
        job->loop = 2;
    }
    job->span = inner > 0 ? job->span : 0;
    return 1;
}

void tce_depthwise_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    const int32_t channels = layer->window.channels, taps = layer->window.kernel_h * layer->window.kernel_w;
    tce_job job;
    job.first = NULL;
    job.out = 0;
    const int known = tce_prepare(rows, out, &job, layer);
    const int8_t *first = job.first;
    const intptr_t start = job.out;

    for (int32_t c = 0; c < channels; c++) {
        if (known) {
            job.first = first + c;
            job.out = layer->window.stride_w == 1 ? start : start + c;
            job.weights = layer->weights + taps * c;
            job.bias = layer->bias + c;
            job.multiplier = layer->scale.multiplier + c;
            job.shift = layer->scale.shift + c;
            job.channels = channels - c;
            c = channels - tce_nine(&job);
        }
        if (c < channels) {
            tce_one_channel(rows, out, c, scratch, layer);
        }
    }
    tce_finish_codes(out, layer->window.out_w * channels, &layer->output);
}
