/* Reset of a Cortex-M: vector table, FPU/MVE enable, painted stack. */
#if defined(__arm__)

#include "tce_paint.h"
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

__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n" TCE_ENABLE_FPU TCE_SET_AND_PAINT_STACK "bl tce_start\n"
                     ".ltorg\n");
}

#else
typedef int tce_start_cortexm_is_empty_on_this_architecture;
#endif
