/* A PDM microphone (MP34DT05 ...): clock GPIO4, data GPIO6; its L/R pin to ground. The chip's receiver has no filter
 * for one, but two slots of 16 bits leave no gap: its bit clock of 1.024 MHz is the microphone's, and all that comes in
 * is bits. tce_pdm.c makes sound of them. GPIO5 gives the word select, which nothing is wired to. */
#include "tce_esp32c3_sound.h"
#include "tce_pdm.h"

static uint8_t bits[2][TCE_PDM_CHUNK_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_pdm pdm;

static void full(uint32_t buffer, int lost) {
    tce_pdm_take(&pdm, bits[buffer], lost);
}

int tce_bare_microphone_start(tce_port_audio *audio) {
    const tce_esp32c3_sound sound = {
        .slot_bits = 16,
        .slots = 3,
        .buffers = {bits[0], bits[1]},
        .bytes = TCE_PDM_CHUNK_BYTES,
        .full = full,
    };
    if (audio->samples == 0U) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_pdm_open(&pdm, audio, TCE_PDM_BY_HALF_WORDS, tce_bare_half);
    return tce_esp32c3_sound_start(&sound);
}
