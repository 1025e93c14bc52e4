/* A microphone with I2S output (INMP441, ICS-43434 ...) on SPI2 in I2S mode: PB13 clock, PB12 word select, PB15 data;
 * its L/R pin to ground. The chip is the master: frames of two slots of 32 bits, of which the first 16 bits are taken.
 * DMA1 stream 3 fills two buffers in turn; the microphone's is the left channel.
 *
 *   PLLI2S: 1 MHz x 256 / 5 = 51.2 MHz;  / (2 x 25) = 1.024 MHz bit clock;  / 64 = 16,000 frames a second */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

enum {
    HALF_MAX = 512,       /* samples of a half */
    AUDIO_INTERRUPT = 14, /* DMA1 stream 3 */
    STREAM = 3,
    AF5 = 5
};

enum {
    PLLI2SON = 1U << 26,
    PLLI2SRDY = 1U << 27,
    PLLI2S_51_2_MHZ = 256U << 6 | 5U << 28,
    RXDMAEN = 1U << 0,
    OVERRUN = 1U << 6,
    I2S_MODE = 1U << 11,
    I2S_ENABLE = 1U << 10,
    I2S_MASTER_RECEIVE = 3U << 8,
    I2S_32_BIT_SLOTS = 1U << 0, /* with 16 bits of data */
    I2S_DIVIDE_50 = 25
};

static int16_t frames[2][HALF_MAX][2] __attribute__((section(".bss.tce_dma"), aligned(32))); /* left, right */
static tce_port_audio *capture;

int tce_chip_audio_start(tce_port_audio *audio) {
    if (audio->samples == 0U || audio->samples > HALF_MAX) {
        return TCE_PORT_ERR_AUDIO;
    }
    capture = audio;
    TCE_RCC->PLLI2SCFGR = PLLI2S_51_2_MHZ;
    TCE_RCC->CR |= PLLI2SON;
    if (tce_await(&TCE_RCC->CR, PLLI2SRDY, PLLI2SRDY) == 0) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_stm32_pin(TCE_GPIOB, 12, AF5);
    tce_stm32_pin(TCE_GPIOB, 13, AF5);
    tce_stm32_pin(TCE_GPIOB, 15, AF5);
    tce_stm32_dma_halves(&TCE_DMA1->S[STREAM], 0, &TCE_SPI2->DR, frames[0], frames[1], 2U * audio->samples);
    tce_interrupt_enable(AUDIO_INTERRUPT);
    TCE_SPI2->I2SCFGR = I2S_MODE | I2S_MASTER_RECEIVE | I2S_32_BIT_SLOTS;
    TCE_SPI2->I2SPR = I2S_DIVIDE_50;
    TCE_SPI2->CR2 = RXDMAEN;
    TCE_SPI2->I2SCFGR |= I2S_ENABLE;
    return TCE_PORT_OK;
}

void tce_stm32_audio_interrupt(void) {
    const uint32_t flags = TCE_DMA1->LISR >> tce_stm32_dma_shift(STREAM);
    TCE_DMA1->LIFCR = (uint32_t)TCE_DMA_FLAGS << tce_stm32_dma_shift(STREAM);
    const uint32_t full = (TCE_DMA1->S[STREAM].CR & TCE_DMA_CURRENT_1) != 0U ? 0 : 1;
    const int lost = (TCE_SPI2->SR & OVERRUN) != 0U;
    if (lost) { /* reading the data, then the status again, forgets it */
        (void)TCE_SPI2->DR;
        (void)TCE_SPI2->SR;
    }
    int16_t *half = capture->halves + full * capture->samples;
    for (uint32_t i = 0; i < capture->samples; ++i) {
        half[i] = frames[full][i][0];
    }
    tce_port_arm_half(half, lost != 0 || (flags & TCE_DMA_TRANSFER_ERROR) != 0U);
    tce_barrier();
}
