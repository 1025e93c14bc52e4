/* The watchdog of an emulated serial board: the file ":tce-watchdog". Written are four bytes (start, milliseconds), one
 * (feed) or two (keep); read are three: why the core started, and what was kept. Elsewhere there is none. */
#include "tce_port.h"
#include "tce_semihost.h"

enum { OPEN_UPDATE_BINARY = 3 /* fopen "r+b" */ };

static const char watchdog_name[] = ":tce-watchdog";

static intptr_t watchdog; /* its handle, once it was asked for; negative without one */

static intptr_t handle(void) {
    if (watchdog == 0) {
        const uintptr_t arguments[3] = {(uintptr_t)watchdog_name, OPEN_UPDATE_BINARY, sizeof watchdog_name - 1U};
        watchdog = tce_semihost_call(TCE_SYS_OPEN, arguments);
    }
    return watchdog;
}

static void write_bytes(uint32_t value, uint32_t count) {
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    if (handle() > 0) {
        const uintptr_t arguments[3] = {(uintptr_t)watchdog, (uintptr_t)bytes, count};
        (void)tce_semihost_call(TCE_SYS_WRITE, arguments);
    }
}

/* The three bytes as one number; 0 where there is nobody to ask. */
static uint32_t read_state(void) {
    uint8_t bytes[3] = {0, 0, 0};
    if (handle() > 0) {
        const uintptr_t arguments[3] = {(uintptr_t)watchdog, (uintptr_t)bytes, sizeof bytes};
        (void)tce_semihost_call(TCE_SYS_READ, arguments);
    }
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

tce_port_reset tce_port_reset_cause(void) {
    return (tce_port_reset)(read_state() & 3U);
}

uint16_t tce_port_kept(void) {
    return (uint16_t)(read_state() >> 8);
}

void tce_port_keep(uint16_t value) {
    write_bytes(value, 2);
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    write_bytes(milliseconds, 4);
}

void tce_port_watchdog_feed(void) {
    write_bytes(0, 1);
}
