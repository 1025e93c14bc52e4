/* Opening, watchdog, reset cause and end. The microphone is opened by the driver of its kind, the line by
 * tce_rp2040_uart.c.
 */
#include "tce_bare.h"
#include "tce_rp2040.h"

enum {
    WATCHDOG_ENABLE = 1 << 30,
    WATCHDOG_MS_MAX = 0xFFFFFF / 2000, /* erratum RP2040-E1: the counter falls by two a microsecond */
    REASON_TIMER = 1 << 0,
    REASON_FORCE = 1 << 1,
    CHIP_RESET_RUN_PIN = 1 << 16,
    CHIP_RESET_DEBUGGER = 1 << 20, /* HAD_PSM_RESTART */
    PSM_ALL_BUT_OSCILLATORS = 0x0001FFFF & ~3,
    WAITS = 1000000 /* turns of a loop that waits for a bit */
};

static uint32_t watchdog_load;

int tce_port_open(tce_port *port) {
    *port = (tce_port){0};
    tce_rp2040_start_clocks();
    tce_rp2040_uart_open();
    return TCE_PORT_OK;
}

uint32_t tce_bare_lock(void) {
    return tce_rp2040_lock();
}

void tce_bare_unlock(uint32_t before) {
    tce_rp2040_unlock(before);
}

uint32_t tce_port_cycles(void) {
    return 0; /* a Cortex-M0+ has no counter of cycles; time is taken from the timer */
}

tce_port_reset tce_port_reset_cause(void) {
    const uint32_t chip = TCE_RP2040_CHIP_RESET->chip_reset;
    const uint32_t reason = TCE_RP2040_WATCHDOG->reason;
    if ((reason & REASON_TIMER) != 0U) {
        return TCE_PORT_RESET_WATCHDOG;
    }
    if ((reason & REASON_FORCE) != 0U || (chip & CHIP_RESET_DEBUGGER) != 0U) {
        return TCE_PORT_RESET_SOFTWARE;
    }
    return (chip & CHIP_RESET_RUN_PIN) != 0U ? TCE_PORT_RESET_PIN : TCE_PORT_RESET_POWER;
}

/* SCRATCH4 to 7 are the boot ROM's. */
uint16_t tce_port_kept(void) {
    return (uint16_t)TCE_RP2040_WATCHDOG->scratch[0];
}

void tce_port_keep(uint16_t value) {
    TCE_RP2040_WATCHDOG->scratch[0] = value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    watchdog_load = 2000U * (milliseconds < WATCHDOG_MS_MAX ? milliseconds : (uint32_t)WATCHDOG_MS_MAX);
    TCE_RP2040_PSM->wdsel = PSM_ALL_BUT_OSCILLATORS;
    TCE_RP2040_WATCHDOG->load = watchdog_load;
    TCE_RP2040_WATCHDOG->ctrl |= WATCHDOG_ENABLE;
}

void tce_port_watchdog_feed(void) {
    if (watchdog_load != 0U) {
        TCE_RP2040_WATCHDOG->load = watchdog_load;
    }
}

_Noreturn void tce_port_exit(int32_t code) {
    (void)code;
    for (int i = 0; i < WAITS && (TCE_RP2040_UART0->fr & (1U << 3)) != 0U; ++i) { /* BUSY: the last words go out */
    }
    (void)tce_rp2040_lock();
    for (;;) {
        __asm__ volatile("wfi");
    }
}
