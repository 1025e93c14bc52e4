/* The trap itself; the debugger recognises these exact instruction sequences. */
#include "tce_semihost.h"

#if defined(__arm__)

intptr_t tce_semihost_call(uintptr_t operation, const uintptr_t *arguments) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const uintptr_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (intptr_t)r0;
}

#elif defined(__riscv)

/* The three words must be uncompressed and in one page, hence the alignment. */
intptr_t tce_semihost_call(uintptr_t operation, const uintptr_t *arguments) {
    register uintptr_t a0 __asm__("a0") = operation;
    register const uintptr_t *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 7\n"
                     ".option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return (intptr_t)a0;
}

#else
#error "tce_semihost: no trap sequence for this architecture"
#endif
