/* A microphone with I2S output (INMP441, ICS-43434 ...): clock GPIO4, word select GPIO5, data GPIO6; its L/R pin to
 * ground. 16 of the left slot's 32 bits go into the application's halves. */
#include "tce_esp32c3_sound.h"

static tce_port_audio *capture;

static void full(uint32_t buffer, int lost) {
    tce_bare_half(capture->halves + buffer * capture->samples, lost);
}

int tce_bare_microphone_start(tce_port_audio *audio) {
    const tce_esp32c3_sound sound = {
        .slot_bits = 32,
        .slots = 1,
        .buffers = {audio->halves, audio->halves + audio->samples},
        .bytes = audio->samples * (uint32_t)sizeof(int16_t),
        .full = full,
    };
    capture = audio;
    return tce_esp32c3_sound_start(&sound);
}
