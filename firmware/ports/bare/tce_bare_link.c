#include "tce_bare.h"

#include <stddef.h>

enum { RING_BYTES = 1024 /* a power of two, above the link's largest request */ };

static uint8_t ring[RING_BYTES];
static volatile uint32_t ring_in; /* bytes ever received; the interrupt's */
static uint32_t ring_out;         /* bytes ever taken */
static tce_port_audio *capture;

void tce_bare_received(uint8_t byte) {
    if (ring_in - ring_out < RING_BYTES) {
        ring[ring_in % RING_BYTES] = byte;
        ring_in = ring_in + 1U;
    }
}

static void send(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        tce_bare_send(bytes[i]);
    }
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    send((const uint8_t *)text, length);
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    send(bytes, count);
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    int32_t count = 0;
    for (; count < capacity && ring_out != ring_in; ++count) {
        bytes[count] = ring[ring_out % RING_BYTES];
        ring_out = ring_out + 1U;
    }
    return count;
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    (void)link;
    tce_port_audio *audio = port->capture;
    const uint32_t tick = TCE_PORT_TICK_MS * 1000U;
    const uint32_t since = tce_port_link_microseconds();
    tce_bare_alarm(tick);
    for (;;) {
        /* Looked at with interrupts off, so that nothing comes between the look and the sleep: WFI wakes all the same.
         */
        const uint32_t before = tce_bare_lock();
        int events = ring_out != ring_in ? TCE_PORT_BYTES : 0;
        if (sound != 0 && audio != NULL && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && tce_port_link_microseconds() - since >= tick) {
            events = TCE_PORT_TICK;
        }
        if (events == 0) {
            __asm__ volatile("wfi" : : : "memory");
        }
        tce_bare_unlock(before);
        if (events != 0) {
            return events;
        }
    }
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    audio->overruns = 0;
    audio->heard = 0;
    audio->ended = 0;
    port->capture = audio;
    capture = audio;
    return tce_bare_microphone_start(audio);
}

void tce_bare_half(const int16_t *half, int lost) {
    if (lost != 0) {
        capture->overruns = capture->overruns + 1U;
    }
    capture->taken(capture->context, half, capture->samples);
    capture->heard = capture->heard + 1U;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    (void)port;
    (void)pcm;
    (void)count;
    return 0; /* sound comes by interrupts */
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    (void)name;
    return otherwise;
}

tce_flash tce_bare_flash(void) {
    const uint32_t sector = (uint32_t)(uintptr_t)tce_ld_labels_sector;
    const uint32_t room = (uint32_t)((uintptr_t)tce_ld_labels_end - (uintptr_t)tce_ld_labels_start);
    return (tce_flash){
        .memory = tce_ld_labels_start,
        .sector_bytes = sector,
        .slot_sectors = sector == 0U ? 0U : room / sector / 2U,
        .program_bytes = (uint32_t)(uintptr_t)tce_ld_labels_unit,
    };
}
