/* Start of the ESP32-C3 by "direct boot": when flash begins with two magic words instead of an image header, the ROM
 * maps 4 MB of it, for code at 0x42000000 and for data at 0x3C000000, and jumps behind them. No second stage is needed.
 */
#include "tce_esp32c3.h"
#include "tce_bare.h"

__asm__(".section .tce_boot, \"ax\"\n"
        ".option push\n"
        ".option norvc\n"
        ".word 0xAEDB041D, 0xAEDB041D\n"
        ".global tce_reset\n"
        ".type tce_reset, @function\n"
        "tce_reset:\n"
        ".option norelax\n"
        "    la gp, __global_pointer$\n"
        "    la t0, tce_esp32c3_vectors + 1\n" /* 1: vectored */
        "    .option arch, +zicsr\n"
        "    csrw mtvec, t0\n"
        "    csrci mstatus, 8\n"
        "    la t0, tce_ld_stack_limit\n"
        "    la sp, tce_ld_stack_top\n"
        "    li t1, 0xC5C5C5C5\n"
        "1:  bgeu t0, sp, 2f\n"
        "    sw t1, 0(t0)\n"
        "    addi t0, t0, 4\n"
        "    j 1b\n"
        "2:  j tce_bare_start\n"
        ".option pop\n"
        ".previous\n");

/* The vector table: a jump for exceptions, and one for each of the core's 31 interrupts. */
__asm__(".section .tce_vectors, \"ax\"\n"
        ".option push\n"
        ".option norvc\n"
        ".option norelax\n"
        ".balign 256\n"
        ".global tce_esp32c3_vectors\n"
        "tce_esp32c3_vectors:\n"
        "    j tce_esp32c3_fault\n"
        "    j tce_esp32c3_uart_entry\n"
        "    j tce_esp32c3_systimer_entry\n"
        "    j tce_esp32c3_dma_entry\n"
        "    .rept 28\n"
        "    j tce_esp32c3_fault\n"
        "    .endr\n"
        ".option pop\n"
        ".previous\n");

_Static_assert(TCE_ESP32C3_INTERRUPT_UART0 == 1 && TCE_ESP32C3_INTERRUPT_SYSTIMER0 == 2 &&
                   TCE_ESP32C3_INTERRUPT_DMA0 == 3,
               "the vector table's order");

__attribute__((interrupt("machine"))) void tce_esp32c3_uart_entry(void);
__attribute__((interrupt("machine"))) void tce_esp32c3_systimer_entry(void);
__attribute__((interrupt("machine"))) void tce_esp32c3_dma_entry(void);
__attribute__((interrupt("machine"))) void tce_esp32c3_fault(void);

__attribute__((used, interrupt("machine"))) void tce_esp32c3_uart_entry(void) {
    tce_esp32c3_uart_interrupt();
}

__attribute__((used, interrupt("machine"))) void tce_esp32c3_systimer_entry(void) {
    tce_esp32c3_systimer_interrupt();
}

__attribute__((used, interrupt("machine"))) void tce_esp32c3_dma_entry(void) {
    tce_esp32c3_dma_interrupt();
}

/* A fault ends here: the watchdog, once it runs, resets the chip. */
__attribute__((used, interrupt("machine"))) void tce_esp32c3_fault(void) {
    tce_port_exit(1);
}
