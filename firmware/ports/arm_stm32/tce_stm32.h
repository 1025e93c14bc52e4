/* Peripherals that an STM32F4 and an STM32H7 share register by register: pins, DMA streams, TIM2, independent watchdog,
 * backup register. RM0090 (STM32F405) chapters 8, 10, 18, 21, 26; RM0433 (STM32H743) chapters 11, 15, 39, 46, 47.
 * Only what the ports use is named; the base addresses are the chip's. */
#ifndef TCE_STM32_H
#define TCE_STM32_H

#include <stdint.h>

#include "tce_port.h"

typedef volatile uint32_t tce_reg;

typedef struct {
    tce_reg MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFR[2];
} tce_stm32_gpio;

typedef struct {
    tce_reg CR, NDTR, PAR, M0AR, M1AR, FCR;
} tce_stm32_stream;

typedef struct {
    tce_reg LISR, HISR, LIFCR, HIFCR; /* flags of streams 0 to 3 and 4 to 7, and what clears them */
    tce_stm32_stream S[8];
} tce_stm32_dma;

typedef struct {
    tce_reg CR1, CR2, SMCR, DIER, SR, EGR, CCMR1, CCMR2, CCER, CNT, PSC, ARR, RCR, CCR1;
} tce_stm32_timer;

typedef struct {
    tce_reg KR, PR, RLR, SR;
} tce_stm32_iwdg;

enum { /* a stream's CR */
       TCE_DMA_EN = 1U << 0,
       TCE_DMA_TEIE = 1U << 2, /* interrupts: transfer error, half done, all done */
       TCE_DMA_HTIE = 1U << 3,
       TCE_DMA_TCIE = 1U << 4,
       TCE_DMA_CIRC = 1U << 8,
       TCE_DMA_MINC = 1U << 10,    /* the memory address moves on */
       TCE_DMA_16_BITS = 5U << 11, /* both sides in half words; 0: bytes */
       TCE_DMA_PRIORITY_HIGH = 2U << 16,
       TCE_DMA_DOUBLE = 1U << 18,   /* M0AR and M1AR in turn */
       TCE_DMA_CURRENT_1 = 1U << 19 /* M1AR is being filled */
};

enum {
    TCE_DMA_FLAGS = 0x3DU,
    TCE_DMA_TRANSFER_ERROR = 1U << 3
}; /* of one stream in LISR or HISR, from its first bit on */

/* The first bit of a stream's flags. */
static inline uint32_t tce_stm32_dma_shift(uint32_t stream) {
    return (stream % 4U / 2U) * 16U + (stream % 2U) * 6U;
}

/* A pin to an alternate function, or with function 16 to a plain output. */
void tce_stm32_pin(tce_stm32_gpio *port, uint32_t pin, uint32_t function);

/* Handlers of TIM2 and of the stream that fills the halves. */
void tce_stm32_timer_interrupt(void);
void tce_stm32_audio_interrupt(void);

/* TIM2 as a clock of microseconds with an alarm; its input runs at `hz`. */
void tce_stm32_clock_open(uint32_t hz);

/* Fills two buffers in turn from `source`, `count` items each. control: the stream's channel, and TCE_DMA_16_BITS for
 * items of a half word instead of a byte. */
void tce_stm32_dma_halves(tce_stm32_stream *stream, uint32_t control, tce_reg *source, void *first, void *second,
                          uint32_t count);

/* In the interrupt of such a stream, one of the first four: which buffer is full. *lost becomes 1 behind an error. */
uint32_t tce_stm32_dma_full(tce_stm32_dma *dma, uint32_t stream, int *lost);

/* tce_stm32_line.c, the serial line: DMA fills a ring from `source`, the receive register, for ever, and interrupts in
 * its middle and at its end. The chip names the stream (TCE_RING_DMA, TCE_RING_STREAM), the registers that it sends by
 * (TCE_LINE_STATUS, TCE_LINE_OUT), and sets up the rest. channel: of the stream. */
void tce_stm32_line_open(uint32_t channel, tce_reg *source);

/* The handler of that stream: the ring is looked at by whoever sleeps. */
void tce_stm32_ring_interrupt(void);

/* Why the chip started, by the flags that it names (TCE_RESETS ...), which are forgotten. */
tce_port_reset tce_stm32_reset_cause(void);

#endif
