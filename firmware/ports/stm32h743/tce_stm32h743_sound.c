#include "tce_stm32h743_sound.h"

#include "tce_chip.h"
#include "tce_scs.h"

enum {
    REQUEST_SAI1_A = 87, /* DMAMUX1 */
    AUDIO_INTERRUPT = 11,
    STREAM = 0,
    PLL3ON = 1U << 28,
    PLL3RDY = 1U << 29,
    SAI1_FROM_PLL3_P = 2, /* D2CCIP1R */
    MASTER_RECEIVE = 1,   /* CR1 */
    SAI_ON = 1U << 16,
    SAI_DMA = 1U << 17,
    NO_MASTER_CLOCK = 1U << 19,
    FLUSH = 1U << 3,  /* CR2: empties the FIFO */
    OVERRUN = 1U << 0 /* SR, and CLRFR to clear it */
};

int tce_stm32h743_sound_start(const tce_sai_frames *frames, void *first, void *second, uint32_t count) {
    TCE_RCC->CR |= PLL3ON;
    if (tce_await(&TCE_RCC->CR, PLL3RDY, PLL3RDY) == 0) {
        return TCE_PORT_ERR_AUDIO;
    }
    TCE_RCC->D2CCIP1R = (TCE_RCC->D2CCIP1R & ~7U) | SAI1_FROM_PLL3_P;
    TCE_DMAMUX1[STREAM] = REQUEST_SAI1_A;
    tce_stm32_dma_halves(&TCE_DMA1->S[STREAM], frames->item, &TCE_SAI1_A->DR, first, second, count);
    tce_interrupt_enable(AUDIO_INTERRUPT);
    TCE_SAI1_A->CR2 = FLUSH;
    TCE_SAI1_A->FRCR = frames->frcr;
    TCE_SAI1_A->SLOTR = frames->slotr;
    TCE_SAI1_A->CR1 = frames->cr1 | MASTER_RECEIVE | NO_MASTER_CLOCK | SAI_DMA;
    TCE_SAI1_A->CR1 |= SAI_ON;
    return TCE_PORT_OK;
}

uint32_t tce_stm32h743_sound_full(int *lost) {
    if ((TCE_SAI1_A->SR & OVERRUN) != 0U) {
        TCE_SAI1_A->CLRFR = OVERRUN;
        *lost = 1;
    }
    return tce_stm32_dma_full(TCE_DMA1, STREAM, lost);
}
