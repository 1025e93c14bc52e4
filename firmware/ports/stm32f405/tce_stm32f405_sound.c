/*   PLLI2S: 1 MHz x 256 / 5 = 51.2 MHz;  / (2 x 25) = 1.024 MHz bit clock */
#include "tce_stm32f405_sound.h"

#include "tce_chip.h"
#include "tce_scs.h"

enum {
    AUDIO_INTERRUPT = 14, /* DMA1 stream 3 */
    STREAM = 3,
    PLLI2SON = 1U << 26,
    PLLI2SRDY = 1U << 27,
    PLLI2S_51_2_MHZ = 256U << 6 | 5U << 28,
    RXDMAEN = 1U << 0,
    OVERRUN = 1U << 6,
    I2S_MODE = 1U << 11,
    I2S_ENABLE = 1U << 10,
    I2S_MASTER_RECEIVE = 3U << 8,
    I2S_DIVIDE_50 = 25
};

int tce_stm32f405_sound_start(tce_i2s_slots slots, void *first, void *second, uint32_t count) {
    TCE_RCC->PLLI2SCFGR = PLLI2S_51_2_MHZ;
    TCE_RCC->CR |= PLLI2SON;
    if (tce_await(&TCE_RCC->CR, PLLI2SRDY, PLLI2SRDY) == 0) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_stm32_pin(TCE_GPIOB, 13, TCE_AF_SPI2);
    tce_stm32_pin(TCE_GPIOB, 15, TCE_AF_SPI2);
    tce_stm32_dma_halves(&TCE_DMA1->S[STREAM], TCE_DMA_16_BITS, &TCE_SPI2->DR, first, second, count); /* channel 0 */
    tce_interrupt_enable(AUDIO_INTERRUPT);
    TCE_SPI2->I2SCFGR = I2S_MODE | I2S_MASTER_RECEIVE | (uint32_t)slots;
    TCE_SPI2->I2SPR = I2S_DIVIDE_50;
    TCE_SPI2->CR2 = RXDMAEN;
    TCE_SPI2->I2SCFGR |= I2S_ENABLE;
    return TCE_PORT_OK;
}

uint32_t tce_stm32f405_sound_full(int *lost) {
    if ((TCE_SPI2->SR & OVERRUN) != 0U) { /* reading the data, then the status again, forgets it */
        (void)TCE_SPI2->DR;
        (void)TCE_SPI2->SR;
        *lost = 1;
    }
    return tce_stm32_dma_full(TCE_DMA1, STREAM, lost);
}
