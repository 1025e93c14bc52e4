/* The inner loop of tce_conv1x1_s8 on MVE: four channels of every pixel, two pixels at a time.
 *
 * The eight accumulators are the eight even registers that VMLADAVA can add to, so the loop is written in assembly: a
 * compiler keeps some for itself and halves the block. A step of 16 inputs costs 14 instructions: 6 loads, 8 VMLADAVA.
 */
#ifndef TCE_PAIRS_H
#define TCE_PAIRS_H

#include "tce_engine.h"

#define TCE_STEP  16 /* inputs of one vector */
#define TCE_CHAIN 4  /* steps that the loop is unrolled by */

/* What the assembly knows of a block of four channels. The offsets in it are these, in bytes. */
typedef struct {
    int32_t bias[4];                  /*   0 */
    const int8_t *weights;            /*  16: of the whole steps */
    int32_t loops;                    /*  20: complete runs of the chain after the first, possibly partial one */
    int32_t rest;                     /*  24: inputs after the whole steps, 0 .. 15 */
    uint32_t entry;                   /*  28: where the chain is entered: bytes into it, then the address */
    int32_t zero_point;               /*  32: of the output; from the table's first entry where there is one */
    int32_t out_step;                 /*  36: bytes between outputs of neighbouring pixels */
    int32_t in_step;                  /*  40: bytes between inputs of neighbouring pixels */
    const int8_t *last;               /*  44: first pixel of the last pair */
    const int8_t *table;              /*  48: of a fused activation */
    const int8_t *in;                 /*  52 */
    int8_t *out;                      /*  56 */
    int32_t unused;                   /*  60 */
    int32_t multiplier[4];            /*  64 */
    int32_t shift[4];                 /*  80: all negative */
    int16_t low[8];                   /*  96 */
    int16_t high[8];                  /* 112 */
    int8_t rest_weights[4][TCE_STEP]; /* 128: zeros behind the rest */
} tce_block;

_Static_assert(offsetof(tce_block, entry) == 28 && offsetof(tce_block, last) == 44 && offsetof(tce_block, out) == 56 &&
                   offsetof(tce_block, multiplier) == 64 && offsetof(tce_block, rest_weights) == 128,
               "the assembly below counts on these offsets");

/* One instruction a line: */
/* clang-format off */
/* Channel 0 .. 3 of pixel 0 (q0) add up in r0, r2, r4, r6, of pixel 1 (q1) in r8, r10, r12, lr. */
#define TCE_PRODUCTS(load0, load1, load2, load3)                               \
    load0                                                                      \
    "vmladava.s8 r0,  q0, q2\n"                                                \
    "vmladava.s8 r8,  q1, q2\n"                                                \
    load1                                                                      \
    "vmladava.s8 r2,  q0, q3\n"                                                \
    "vmladava.s8 r10, q1, q3\n"                                                \
    load2                                                                      \
    "vmladava.s8 r4,  q0, q2\n"                                                \
    "vmladava.s8 r12, q1, q2\n"                                                \
    load3                                                                      \
    "vmladava.s8 r6,  q0, q3\n"                                                \
    "vmladava.s8 lr,  q1, q3\n"

#define TCE_WHOLE_STEP_BYTES 56
#define TCE_WHOLE_STEP                                                         \
    "vldrb.8 q0, [r1], #16\n"                                                  \
    "vldrb.8 q1, [r9], #16\n"                                                  \
    TCE_PRODUCTS("vldrb.8 q2, [r5], #16\n", "vldrb.8 q3, [r5], #16\n",         \
                 "vldrb.8 q2, [r5], #16\n", "vldrb.8 q3, [r5], #16\n")

/* The loop over pairs of pixels. r1, r9: inputs of the two; r3: output; r5: weights; r7: loops; r11: the block.
 * `away` turns VRSHL's rounding half up into half away from zero; `bound` clamps; `look_up` applies
 * the table. */
