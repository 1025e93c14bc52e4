/* A microphone with I2S output (INMP441, ICS-43434 ...) on SAI1 block A: PE5 clock, PE4 word select, PE6 data; its L/R
 * pin to ground. The chip is the master: frames of two slots of 32 bits, of which the first 16 bits of the first slot,
 * the left channel, are taken. DMA1 stream 0 fills the application's two halves in turn, without a copy.
 *
 *   PLL3 P: 51.2 MHz / 50 = 1.024 MHz bit clock;  / 64 = 16,000 frames a second */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

enum {
    REQUEST_SAI1_A = 87, /* DMAMUX1 */
    AUDIO_INTERRUPT = 11,
    STREAM = 0,
    AF6 = 6
};

enum {
    PLL3ON = 1U << 28,
    PLL3RDY = 1U << 29,
    SAI1_FROM_PLL3_P = 2, /* D2CCIP1R */
    MASTER_RECEIVE = 1,   /* CR1 */
    DATA_16_BITS = 4U << 5,
    SAMPLE_RISING = 1U << 9,
    SAI_ON = 1U << 16,
    SAI_DMA = 1U << 17,
    NO_MASTER_CLOCK = 1U << 19,
    DIVIDE_50 = 50U << 20,
    FLUSH = 1U << 3, /* CR2: empties the FIFO */
    /* a frame of 64 bits, word select low for the first 32, changing one bit before a slot: I2S */
    FRAME_I2S = 63U | 31U << 8 | 1U << 16 | 1U << 18,
    SLOTS_2_OF_32_BITS_FIRST_ONLY = 2U << 6 | 1U << 8 | 1U << 16,
    OVERRUN = 1U << 0 /* SR, and CLRFR to clear it */
};

static tce_port_audio *capture;

int tce_chip_audio_start(tce_port_audio *audio) {
    capture = audio;
    TCE_RCC->CR |= PLL3ON;
    if (tce_await(&TCE_RCC->CR, PLL3RDY, PLL3RDY) == 0) {
        return TCE_PORT_ERR_AUDIO;
    }
    TCE_RCC->D2CCIP1R = (TCE_RCC->D2CCIP1R & ~7U) | SAI1_FROM_PLL3_P;
    tce_stm32_pin(TCE_GPIOE, 4, AF6);
    tce_stm32_pin(TCE_GPIOE, 5, AF6);
    tce_stm32_pin(TCE_GPIOE, 6, AF6);
    TCE_DMAMUX1[STREAM] = REQUEST_SAI1_A;
    tce_stm32_dma_halves(&TCE_DMA1->S[STREAM], 0, &TCE_SAI1_A->DR, audio->halves, audio->halves + audio->samples,
                         audio->samples);
    tce_interrupt_enable(AUDIO_INTERRUPT);
    TCE_SAI1_A->CR2 = FLUSH;
    TCE_SAI1_A->FRCR = FRAME_I2S;
    TCE_SAI1_A->SLOTR = SLOTS_2_OF_32_BITS_FIRST_ONLY;
    TCE_SAI1_A->CR1 = MASTER_RECEIVE | DATA_16_BITS | SAMPLE_RISING | NO_MASTER_CLOCK | DIVIDE_50 | SAI_DMA;
    TCE_SAI1_A->CR1 |= SAI_ON;
    return TCE_PORT_OK;
}

void tce_stm32_audio_interrupt(void) {
    const uint32_t flags = TCE_DMA1->LISR >> tce_stm32_dma_shift(STREAM);
    TCE_DMA1->LIFCR = (uint32_t)TCE_DMA_FLAGS << tce_stm32_dma_shift(STREAM);
    const uint32_t full = (TCE_DMA1->S[STREAM].CR & TCE_DMA_CURRENT_1) != 0U ? 0 : 1;
    const int lost = (TCE_SAI1_A->SR & OVERRUN) != 0U;
    TCE_SAI1_A->CLRFR = OVERRUN;
    tce_port_arm_half(capture->halves + full * capture->samples, lost != 0 || (flags & TCE_DMA_TRANSFER_ERROR) != 0U);
    tce_barrier();
}
