/* Reset of a bare Cortex-M board: FPU on, stack painted, interrupts off until the port is open. */
#include "tce_vectors.h"

/* Written in assembly since it paints the very stack that a C function would stand on.
 * CPACR (0xE000ED88) bits 20..23 give full access to CP10 and CP11, the floating-point unit. */
__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n"
                     "cpsid i\n"
#if defined(__ARM_FP)
                     "ldr r0, =0xE000ED88\n"
                     "ldr r1, [r0]\n"
                     "ldr r2, =0x00F00000\n"
                     "orrs r1, r2\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
#endif
                     "ldr r0, =tce_ld_stack_limit\n"
                     "ldr r1, =tce_ld_stack_top\n"
                     "mov sp, r1\n"
                     "ldr r2, =0xC5C5C5C5\n"
                     "1: cmp r0, r1\n"
                     "bhs 2f\n"
                     "str r2, [r0]\n"
                     "adds r0, #4\n"
                     "b 1b\n"
                     "2: bl tce_start\n"
                     ".ltorg\n");
}
