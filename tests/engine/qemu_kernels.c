/* Runs the calls that qemu_kernels.py has put into memory, counts their instructions with SysTick, and hands the memory
 * back as the file "memory.out". */
#include "tce_port.h"
#include "tce_semihost.h"
#include "tce_start.h"

typedef void (*kernel)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);

typedef struct {
    kernel function; /* NULL ends the list */
    uint32_t arguments[8];
    uint32_t ticks; /* written here: what SysTick counted */
} call;

extern call tce_calls[];
extern uint8_t tce_memory[], tce_memory_end[];

static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010; /* control, reload, value */

static void nothing(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f, uint32_t g, uint32_t h) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
}

static uint32_t timed(kernel function, const uint32_t *a) {
    const uint32_t start = systick[2];
    function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    return (start - systick[2]) & 0xFFFFFFU;
}

int32_t tce_app_main(void) {
    volatile kernel empty = nothing;
    systick[1] = 0xFFFFFFU;
    systick[2] = 0;
    systick[0] = 5; /* on, processor clock, no interrupt */
    const uint32_t overhead = timed(empty, tce_calls->arguments);
    for (call *c = tce_calls; c->function; c++) {
        c->ticks = timed(c->function, c->arguments) - overhead;
    }
    static const char name[] = "memory.out";
    const uintptr_t to_open[3] = {(uintptr_t)name, 5 /* "wb" */, sizeof name - 1U};
    const intptr_t file = tce_semihost_call(TCE_SYS_OPEN, to_open);
    const uintptr_t to_write[3] = {(uintptr_t)file, (uintptr_t)tce_memory, (uintptr_t)(tce_memory_end - tce_memory)};
    return (int32_t)tce_semihost_call(TCE_SYS_WRITE, to_write);
}

_Noreturn void tce_port_exit(int32_t code) {
    const uintptr_t arguments[2] = {TCE_STOPPED_APPLICATION_EXIT, (uintptr_t)code};
    (void)tce_semihost_call(TCE_SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}
