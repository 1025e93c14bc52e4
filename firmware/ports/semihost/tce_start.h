/* Names shared by the start-up code and the generated linker script. */
#ifndef TCE_START_H
#define TCE_START_H

#include <stdint.h>

#define TCE_EXIT_FAULT 70 /* exit code of a CPU fault: EX_SOFTWARE of sysexits.h */

/* From the linker script. The stack is the lowest thing in its region, so an overflow leaves the region and faults. */
extern uint32_t tce_ld_stack_limit[], tce_ld_stack_top[];
extern uint32_t tce_ld_data_load[], tce_ld_data_start[], tce_ld_data_end[];
extern uint32_t tce_ld_bss_start[], tce_ld_bss_end[];

/* Copies .data, clears .bss, runs the application, exits with its result. */
_Noreturn void tce_start(void);

/* Reports a CPU fault and exits with TCE_EXIT_FAULT. */
_Noreturn void tce_fault(void);

#endif
