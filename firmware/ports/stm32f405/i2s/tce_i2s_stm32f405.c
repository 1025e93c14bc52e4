/* A microphone with I2S output (INMP441, ICS-43434 ...) on SPI2 in I2S mode: PB13 clock, PB12 word select, PB15 data;
 * its L/R pin to ground. The chip is the master: frames of two slots of 32 bits, of which the first 16 bits are taken.
 * DMA1 stream 3 fills two buffers in turn; the microphone's is the left channel: 1.024 MHz / 64 = 16,000 frames a
 * second. */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32f405_sound.h"

enum { HALF_MAX = 512 /* samples of a half */ };

const uint32_t tce_chip_sample_ns = 62500;

static int16_t frames[2][HALF_MAX][2] __attribute__((section(".bss.tce_dma"), aligned(32))); /* left, right */
static tce_port_audio *capture;

int tce_chip_audio_start(tce_port_audio *audio) {
    if (audio->samples == 0U || audio->samples > HALF_MAX) {
        return TCE_PORT_ERR_AUDIO;
    }
    capture = audio;
    tce_stm32_pin(TCE_GPIOB, 12, TCE_AF_SPI2);
    return tce_stm32f405_sound_start(TCE_I2S_SLOTS_32_BITS, frames[0], frames[1], 2U * audio->samples);
}

void tce_stm32_audio_interrupt(void) {
    int lost = 0;
    const uint32_t full = tce_stm32f405_sound_full(&lost);
    int16_t *half = capture->halves + full * capture->samples;
    for (uint32_t i = 0; i < capture->samples; ++i) {
        half[i] = frames[full][i][0];
    }
    tce_port_arm_half(half, lost);
    tce_barrier();
}
