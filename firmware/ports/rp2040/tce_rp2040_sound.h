/* A microphone of the RP2040: a PIO program makes its clocks and takes its bits, DMA fills two buffers without the
 * core.
 *
 * Four DMA channels turn in a circle: one fills buffer 0, one restores its address, one fills buffer 1, one restores
 * its address. The core only hears that a buffer is full; when it comes too late, one is lost and counted, and never
 * does anything land outside the buffers. */
#ifndef TCE_RP2040_SOUND_H
#define TCE_RP2040_SOUND_H

#include "tce_bare.h"
#include "tce_rp2040.h"

/* RP2040 datasheet 3.4: encodings of the instructions that microphones need, before their side-set. */
#define TCE_PIO_SET_X(n)     (0xE020U | (uint32_t)(n))
#define TCE_PIO_JMP_X_DEC(n) (0x0040U | (uint32_t)(n))
#define TCE_PIO_IN_PIN       0x4001U
#define TCE_PIO_NOP          0xA042U

/* Every program takes 128 cycles a sample: 133 MHz / (16 kHz x 128) = 64 + 241/256, exactly. */
enum { TCE_RP2040_CYCLES_A_SAMPLE = 128 };

typedef struct {
    const uint16_t *program; /* pushes 16 bits at a time, the first one highest */
    uint32_t program_words;
    uint32_t clocks;    /* side-set pins from TCE_RP2040_PIN_BCK on: 1, or 2 with the word select */
    void *buffers[2];   /* of half words */
    uint32_t halfwords; /* of each */
    void (*full)(uint32_t buffer, int lost);
} tce_rp2040_sound;

/* Starts it; `sound` is copied. */
void tce_rp2040_sound_start(const tce_rp2040_sound *sound);

#endif
