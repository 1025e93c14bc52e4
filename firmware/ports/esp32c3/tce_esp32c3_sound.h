/* A microphone of the ESP32-C3: the I2S receiver as a master, two buffers by GDMA and two linked descriptors. */
#ifndef TCE_ESP32C3_SOUND_H
#define TCE_ESP32C3_SOUND_H

#include "tce_bare.h"
#include "tce_esp32c3.h"

typedef struct {
    uint32_t slot_bits; /* of each of two slots, 16 of which are kept */
    uint32_t slots;     /* bit 0: the left one is taken; bit 1: the right one */
    void *buffers[2];
    uint32_t bytes; /* of each: whole words, at most 4,092 */
    void (*full)(uint32_t buffer, int lost);
} tce_esp32c3_sound;

/* Starts it, at a bit clock of 1.024 MHz; `sound` is copied. TCE_PORT_OK or TCE_PORT_ERR_AUDIO. */
int tce_esp32c3_sound_start(const tce_esp32c3_sound *sound);

#endif
