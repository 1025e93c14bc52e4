/* tce_port and tce_port_link on a bare Cortex-M board: one serial line for text and link, a microphone that fills the
 * double buffer by DMA, sleep between interrupts. The chip's own part is behind tce_chip.h. */
#include "tce_chip.h"
#include "tce_port_link.h"
#include "tce_scs.h"

#include <stddef.h>

static tce_port_reset reset_cause;
static tce_port_audio *capture; /* what the chip's interrupt hands halves to */
static uint32_t half_time;      /* microseconds of one half */
static uint32_t due;            /* when the next one is full; 0 as long as none was */

int tce_port_open(tce_port *port) {
    reset_cause = tce_chip_open();
    TCE_DEMCR |= TCE_DEMCR_TRACE;
    TCE_DWT_CYCCNT = 0;
    TCE_DWT_CTRL |= TCE_DWT_COUNTS;
    *port = (tce_port){0};
    tce_interrupts_on();
    return TCE_PORT_OK;
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    audio->overruns = 0;
    audio->heard = 0;
    audio->ended = 0;
    port->capture = audio;
    capture = audio;
    half_time = audio->samples * tce_chip_sample_ns / 1000U;
    due = 0;
    return tce_chip_audio_start(audio);
}

/* A DMA that runs on while nobody looks leaves no trace of how often it went round: the clock tells. A call that comes
 * a whole half late finds the half before this one overwritten. */
void tce_port_arm_half(const int16_t *half, int lost) {
    const uint32_t now = tce_chip_microseconds();
    if (due == 0U || (int32_t)(now - due) < 0) { /* the earliest call is the one that was in time */
        due = now;
    }
    const uint32_t late = (now - due) / half_time;
    if (lost != 0 || late != 0U) {
        capture->overruns++;
    }
    due += (late + 1U) * half_time;
    capture->heard++;
    capture->taken(capture->context, half, capture->samples);
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    tce_chip_serial_write((const uint8_t *)text, length);
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    (void)name;
    return otherwise;
}

uint32_t tce_port_cycles(void) {
    return TCE_DWT_CYCCNT;
}

tce_port_reset tce_port_reset_cause(void) {
    return reset_cause;
}

/* A watchdog that runs resets the chip from here; so does a debugger. */
_Noreturn void tce_port_exit(int32_t code) {
    (void)code;
    tce_interrupts_off();
    for (;;) {
        tce_sleep();
    }
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    const uint32_t sector = (uint32_t)(uintptr_t)tce_ld_labels_sector;
    const uint32_t room = (uint32_t)((uintptr_t)tce_ld_labels_end - (uintptr_t)tce_ld_labels_start);
    *link = (tce_port_link){0};
    *flash = (tce_flash){
        .memory = tce_ld_labels_start,
        .sector_bytes = sector,
        .slot_sectors = sector == 0U ? 0U : room / sector / 2U,
        .program_bytes = (uint32_t)(uintptr_t)tce_ld_labels_unit,
        .erase = tce_chip_flash_erase,
        .program = tce_chip_flash_program,
        .background = tce_chip_flash_background,
    };
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    const uint32_t tick = TCE_PORT_TICK_MS * 1000U;
    const uint32_t begun = tce_chip_microseconds();
    tce_port_audio *audio = port->capture;
    (void)link;
    tce_chip_alarm(tick);
    for (;;) {
        int events = 0;
        tce_interrupts_off(); /* what comes from here on makes tce_sleep return at once */
        if (tce_chip_serial_read(NULL, 0) != 0) {
            events |= TCE_PORT_BYTES;
        }
        if (sound != 0 && audio != NULL && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && tce_chip_microseconds() - begun >= tick) {
            events = TCE_PORT_TICK;
        }
        if (events == 0) {
            tce_sleep();
        }
        tce_interrupts_on();
        if (events != 0) {
            return events;
        }
    }
}

uint32_t tce_port_link_microseconds(void) {
    return tce_chip_microseconds();
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    return tce_chip_serial_read(bytes, capacity);
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    tce_chip_serial_write(bytes, count);
}
