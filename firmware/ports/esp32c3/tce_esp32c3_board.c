/* Opening, interrupts, watchdog, reset cause, cycles and end. The microphone is opened by the driver of its kind. */
#include "tce_esp32c3.h"
#include "tce_bare.h"

enum {
    PRIORITY = 1,
    /* WDTCONFIG0: enabled by its top bit, stage 0 resets the digital part, from the crystal, longest reset pulses */
    WATCHDOG_CONFIG = (3 << 29) | (1 << 21) | (7 << 18) | (7 << 15),
    WATCHDOG_UPDATE = 1 << 22,
    WATCHDOG_MS = TCE_ESP32C3_XTAL_HZ / 1000, /* WDTCONFIG1.CLK_PRESCALE: one tick a millisecond */
    RESET_CAUSE_BITS = 0x3F,
    WAITS = 1000000 /* turns of a loop that waits for a bit */
};

#define WATCHDOG_KEY    0x50D83AA1U
#define WATCHDOG_ENABLE 0x80000000U

/* RESET_CAUSE_PROCPU -> what the application knows. The EN pin and power-up look alike. */
static const struct {
    uint8_t cause, meaning;
} causes[] = {
    {0x03, TCE_PORT_RESET_SOFTWARE}, {0x0C, TCE_PORT_RESET_SOFTWARE}, {0x15, TCE_PORT_RESET_SOFTWARE},
    {0x16, TCE_PORT_RESET_SOFTWARE}, {0x07, TCE_PORT_RESET_WATCHDOG}, {0x08, TCE_PORT_RESET_WATCHDOG},
    {0x09, TCE_PORT_RESET_WATCHDOG}, {0x0B, TCE_PORT_RESET_WATCHDOG}, {0x0D, TCE_PORT_RESET_WATCHDOG},
    {0x10, TCE_PORT_RESET_WATCHDOG}, {0x11, TCE_PORT_RESET_WATCHDOG}, {0x12, TCE_PORT_RESET_WATCHDOG},
};

void tce_esp32c3_connect(uint32_t source, uint32_t interrupt) {
    tce_esp32c3_interrupts *matrix = TCE_ESP32C3_INTERRUPTS;
    const uint32_t status = tce_esp32c3_lock();
    matrix->map[source] = interrupt;
    matrix->priority[interrupt] = PRIORITY;
    matrix->threshold = PRIORITY;
    matrix->int_type &= ~(1U << interrupt); /* by level */
    matrix->int_enable |= 1U << interrupt;
    tce_esp32c3_unlock(status);
}

int tce_port_open(tce_port *port) {
    *port = (tce_port){0};
    tce_esp32c3_start_clocks();
    tce_esp32c3_uart_open();
    /* This core has no mcycle, but a counter of its own: MPCER counts cycles, MPCMR lets it run. */
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrw 0x7E0, %0\n"
                     "csrw 0x7E1, %0\n"
                     "csrsi mstatus, 8\n"
                     ".option pop"
                     :
                     : "r"(1)
                     : "memory");
    return TCE_PORT_OK;
}

uint32_t tce_port_cycles(void) {
    uint32_t cycles;
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr %0, 0x7E2\n"
                     ".option pop"
                     : "=r"(cycles));
    return cycles;
}

uint32_t tce_bare_lock(void) {
    return tce_esp32c3_lock();
}

void tce_bare_unlock(uint32_t before) {
    tce_esp32c3_unlock(before);
}

tce_port_reset tce_port_reset_cause(void) {
    const uint32_t cause = TCE_ESP32C3_RTC->reset_state & RESET_CAUSE_BITS;
    for (uint32_t i = 0; i < sizeof causes / sizeof causes[0]; ++i) {
        if (causes[i].cause == cause) {
            return (tce_port_reset)causes[i].meaning;
        }
    }
    return TCE_PORT_RESET_POWER;
}

/* STORE0 is not the ROM's, and the timer group's watchdog leaves the low-power part alone. */
uint16_t tce_port_kept(void) {
    return (uint16_t)TCE_ESP32C3_RTC->store0;
}

void tce_port_keep(uint16_t value) {
    TCE_ESP32C3_RTC->store0 = value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    tce_esp32c3_timer_group *timer = TCE_ESP32C3_TIMER_GROUP0;
    timer->wdtwprotect = WATCHDOG_KEY;
    timer->wdtconfig[1] = (uint32_t)WATCHDOG_MS << 16;
    timer->wdtconfig[2] = milliseconds;
    timer->wdtconfig[0] = WATCHDOG_ENABLE | (uint32_t)WATCHDOG_CONFIG | WATCHDOG_UPDATE;
    timer->wdtfeed = 1;
    timer->wdtwprotect = 0;
}

void tce_port_watchdog_feed(void) {
    TCE_ESP32C3_TIMER_GROUP0->wdtwprotect = WATCHDOG_KEY;
    TCE_ESP32C3_TIMER_GROUP0->wdtfeed = 1;
    TCE_ESP32C3_TIMER_GROUP0->wdtwprotect = 0;
}

_Noreturn void tce_port_exit(int32_t code) {
    (void)code;
    for (int i = 0; i < WAITS && (TCE_ESP32C3_UART0->status >> 16 & 0x3FFU) != 0U; ++i) { /* the last words go out */
    }
    (void)tce_esp32c3_lock();
    for (;;) {
        __asm__ volatile("wfi");
    }
}
