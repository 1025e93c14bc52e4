#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

enum {
    RING_BYTES = 512,
    TXE = 1U << 7 /* the data register is empty, on both */
};

static uint8_t ring[RING_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static uint32_t ring_taken;

void tce_stm32_line_open(uint32_t channel, tce_reg *source) {
    tce_stm32_stream *stream = &TCE_RING_DMA->S[TCE_RING_STREAM];
    ring_taken = 0;
    stream->CR = 0;
    (void)tce_await(&stream->CR, TCE_DMA_EN, 0);
    stream->PAR = (uint32_t)(uintptr_t)source;
    stream->M0AR = (uint32_t)(uintptr_t)ring;
    stream->NDTR = RING_BYTES;
    stream->CR = channel | TCE_DMA_CIRC | TCE_DMA_MINC | TCE_DMA_HTIE | TCE_DMA_TCIE;
    stream->CR |= TCE_DMA_EN;
}

void tce_chip_serial_write(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        (void)tce_await(&TCE_LINE_STATUS, TXE, TXE);
        TCE_LINE_OUT = bytes[i];
    }
}

int32_t tce_chip_serial_read(uint8_t *bytes, int32_t capacity) {
    const uint32_t filled = (RING_BYTES - TCE_RING_DMA->S[TCE_RING_STREAM].NDTR) % RING_BYTES;
    if (capacity == 0) {
        return ring_taken != filled;
    }
    int32_t count = 0;
    while (ring_taken != filled && count < capacity) {
        bytes[count++] = ring[ring_taken];
        ring_taken = (ring_taken + 1U) % RING_BYTES;
    }
    return count;
}

void tce_stm32_ring_interrupt(void) {
    TCE_RING_DMA->LIFCR = (uint32_t)TCE_DMA_FLAGS << tce_stm32_dma_shift(TCE_RING_STREAM);
    tce_barrier();
}
