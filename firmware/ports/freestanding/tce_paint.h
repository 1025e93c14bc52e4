/* The stack is painted at reset, before anything stands on it; what is still painted later was never used. */
#ifndef TCE_PAINT_H
#define TCE_PAINT_H

#define TCE_STACK_PAINT 0xC5C5C5C5U /* a word no code of ours pushes */

/* Of an Arm core's reset code, which is assembly since it paints the very stack that a C function would stand on: sets
 * the stack pointer and paints all of the stack; r0 to r2 are lost. The first instructions that even a Cortex-M0 has.
 */
#define TCE_SET_AND_PAINT_STACK                                                                                        \
    "ldr r0, =tce_ld_stack_limit\n"                                                                                    \
    "ldr r1, =tce_ld_stack_top\n"                                                                                      \
    "mov sp, r1\n"                                                                                                     \
    "ldr r2, =0xC5C5C5C5\n"                                                                                            \
    "1: cmp r0, r1\n"                                                                                                  \
    "bhs 2f\n"                                                                                                         \
    "str r2, [r0]\n"                                                                                                   \
    "adds r0, #4\n"                                                                                                    \
    "b 1b\n"                                                                                                           \
    "2:\n"

/* And where it has one, before that: full access to CP10 and CP11 in CPACR (0xE000ED88), bits 20 to 23: scalar floating
 * point and, on a Cortex-M55, MVE. */
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
#define TCE_ENABLE_FPU                                                                                                 \
    "ldr r0, =0xE000ED88\n"                                                                                            \
    "ldr r1, [r0]\n"                                                                                                   \
    "ldr r2, =0x00F00000\n"                                                                                            \
    "orrs r1, r2\n"                                                                                                    \
    "str r1, [r0]\n"                                                                                                   \
    "dsb\n"                                                                                                            \
    "isb\n"
#else
#define TCE_ENABLE_FPU
#endif

#endif
