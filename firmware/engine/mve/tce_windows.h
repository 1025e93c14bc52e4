/* The inner loop of tce_depthwise_s8 on MVE: blocks of four channels of a row whose columns are interleaved, two pixels
 * at a time. A window of a channel is one gather of four words and one VMLADAVA; in assembly, because the eight sums
 * are the eight even registers. */
#ifndef TCE_WINDOWS_H
#define TCE_WINDOWS_H

#include "tce_engine.h"

#define TCE_SIDE  4                      /* rows and columns of taps in one vector */
#define TCE_GROUP 16                     /* channels that are interleaved together */
#define TCE_CELL  (TCE_GROUP * TCE_SIDE) /* bytes of one column */

/* What the assembly knows of a run of blocks of four channels. The offsets in it are these, in bytes. */
typedef struct {
    const int32_t *multipliers; /*   0: of the next block, as are shifts, strip, out and weights */
    const int8_t *shifts;       /*   4 */
    int32_t blocks;             /*   8 */
    int32_t pixel_step;         /*  12: bytes between the windows of neighbouring pixels */
    const int8_t *strip;        /*  16: the interleaved columns */
    int32_t zero_point;         /*  20: of the output; from the table's first entry where there is one */
    int32_t out_step;           /*  24: bytes between outputs of neighbouring pixels */
    int8_t *out;                /*  28 */
    int32_t pixels;             /*  32: less 2 */
    const int8_t *table;        /*  36: of a fused activation */
    const int8_t *weights;      /*  40 */
    int32_t taps;               /*  44: kernel_h * kernel_w */
    uint32_t inside;            /*  48: lanes of the vector that are taps */
    const int32_t *bias;        /*  52 */
    int32_t unused[2];          /*  56 */
    int32_t multiplier[4];      /*  64 */
    int32_t shift[4];           /*  80: all negative */
    int16_t low[8];             /*  96 */
    int16_t high[8];            /* 112 */
    int32_t columns[4];         /* 128: bytes from the first column of a window */
    uint8_t lanes[16];          /* 144: where a lane's weight lies among a channel's taps */
} tce_run;

_Static_assert(offsetof(tce_run, strip) == 16 && offsetof(tce_run, pixels) == 32 && offsetof(tce_run, inside) == 48 &&
                   offsetof(tce_run, bias) == 52 && offsetof(tce_run, multiplier) == 64 &&
                   offsetof(tce_run, lanes) == 144,
               "the assembly below counts on these offsets");

/* One instruction a line: */
/* clang-format off */
#define TCE_WINDOW(a, b, c, d)                                             \
    "vldrw.u32 q0, [q3]\n"                                                 \
    "vldrw.u32 q1, [q3, #4]\n"                                             \
    "vmladava.s8 " a ", q0, q4\n"                                          \
    "vldrw.u32 q0, [q3, #8]\n"                                             \
    "vmladava.s8 " b ", q1, q5\n"                                          \
    "vldrw.u32 q1, [q3, #12]\n"                                            \
    "vmladava.s8 " c ", q0, q6\n"                                          \
    "vmladava.s8 " d ", q1, q7\n"                                          \
    "vadd.i32 q3, q3, r1\n"

/* Blocks of four channels, in each the loop over pairs of pixels. q4 .. q7: weights; q3: addresses of the four columns;
 * r1: pixel_step; r3: output; r7: bias; r9: pixels left, less 2; r11: the run.
 * `away` turns VRSHL's rounding half up into half away from zero; `bound` clamps; `look_up` applies the table. */
