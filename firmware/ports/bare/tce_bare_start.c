#include "tce_bare.h"
#include "tce_paint.h"

/* From the linker script. The stack is the lowest thing in its region: an overflow leaves the region and faults. */
extern uint32_t tce_ld_stack_limit[], tce_ld_stack_top[];
extern uint32_t tce_ld_data_load[], tce_ld_data_start[], tce_ld_data_end[];
extern uint32_t tce_ld_ram_load[], tce_ld_ram_start[], tce_ld_ram_end[];
extern uint32_t tce_ld_bss_start[], tce_ld_bss_end[];

/* Initial values are read at the code's address, by whole words, as an ESP32-C3's bus of instructions wants it. */
static void copy(const uint32_t *from, uint32_t *to, const uint32_t *end) {
    while (to < end) {
        *to++ = *from++;
    }
}

_Noreturn void tce_bare_start(void) {
    copy(tce_ld_data_load, tce_ld_data_start, tce_ld_data_end);
    copy(tce_ld_ram_load, tce_ld_ram_start, tce_ld_ram_end);
    for (uint32_t *to = tce_ld_bss_start; to < tce_ld_bss_end; ++to) {
        *to = 0;
    }
    tce_port_exit(tce_app_main());
}

uint32_t tce_port_stack_bytes(void) {
    const volatile uint32_t *word = tce_ld_stack_limit;
    while (word < tce_ld_stack_top && *word == TCE_STACK_PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)tce_ld_stack_top - (uintptr_t)word);
}
