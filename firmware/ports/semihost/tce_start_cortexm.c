/* Reset of a Cortex-M: vector table, FPU/MVE enable, painted stack. */
#if defined(__arm__)

#include "tce_start.h"

_Noreturn void tce_reset(void);

typedef void (*tce_vector)(void);

typedef struct {
    const uint32_t *initial_stack;
    tce_vector reset;
    tce_vector exceptions[14]; /* NMI, HardFault ... SysTick; no interrupt is used */
} tce_vectors;

const tce_vectors tce_vector_table __attribute__((section(".tce_vectors"), used)) = {
    .initial_stack = tce_ld_stack_top,
    .reset = tce_reset,
    .exceptions = {tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault,
                   tce_fault, tce_fault, tce_fault, tce_fault, tce_fault},
};

/* Written in assembly since it paints the very stack that a C function would stand on.
 * CPACR (0xE000ED88) bits 20..23 give full access to CP10 and CP11: scalar floating point and, on a Cortex-M55, MVE. */
__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n"
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
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

#else
typedef int tce_start_cortexm_is_empty_on_this_architecture;
#endif
