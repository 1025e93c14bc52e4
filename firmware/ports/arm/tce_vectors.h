/* The vector table of a bare board: the core's own exceptions are faults, the chip names its interrupts.
 *
 *   TCE_VECTOR_TABLE(82, [28] = timer_interrupt, [37] = uart_interrupt);
 *
 * An interrupt without a handler is never enabled. */
#ifndef TCE_VECTORS_H
#define TCE_VECTORS_H

#include "tce_start.h"

typedef void (*tce_vector)(void);

_Noreturn void tce_reset(void);

#define TCE_VECTOR_TABLE(count, ...)                                                                                   \
    typedef struct {                                                                                                   \
        const uint32_t *initial_stack;                                                                                 \
        tce_vector reset, exceptions[14], interrupts[count];                                                           \
    } tce_vectors;                                                                                                     \
    extern const tce_vectors tce_vector_table;                                                                         \
    const tce_vectors tce_vector_table __attribute__((section(".tce_vectors"), used)) = {                              \
        .initial_stack = tce_ld_stack_top,                                                                             \
        .reset = tce_reset,                                                                                            \
        .exceptions = {tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault,         \
                       tce_fault, tce_fault, tce_fault, tce_fault, tce_fault, tce_fault},                              \
        .interrupts = {__VA_ARGS__},                                                                                   \
    }

#endif
