/* SPI2 in I2S mode as a master that receives, for a microphone's driver: PB13 clock, PB15 data, DMA1 stream 3. */
#ifndef TCE_STM32F405_SOUND_H
#define TCE_STM32F405_SOUND_H

#include "tce_stm32_chip.h"

enum { TCE_AF_SPI2 = 5 };

/* Slots of a frame, with 16 bits of data each: I2SCFGR's CHLEN. The bit clock is the same. */
typedef enum { TCE_I2S_SLOTS_16_BITS = 0, TCE_I2S_SLOTS_32_BITS = 1 } tce_i2s_slots;

/* Fills both buffers in turn, `count` half words each, at a bit clock of 1.024 MHz. TCE_PORT_OK or
 * TCE_PORT_ERR_AUDIO. */
int tce_stm32f405_sound_start(tce_i2s_slots slots, void *first, void *second, uint32_t count);

/* In tce_stm32_audio_interrupt: which buffer is full. *lost becomes 1 when sound was lost. */
uint32_t tce_stm32f405_sound_full(int *lost);

#endif
