/* Vectors and reset of the RP2040's first core; the second one sleeps in the boot ROM and is left there. */
#include "tce_port.h"
#include "tce_rp2040.h"

#define STACK_PAINT 0xC5C5C5C5U /* a word no code of ours pushes; what is still painted was never used */

/* From the linker script. The stack is the lowest thing in its region: an overflow leaves the region and faults. */
extern uint32_t tce_ld_stack_limit[], tce_ld_stack_top[];
extern uint32_t tce_ld_data_load[], tce_ld_data_start[], tce_ld_data_end[];
extern uint32_t tce_ld_ram_load[], tce_ld_ram_start[], tce_ld_ram_end[];
extern uint32_t tce_ld_bss_start[], tce_ld_bss_end[];

_Noreturn void tce_reset(void);
_Noreturn void tce_rp2040_start(void);

typedef void (*tce_vector)(void);

typedef struct {
    const uint32_t *initial_stack;
    tce_vector reset;
    tce_vector exceptions[14];
    tce_vector interrupts[TCE_RP2040_IRQS];
} tce_vectors;

static void copy(const uint32_t *from, uint32_t *to, const uint32_t *end) {
    while (to < end) {
        *to++ = *from++;
    }
}

/* A fault ends here: the watchdog, once it runs, resets the chip. */
static _Noreturn void fault(void) {
    tce_port_exit(1);
}

_Noreturn void tce_rp2040_start(void) {
    copy(tce_ld_data_load, tce_ld_data_start, tce_ld_data_end);
    copy(tce_ld_ram_load, tce_ld_ram_start, tce_ld_ram_end);
    for (uint32_t *to = tce_ld_bss_start; to < tce_ld_bss_end; ++to) {
        *to = 0;
    }
    tce_port_exit(tce_app_main());
}

/* Written in assembly since it paints the very stack that a C function would stand on. */
__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n"
                     "ldr r0, =tce_ld_stack_limit\n"
                     "ldr r1, =tce_ld_stack_top\n"
                     "mov sp, r1\n"
                     "ldr r2, =0xC5C5C5C5\n"
                     "1: cmp r0, r1\n"
                     "bhs 2f\n"
                     "str r2, [r0]\n"
                     "adds r0, #4\n"
                     "b 1b\n"
                     "2: ldr r0, =tce_rp2040_start\n"
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

uint32_t tce_port_stack_bytes(void) {
    const volatile uint32_t *word = tce_ld_stack_limit;
    while (word < tce_ld_stack_top && *word == STACK_PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)tce_ld_stack_top - (uintptr_t)word);
}
