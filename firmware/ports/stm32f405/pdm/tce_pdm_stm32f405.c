/* A PDM microphone (MP34DT05 ...) on SPI2 in I2S mode: PB13 clock, PB15 data; its L/R pin to ground. The chip has no
 * interface for one, but I2S of two slots of 16 bits has no gap between them: its clock of 1.024 MHz is the
 * microphone's, the word select stays inside, and all that comes in is bits. tce_pdm.c makes sound of them. */
#include "tce_chip.h"
#include "tce_pdm.h"
#include "tce_scs.h"
#include "tce_stm32f405_sound.h"

const uint32_t tce_chip_sample_ns = 62500;

static uint8_t bits[2][TCE_PDM_CHUNK_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_pdm pdm;

int tce_chip_audio_start(tce_port_audio *audio) {
    if (audio->samples == 0U) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_pdm_open(&pdm, audio, TCE_PDM_BY_HALF_WORDS, tce_port_arm_half);
    return tce_stm32f405_sound_start(TCE_I2S_SLOTS_16_BITS, bits[0], bits[1], TCE_PDM_CHUNK_BYTES / 2U);
}

void tce_stm32_audio_interrupt(void) {
    int lost = 0;
    const uint32_t full = tce_stm32f405_sound_full(&lost);
    tce_pdm_take(&pdm, bits[full], lost);
    tce_barrier();
}
