/* tce_port_link over semihosting, for an emulator that is a serial board: the link is the file ":tce-link", and
 * ":tce-wait" is asked by a byte (1: sound too) and answers with one (TCE_PORT_*). Flash is "labels.flash", a file that
 * the emulator also shows in the board's memory, where the linker script has set room aside for two slots.
 * Elsewhere (QEMU, a debugger) none of these files can be opened, and the board listens alone. */
#include "tce_port_link.h"
#include "tce_port_pull.h"
#include "tce_semihost.h"

enum { OPEN_UPDATE_BINARY = 3 /* fopen "r+b" */, SYS_SEEK = 0x0A, SYS_ELAPSED = 0x30 };

/* From the linker script: where the two slots lie, and as values the bytes of a sector and of a unit of programming. */
extern const uint8_t tce_ld_labels_start[], tce_ld_labels_end[], tce_ld_labels_sector[], tce_ld_labels_unit[];

static const char link_name[] = ":tce-link";
static const char events_name[] = ":tce-wait";
static const char flash_name[] = "labels.flash";

static intptr_t open_file(const char *name, uintptr_t length) {
    const uintptr_t arguments[3] = {(uintptr_t)name, OPEN_UPDATE_BINARY, length};
    return tce_semihost_call(TCE_SYS_OPEN, arguments);
}

/* 0 when all bytes were written. */
static intptr_t write_file(intptr_t handle, const uint8_t *bytes, uint32_t count) {
    const uintptr_t arguments[3] = {(uintptr_t)handle, (uintptr_t)bytes, count};
    return tce_semihost_call(TCE_SYS_WRITE, arguments);
}

static intptr_t seek(intptr_t handle, uint32_t offset) {
    const uintptr_t arguments[2] = {(uintptr_t)handle, offset};
    return tce_semihost_call(SYS_SEEK, arguments);
}

static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    const tce_port_link *link = context;
    return seek(link->flash, offset) == 0 && write_file(link->flash, bytes, count) == 0 ? 0 : -1;
}

/* A write of no bytes: the emulator clears the sector that begins there. */
static int erase(void *context, uint32_t offset) {
    return program(context, offset, tce_ld_labels_start, 0);
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    link->bytes = open_file(link_name, sizeof link_name - 1U);
    link->events = open_file(events_name, sizeof events_name - 1U);
    link->flash = open_file(flash_name, sizeof flash_name - 1U);
    const uint32_t sector = (uint32_t)(uintptr_t)tce_ld_labels_sector;
    const uint32_t room = (uint32_t)((uintptr_t)tce_ld_labels_end - (uintptr_t)tce_ld_labels_start);
    *flash = (tce_flash){
        .context = link,
        .memory = tce_ld_labels_start,
        .sector_bytes = sector,
        .slot_sectors = link->flash < 0 || sector == 0U ? 0U : room / sector / 2U,
        .program_bytes = (uint32_t)(uintptr_t)tce_ld_labels_unit,
        .erase = erase,
        .program = program,
    };
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    if (link->bytes < 0 || link->events < 0) {
        return sound != 0 && tce_port_pull(port) != 0 ? TCE_PORT_SOUND : 0;
    }
    uint8_t asked = sound != 0;
    uint8_t events = 0;
    (void)write_file(link->events, &asked, 1);
    const uintptr_t arguments[3] = {(uintptr_t)link->events, (uintptr_t)&events, 1};
    if (tce_semihost_call(TCE_SYS_READ, arguments) != 0) {
        return 0;
    }
    if ((events & TCE_PORT_SOUND) != 0 && tce_port_pull(port) == 0) { /* the recording has ended, the link has not */
        events = (uint8_t)((events & ~TCE_PORT_SOUND) | TCE_PORT_TICK);
    }
    return events;
}

/* Ticks of the target, which the emulator of a serial board counts in microseconds. */
uint32_t tce_port_link_microseconds(void) {
    uint32_t ticks[2] = {0, 0}; /* low word first */
    (void)tce_semihost_call(SYS_ELAPSED, (const uintptr_t *)(const void *)ticks);
    return ticks[0];
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    if (link->bytes < 0) {
        return 0;
    }
    const uintptr_t arguments[3] = {(uintptr_t)link->bytes, (uintptr_t)bytes, (uintptr_t)capacity};
    const int32_t missing = (int32_t)tce_semihost_call(TCE_SYS_READ, arguments);
    return missing < 0 || missing > capacity ? 0 : capacity - missing;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)port;
    (void)write_file(link->bytes, bytes, count);
}
