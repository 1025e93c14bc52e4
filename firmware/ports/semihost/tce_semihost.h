/* Arm/RISC-V semihosting: a trap with an operation number and a pointer to its arguments, answered by a debugger or
 * emulator. "Semihosting for AArch32 and AArch64", Arm 100863; RISC-V International uses the same numbers. */
#ifndef TCE_SEMIHOST_H
#define TCE_SEMIHOST_H

#include <stdint.h>

enum {
    TCE_SYS_OPEN = 0x01,         /* {name, mode, name length} -> handle or -1 */
    TCE_SYS_WRITE = 0x05,        /* {handle, bytes, count} -> bytes not written */
    TCE_SYS_READ = 0x06,         /* {handle, bytes, count} -> bytes not read */
    TCE_SYS_GET_CMDLINE = 0x15,  /* {buffer, its size; answer: length} -> 0 or -1 */
    TCE_SYS_EXIT_EXTENDED = 0x20 /* {reason, exit code} -> never */
};

enum {
    TCE_OPEN_READ_BINARY = 1,              /* fopen "rb" */
    TCE_OPEN_WRITE = 4,                    /* fopen "w"; on ":tt" this is the host's standard output */
    TCE_STOPPED_APPLICATION_EXIT = 0x20026 /* ADP_Stopped_ApplicationExit */
};

/* One call: `operation` and its argument block of pointer-sized words. */
intptr_t tce_semihost_call(uintptr_t operation, const uintptr_t *arguments);

#endif
