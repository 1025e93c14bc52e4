/* Vectors and reset of the RP2040's first core; the second one sleeps in the boot ROM and is left there. */
#include "tce_bare.h"
#include "tce_paint.h"
#include "tce_rp2040.h"

extern uint32_t tce_ld_stack_top[]; /* from the linker script */

_Noreturn void tce_reset(void);

typedef void (*tce_vector)(void);

typedef struct {
    const uint32_t *initial_stack;
    tce_vector reset;
    tce_vector exceptions[14];
    tce_vector interrupts[TCE_RP2040_IRQS];
} tce_vectors;

/* A fault ends here: the watchdog, once it runs, resets the chip. */
static _Noreturn void fault(void) {
    tce_port_exit(1);
}

__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n" TCE_SET_AND_PAINT_STACK "ldr r0, =tce_bare_start\n"
                     "bx r0\n"
                     ".ltorg\n");
}

#define FAULT_14 fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault

const tce_vectors tce_vector_table __attribute__((section(".tce_vectors"), used, aligned(256))) = {
    .initial_stack = tce_ld_stack_top,
    .reset = tce_reset,
    .exceptions = {FAULT_14},
    .interrupts = {[TCE_RP2040_IRQ_TIMER0] = tce_rp2040_timer_interrupt,
                   [TCE_RP2040_IRQ_DMA0] = tce_rp2040_dma_interrupt,
                   [TCE_RP2040_IRQ_UART0] = tce_rp2040_uart_interrupt},
};