#define TCE_BLOCKS(away, bound, look_up)                                   \
    ".syntax unified\n"                                                    \
    "push {r4-r11, lr}\n"                                                  \
    "vpush {d8-d15}\n"                                                     \
    "mov r11, r0\n"                                                        \
    "ldr r1, [r11, #48]\n"            /* inside */                         \
    "vmsr p0, r1\n"                                                        \
    "ldr r1, [r11, #12]\n"            /* pixel_step */                     \
    "ldr r7, [r11, #52]\n"            /* bias */                           \
    "1:\n"                                                                 \
    "ldrd r0, r2, [r11, #0]\n"        /* multipliers, shifts */            \
    "vldrw.u32 q0, [r0], #16\n"                                            \
    "vldrb.s32 q1, [r2], #4\n"                                             \
    "strd r0, r2, [r11, #0]\n"                                             \
    "vstrw.32 q0, [r11, #64]\n"                                            \
    "vstrw.32 q1, [r11, #80]\n"                                            \
    "ldrd r0, r2, [r11, #40]\n"       /* weights, taps */                  \
    "add r4, r0, r2\n"                                                     \
    "add r6, r4, r2\n"                                                     \
    "add r8, r6, r2\n"                                                     \
    "add r10, r8, r2\n"                                                    \
    "str r10, [r11, #40]\n"                                                \
    "vldrw.u32 q3, [r11, #144]\n"     /* lanes */                          \
    "vpstttt\n"                                                            \
    "vldrbt.u8 q4, [r0, q3]\n"                                             \
    "vldrbt.u8 q5, [r4, q3]\n"                                             \
    "vldrbt.u8 q6, [r6, q3]\n"                                             \
    "vldrbt.u8 q7, [r8, q3]\n"                                             \
    "vldrw.u32 q3, [r11, #128]\n"     /* columns */                        \
    "ldr r5, [r11, #16]\n"            /* strip */                          \
    "vadd.i32 q3, q3, r5\n"                                                \
    "add r5, #16\n"                                                        \
    "str r5, [r11, #16]\n"                                                 \
    "ldrd r3, r9, [r11, #28]\n"       /* out, pixels */                    \
    "add r5, r3, #4\n"                                                     \
    "str r5, [r11, #28]\n"                                                 \
    "2:\n"                                                                 \
    "ldm r7, {r0, r2, r4, r6}\n"                                           \
    "ldm r7, {r8, r10, r12, lr}\n"                                         \
    TCE_WINDOW("r0", "r2", "r4", "r6")                                     \
    TCE_WINDOW("r8", "r10", "r12", "lr")                                   \
    "vmov q0[2], q0[0], r0, r4\n"                                          \
    "vmov q0[3], q0[1], r2, r6\n"                                          \
    "vmov q1[2], q1[0], r8, r12\n"                                         \
    "vmov q1[3], q1[1], r10, lr\n"                                         \
    "vldrw.u32 q2, [r11, #64]\n"      /* multiplier */                     \
    "ldrd r0, r2, [r11, #20]\n"       /* zero_point, out_step */           \
    "vqrdmulh.s32 q0, q0, q2\n"                                            \
    "vqrdmulh.s32 q1, q1, q2\n"                                            \
    away                                                                   \
    "vldrw.u32 q2, [r11, #80]\n"      /* shift */                          \
    "vrshl.s32 q0, q0, q2\n"                                               \
    "vrshl.s32 q1, q1, q2\n"                                               \
    "vqmovnb.s32 q0, q0\n"            /* pixel 0 in the even halfwords, */ \
    "vqmovnt.s32 q0, q1\n"            /* pixel 1 in the odd ones */        \
    "vqadd.s16 q0, q0, r0\n"                                               \
    bound                                                                  \
    look_up                                                                \
    "vstrb.32 q0, [r3]\n"                                                  \
    "add r3, r2\n"                                                         \
    "vshr.u32 q0, q0, #16\n"                                               \
    "vstrb.32 q0, [r3]\n"                                                  \
    "add r3, r2\n"                                                         \
    "subs r9, #2\n"                                                        \
    "bpl.w 2b\n"                                                           \
    "cmn r9, #1\n"                    /* one pixel left: once more, */     \
    "bne 3f\n"                        /* the pair that ends with it */     \
    "vsub.i32 q3, q3, r1\n"                                                \
    "subs r3, r2\n"                                                        \
    "b.w 2b\n"                                                             \
    "3:\n"                                                                 \
    "add r7, #16\n"                                                        \
    "ldr r5, [r11, #8]\n"             /* blocks */                         \
    "subs r5, #1\n"                                                        \
    "str r5, [r11, #8]\n"                                                  \
    "bne.w 1b\n"                                                           \
    "vpop {d8-d15}\n"                                                      \
    "pop {r4-r11, pc}\n"

#define TCE_AWAY_FROM_ZERO                                                 \
    "vshr.s32 q2, q0, #31\n"                                               \
    "vadd.i32 q0, q0, q2\n"                                                \
    "vshr.s32 q2, q1, #31\n"                                               \
    "vadd.i32 q1, q1, q2\n"

#define TCE_SATURATE                                                       \
    "vqmovnb.s16 q0, q0\n"

#define TCE_CLAMP                                                          \
    "vldrw.u32 q1, [r11, #96]\n"                                           \
    "vldrw.u32 q2, [r11, #112]\n"                                          \
    "vmax.s16 q0, q0, q1\n"                                                \
    "vmin.s16 q0, q0, q2\n"

#define TCE_LOOK_UP                                                        \
    "ldr r5, [r11, #36]\n"                                                 \
    "vmov q1, q0\n"                                                        \
    "vldrb.u16 q0, [r5, q1]\n"
/* clang-format on */

/* Nothing below the zero point survives the clamp: how negatives are rounded is of no concern. */
__attribute__((naked)) TCE_NOINLINE static void tce_run_relu(tce_run *run __attribute__((unused))) {
    __asm__ volatile(TCE_BLOCKS("", TCE_SATURATE, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_run_linear(tce_run *run __attribute__((unused))) {
    __asm__ volatile(TCE_BLOCKS(TCE_AWAY_FROM_ZERO, TCE_SATURATE, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_run_clamped(tce_run *run __attribute__((unused))) {
    __asm__ volatile(TCE_BLOCKS(TCE_AWAY_FROM_ZERO, TCE_CLAMP, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_run_table(tce_run *run __attribute__((unused))) {
    __asm__ volatile(TCE_BLOCKS(TCE_AWAY_FROM_ZERO, TCE_CLAMP, TCE_LOOK_UP)::: "memory");
}

#endif
