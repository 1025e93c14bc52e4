/* A microphone with I2S output (INMP441, ICS-43434 ...) on SAI1 block A: PE5 clock, PE4 word select, PE6 data; its L/R
 * pin to ground. The chip is the master: frames of two slots of 32 bits, of which the first 16 bits of the first slot,
 * the left channel, are taken. DMA1 stream 0 fills the application's two halves in turn, without a copy.
 *
 *   PLL3 P: 51.2 MHz / 50 = 1.024 MHz bit clock;  / 64 = 16,000 frames a second */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32h743_sound.h"

enum {
    AF6 = 6,
    DATA_16_BITS = 4U << 5, /* CR1 */
    SAMPLE_RISING = 1U << 9,
    DIVIDE_50 = 50U << 20,
    /* a frame of 64 bits, word select low for the first 32, changing one bit before a slot: I2S */
    FRAME_I2S = 63U | 31U << 8 | 1U << 16 | 1U << 18,
    SLOTS_2_OF_32_BITS_FIRST_ONLY = 2U << 6 | 1U << 8 | 1U << 16
};

const uint32_t tce_chip_sample_ns = 62500;

static tce_port_audio *capture;

int tce_chip_audio_start(tce_port_audio *audio) {
    static const tce_sai_frames frames = {
        .cr1 = DATA_16_BITS | SAMPLE_RISING | DIVIDE_50,
        .frcr = FRAME_I2S,
        .slotr = SLOTS_2_OF_32_BITS_FIRST_ONLY,
        .item = TCE_DMA_16_BITS,
    };
    capture = audio;
    tce_stm32_pin(TCE_GPIOE, 4, AF6);
    tce_stm32_pin(TCE_GPIOE, 5, AF6);
    tce_stm32_pin(TCE_GPIOE, 6, AF6);
    return tce_stm32h743_sound_start(&frames, audio->halves, audio->halves + audio->samples, audio->samples);
}

void tce_stm32_audio_interrupt(void) {
    int lost = 0;
    const uint32_t full = tce_stm32h743_sound_full(&lost);
    tce_port_arm_half(capture->halves + full * capture->samples, lost);
    tce_barrier();
}
