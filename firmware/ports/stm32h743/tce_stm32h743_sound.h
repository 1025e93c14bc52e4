/* SAI1 block A as a master that receives, for a microphone's driver: DMA1 stream 0. */
#ifndef TCE_STM32H743_SOUND_H
#define TCE_STM32H743_SOUND_H

#include "tce_stm32_chip.h"

/* What a driver says of its frames; registers by their names, RM0433 chapter 51. */
typedef struct {
    uint32_t cr1; /* data size, edge, divider of 51.2 MHz; master receive, DMA and no master clock are added */
    uint32_t frcr, slotr;
    uint32_t item; /* TCE_DMA_16_BITS, or 0 for bytes */
} tce_sai_frames;

/* Fills both buffers in turn, `count` items each. TCE_PORT_OK or TCE_PORT_ERR_AUDIO. */
int tce_stm32h743_sound_start(const tce_sai_frames *frames, void *first, void *second, uint32_t count);

/* In tce_stm32_audio_interrupt: which buffer is full. *lost becomes 1 when sound was lost. */
uint32_t tce_stm32h743_sound_full(int *lost);

#endif
