/* A PDM microphone (MP34DT05 ...): data GPIO2, clock GPIO3; its L/R pin to ground. The state machine makes the clock of
 * 1.024 MHz and takes a bit when it rises: what the microphone has put there while it was low. tce_pdm.c makes sound of
 * the bits, which takes this core about a fifth of its time. */
#include "tce_pdm.h"
#include "tce_rp2040_sound.h"

/* Side-set: one bit, the clock. */
static const uint16_t program[] = {
    /* 0 */ TCE_PIO_NOP,
    /* 1 */ TCE_PIO_IN_PIN | 1U << 12,
};

static uint8_t bits[2][TCE_PDM_CHUNK_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_pdm pdm;

static void full(uint32_t buffer, int lost) {
    tce_pdm_take(&pdm, bits[buffer], lost);
}

int tce_bare_microphone_start(tce_port_audio *audio) {
    const tce_rp2040_sound sound = {
        .program = program,
        .program_words = sizeof program / sizeof program[0],
        .clocks = 1,
        .buffers = {bits[0], bits[1]},
        .halfwords = TCE_PDM_CHUNK_BYTES / 2U,
        .full = full,
    };
    if (audio->samples == 0U) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_pdm_open(&pdm, audio, TCE_PDM_BY_HALF_WORDS, tce_bare_half);
    tce_rp2040_sound_start(&sound);
    return TCE_PORT_OK;
}
