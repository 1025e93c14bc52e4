/* Reset of an RV32 core: global pointer, trap vector, painted stack. */
#if defined(__riscv)

#include "tce_start.h"

_Noreturn void tce_reset(void);

/* mtvec needs a 4-byte aligned handler in direct mode. */
__attribute__((naked, aligned(4), used)) void tce_trap(void) {
    __asm__ volatile("la sp, tce_ld_stack_top\n"
                     "j tce_fault\n");
}

__attribute__((naked, section(".tce_vectors"), used)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     ".option push\n"
                     ".option arch, +zicsr\n"
                     "la t0, tce_trap\n"
                     "csrw mtvec, t0\n"
                     ".option pop\n"
                     "la t0, tce_ld_stack_limit\n"
                     "la sp, tce_ld_stack_top\n"
                     "li t1, 0xC5C5C5C5\n"
                     "1: bgeu t0, sp, 2f\n"
                     "sw t1, 0(t0)\n"
                     "addi t0, t0, 4\n"
                     "j 1b\n"
                     "2: j tce_start\n");
}

#else
typedef int tce_start_rv32_is_empty_on_this_architecture;
#endif