#define TCE_PAIRS(away, bound, look_up)                                        \
    ".syntax unified\n"                                                        \
    "push {r4-r11, lr}\n"                                                      \
    "vpush {d8-d15}\n"                                                         \
    "mov r11, r0\n"                                                            \
    "ldrd r5, r7, [r11, #24]\n"      /* rest, entry */                         \
    "vctp.8 r5\n"                    /* for the loads of the rest */           \
    "adr.w r2, 2f\n"                                                           \
    "add r2, r7\n"                                                             \
    "orr r2, #1\n"                   /* an address in Thumb state */           \
    "str r2, [r11, #28]\n"                                                     \
    "ldrd r1, r3, [r11, #52]\n"      /* in, out */                             \
    "ldr r4, [r11, #40]\n"           /* in_step */                             \
    "add r9, r1, r4\n"                                                         \
    "vldrw.u32 q4, [r11, #64]\n"     /* multiplier */                          \
    "vldrw.u32 q5, [r11, #80]\n"     /* shift */                               \
    "vldrw.u32 q6, [r11, #96]\n"     /* low */                                 \
    "vldrw.u32 q7, [r11, #112]\n"    /* high */                                \
    "1:\n"                                                                     \
    "ldm r11, {r0, r2, r4, r6}\n"    /* bias */                                \
    "ldm r11, {r8, r10, r12, lr}\n"                                            \
    "ldrd r5, r7, [r11, #16]\n"      /* weights, loops */                      \
    "ldr pc, [r11, #28]\n"                                                     \
    ".balign 4\n"                                                              \
    "2:\n"                                                                     \
    TCE_WHOLE_STEP                                                             \
    TCE_WHOLE_STEP                                                             \
    TCE_WHOLE_STEP                                                             \
    TCE_WHOLE_STEP                                                             \
    "subs.w r7, r7, #1\n"                                                      \
    "bpl.w 2b\n"                                                               \
    "ldr r5, [r11, #24]\n"           /* entered here where k < 16 */           \
    "cbz r5, 3f\n"                                                             \
    "vpstt\n"                                                                  \
    "vldrbt.8 q0, [r1]\n"                                                      \
    "vldrbt.8 q1, [r9]\n"                                                      \
    TCE_PRODUCTS("vldrw.u32 q2, [r11, #128]\n", "vldrw.u32 q3, [r11, #144]\n", \
                 "vldrw.u32 q2, [r11, #160]\n", "vldrw.u32 q3, [r11, #176]\n") \
    "3:\n"                                                                     \
    "vmov q0[2], q0[0], r0, r4\n"                                              \
    "vmov q0[3], q0[1], r2, r6\n"                                              \
    "vmov q1[2], q1[0], r8, r12\n"                                             \
    "vmov q1[3], q1[1], r10, lr\n"                                             \
    "add r1, r9, r5\n"               /* behind pixel 1 */                      \
    "ldrd r0, r2, [r11, #32]\n"      /* zero_point, out_step */                \
    "ldrd r4, r6, [r11, #40]\n"      /* in_step, last */                       \
    "vqrdmulh.s32 q0, q0, q4\n"                                                \
    "vqrdmulh.s32 q1, q1, q4\n"                                                \
    away                                                                       \
    "vrshl.s32 q0, q0, q5\n"                                                   \
    "vrshl.s32 q1, q1, q5\n"                                                   \
    "vqmovnb.s32 q0, q0\n"            /* pixel 0 in the even halfwords, */     \
    "vqmovnt.s32 q0, q1\n"            /* pixel 1 in the odd ones */            \
    "vqadd.s16 q0, q0, r0\n"                                                   \
    bound                                                                      \
    look_up                                                                    \
    "add r9, r1, r4\n"                                                         \
    "vstrb.32 q0, [r3]\n"                                                      \
    "add r3, r2\n"                                                             \
    "vshr.u32 q0, q0, #16\n"                                                   \
    "vstrb.32 q0, [r3]\n"                                                      \
    "add r3, r2\n"                                                             \
    "cmp r1, r6\n"                                                             \
    "bls.w 1b\n"                                                               \
    "sub r5, r1, r4\n"               /* one pixel left: once more,  */         \
    "cmp r5, r6\n"                   /* the pair that ends with it  */         \
    "bne 4f\n"                                                                 \
    "mov r1, r5\n"                                                             \
    "sub r9, r4\n"                                                             \
    "subs r3, r2\n"                                                            \
    "b.w 1b\n"                                                                 \
    "4:\n"                                                                     \
    "vpop {d8-d15}\n"                                                          \
    "pop {r4-r11, pc}\n"

#define TCE_AWAY_FROM_ZERO                                                     \
    "vshr.s32 q2, q0, #31\n"                                                   \
    "vshr.s32 q3, q1, #31\n"                                                   \
    "vadd.i32 q0, q0, q2\n"                                                    \
    "vadd.i32 q1, q1, q3\n"

#define TCE_SATURATE                                                           \
    "vqmovnb.s16 q0, q0\n"

#define TCE_CLAMP                                                              \
    "vmax.s16 q0, q0, q6\n"                                                    \
    "vmin.s16 q0, q0, q7\n"

#define TCE_LOOK_UP                                                            \
    "ldr r5, [r11, #48]\n"                                                     \
    "vldrb.u16 q1, [r5, q0]\n"                                                 \
    "vmov q0, q1\n"
/* clang-format on */

/* Every pixel, four channels. Nothing below the zero point survives this clamp: how negatives are rounded is of no
 * concern. */
__attribute__((naked)) TCE_NOINLINE static void tce_pairs_relu(tce_block *block __attribute__((unused))) {
    __asm__ volatile(TCE_PAIRS("", TCE_SATURATE, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_pairs_linear(tce_block *block __attribute__((unused))) {
    __asm__ volatile(TCE_PAIRS(TCE_AWAY_FROM_ZERO, TCE_SATURATE, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_pairs_clamped(tce_block *block __attribute__((unused))) {
    __asm__ volatile(TCE_PAIRS(TCE_AWAY_FROM_ZERO, TCE_CLAMP, "")::: "memory");
}

__attribute__((naked)) TCE_NOINLINE static void tce_pairs_table(tce_block *block __attribute__((unused))) {
    __asm__ volatile(TCE_PAIRS(TCE_AWAY_FROM_ZERO, TCE_CLAMP, TCE_LOOK_UP)::: "memory");
}

#endif
