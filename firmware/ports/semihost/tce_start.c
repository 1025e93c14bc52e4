/* Memory initialisation in C, common to every core. The reset code of the core has set the stack pointer and painted
 * the stack. */
#include "tce_start.h"
#include "tce_paint.h"
#include "tce_port.h"

_Noreturn void tce_start(void) {
    const uint32_t *from = tce_ld_data_load;
    for (uint32_t *to = tce_ld_data_start; to < tce_ld_data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *to = tce_ld_bss_start; to < tce_ld_bss_end; ++to) {
        *to = 0;
    }
    tce_port_exit(tce_app_main());
}

_Noreturn void tce_fault(void) {
    tce_port_exit(TCE_EXIT_FAULT);
}

uint32_t tce_port_stack_bytes(void) {
    const volatile uint32_t *word = tce_ld_stack_limit;
    while (word < tce_ld_stack_top && *word == TCE_STACK_PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)tce_ld_stack_top - (uintptr_t)word);
}
