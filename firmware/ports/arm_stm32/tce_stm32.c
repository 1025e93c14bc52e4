#include "tce_stm32.h"

#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

enum {
    OUTPUT = 16,
    TIM2_INTERRUPT = 28, /* on both */
    CC1 = 1U << 1,       /* in DIER and SR: the alarm */
    LSI_KHZ = 32,
    RELOAD_MAX = 4096
};

void tce_stm32_pin(tce_stm32_gpio *port, uint32_t pin, uint32_t function) {
    if (function < OUTPUT) {
        const uint32_t shift = pin % 8U * 4U;
        port->AFR[pin / 8U] = (port->AFR[pin / 8U] & ~(15U << shift)) | function << shift;
    }
    port->PUPDR = (port->PUPDR & ~(3U << pin * 2U)) | 1U << pin * 2U; /* a line that nothing is wired to stays quiet */
    port->OSPEEDR |= 2U << pin * 2U;
    port->MODER = (port->MODER & ~(3U << pin * 2U)) | (function < OUTPUT ? 2U : 1U) << pin * 2U;
}

void tce_stm32_clock_open(uint32_t hz) {
    TCE_TIM2->PSC = hz / 1000000U - 1U;
    TCE_TIM2->ARR = 0xFFFFFFFFU;
    TCE_TIM2->EGR = 1; /* takes the prescaler over */
    TCE_TIM2->SR = 0;
    TCE_TIM2->CR1 = 1;
    tce_interrupt_enable(TIM2_INTERRUPT);
}

uint32_t tce_chip_microseconds(void) {
    return TCE_TIM2->CNT;
}

void tce_chip_alarm(uint32_t microseconds) {
    TCE_TIM2->DIER = 0;
    TCE_TIM2->CCR1 = TCE_TIM2->CNT + microseconds;
    TCE_TIM2->SR = 0;
    TCE_TIM2->DIER = CC1;
}

void tce_stm32_timer_interrupt(void) {
    TCE_TIM2->DIER = 0;
    TCE_TIM2->SR = 0;
    tce_barrier();
}

void tce_stm32_dma_halves(tce_stm32_stream *stream, uint32_t control, tce_reg *source, void *first, void *second,
                          uint32_t count) {
    stream->CR = 0;
    (void)tce_await(&stream->CR, TCE_DMA_EN, 0);
    stream->PAR = (uint32_t)(uintptr_t)source;
    stream->M0AR = (uint32_t)(uintptr_t)first;
    stream->M1AR = (uint32_t)(uintptr_t)second;
    stream->NDTR = count;
    stream->CR =
        control | TCE_DMA_DOUBLE | TCE_DMA_CIRC | TCE_DMA_PRIORITY_HIGH | TCE_DMA_MINC | TCE_DMA_TCIE | TCE_DMA_TEIE;
    stream->CR |= TCE_DMA_EN;
}

uint32_t tce_stm32_dma_full(tce_stm32_dma *dma, uint32_t stream, int *lost) {
    const uint32_t flags = dma->LISR >> tce_stm32_dma_shift(stream);
    dma->LIFCR = (uint32_t)TCE_DMA_FLAGS << tce_stm32_dma_shift(stream);
    *lost |= (flags & TCE_DMA_TRANSFER_ERROR) != 0U;
    return (dma->S[stream].CR & TCE_DMA_CURRENT_1) != 0U ? 0 : 1;
}

tce_port_reset tce_stm32_reset_cause(void) {
    const uint32_t flags = TCE_RESETS;
    TCE_RESETS = flags | TCE_RESETS_FORGET;
    if ((flags & TCE_RESETS_WATCHDOGS) != 0U) {
        return TCE_PORT_RESET_WATCHDOG;
    }
    if ((flags & TCE_RESETS_SOFTWARE) != 0U) {
        return TCE_PORT_RESET_SOFTWARE;
    }
    /* every reset pulls the pin, so the pin counts only alone */
    return (flags & TCE_RESETS_POWER) == 0U && (flags & TCE_RESETS_PIN) != 0U ? TCE_PORT_RESET_PIN
                                                                              : TCE_PORT_RESET_POWER;
}

/* Counts the chip's own RC oscillator of about 32 kHz, divided by 4 to 256. */
void tce_port_watchdog_start(uint32_t milliseconds) {
    uint32_t divider = 0;
    while (divider < 6U && milliseconds * LSI_KHZ / (4U << divider) > RELOAD_MAX) {
        ++divider;
    }
    const uint32_t reload = milliseconds * LSI_KHZ / (4U << divider);
    TCE_IWDG->KR = 0xCCCC; /* starts, and the oscillator with it */
    TCE_IWDG->KR = 0x5555; /* allows the two writes */
    TCE_IWDG->PR = divider;
    TCE_IWDG->RLR = reload > RELOAD_MAX - 1U ? RELOAD_MAX - 1U : reload;
    (void)tce_await(&TCE_IWDG->SR, 3, 0);
    TCE_IWDG->KR = 0xAAAA;
}

void tce_port_watchdog_feed(void) {
    TCE_IWDG->KR = 0xAAAA;
}

/* A backup register: it outlives every reset but the loss of power. The chip has opened the domain for writing. */
uint16_t tce_port_kept(void) {
    return (uint16_t)TCE_RTC_BKP0R;
}

void tce_port_keep(uint16_t value) {
    TCE_RTC_BKP0R = value;
}
