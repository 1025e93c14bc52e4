// tce_port under Arduino: text and link over Serial at 115,200 baud, a microphone by one of Arduino's libraries. Labels
// are the image's, since Arduino has no flash that every board shares; there is no watchdog, and nothing is kept.
//
// Checked by a compiler against stand-ins of Arduino, and run with them on a PC; never built with Arduino, nor run on a
// board.
#include "tce_microphone.h"

static tce_port_audio *capture;
static uint32_t filled; // samples of the half that is being filled
static uint32_t half;

void tce_microphone_push(const int16_t *samples, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        capture->halves[half * capture->samples + filled] = samples[i];
        if (++filled == capture->samples) {
            filled = 0;
            capture->taken(capture->context, capture->halves + half * capture->samples, capture->samples);
            capture->heard = capture->heard + 1U;
            half = 1U - half;
        }
    }
}

int tce_port_open(tce_port *port) {
    *port = tce_port{};
    Serial.begin(115200);
    return TCE_PORT_OK;
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    audio->overruns = 0;
    audio->heard = 0;
    audio->ended = 0;
    port->capture = audio;
    capture = audio;
    filled = 0;
    half = 0;
    return tce_microphone_start(audio) ? TCE_PORT_OK : TCE_PORT_ERR_AUDIO;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    (void)port;
    (void)pcm;
    (void)count;
    return 0; // sound comes by itself
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    Serial.write(reinterpret_cast<const uint8_t *>(text), length);
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    (void)name;
    return otherwise;
}

uint32_t tce_port_stack_bytes(void) {
    return 0; // Arduino does not say
}

uint32_t tce_port_cycles(void) {
    return 0;
}

tce_port_reset tce_port_reset_cause(void) {
    return TCE_PORT_RESET_POWER;
}

uint16_t tce_port_kept(void) {
    return 0;
}

void tce_port_keep(uint16_t value) {
    (void)value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    (void)milliseconds;
}

void tce_port_watchdog_feed(void) {}

void tce_port_exit(int32_t code) {
    (void)code; // the application has said why
    for (;;) {
        delay(1000);
    }
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    *link = tce_port_link{};
    *flash = tce_flash{};
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    tce_port_audio *audio = port->capture;
    const uint32_t begun = static_cast<uint32_t>(millis());
    (void)link;
    for (;;) {
        if (audio != nullptr) {
            tce_microphone_poll();
        }
        int events = Serial.available() > 0 ? TCE_PORT_BYTES : 0;
        if (sound != 0 && audio != nullptr && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && static_cast<uint32_t>(millis()) - begun >= static_cast<uint32_t>(TCE_PORT_TICK_MS)) {
            events = TCE_PORT_TICK;
        }
        if (events != 0) {
            return events;
        }
        delay(1);
    }
}

uint32_t tce_port_link_microseconds(void) {
    return static_cast<uint32_t>(micros());
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    if (capture != nullptr) {
        tce_microphone_poll(); // the application reads between two layers of the encoder
    }
    int32_t count = 0;
    while (count < capacity && Serial.available() > 0) {
        bytes[count++] = static_cast<uint8_t>(Serial.read());
    }
    return count;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    Serial.write(bytes, count);
}

void setup() {
    tce_port_exit(tce_app_main());
}

void loop() {}
