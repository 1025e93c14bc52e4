/* STM32F405: clocks, serial line, microsecond clock, reset cause, vector table.
 *
 *   core 168 MHz from the crystal through the PLL, from the 16 MHz RC oscillator where there is no crystal
 *   AHB 168 MHz, APB1 42 MHz (TIM2: 84), APB2 84 MHz (USART1)
 *   USART1 on PA9 (out) and PA10 (in), 115,200 baud 8N1; received bytes by DMA2 stream 2 */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"
#include "tce_vectors.h"

#ifndef TCE_HSE_MHZ
#define TCE_HSE_MHZ 12 /* the crystal: 12 on an Adafruit Feather, 25 on a Netduino Plus 2, 8 on most others */
#endif

enum {
    HSI_MHZ = 16,
    TIMER_HZ = 84000000,
    BAUD_DIVIDER = 729, /* 84 MHz / 115,200 */
    SERIAL_INTERRUPT = 37,
    RING_INTERRUPT = 58 /* DMA2 stream 2 */
};

enum { /* RCC */
       HSEON = 1U << 16,
       HSERDY = 1U << 17,
       PLLON = 1U << 24,
       PLLRDY = 1U << 25,
       PLL_FROM_HSE = 1U << 22,
       PLL_N_336 = 336U << 6, /* 1 MHz x 336 / 2 = 168 MHz */
       PLL_Q_7 = 7U << 24,
       PPRE1_4 = 5U << 10,
       PPRE2_2 = 4U << 13,
       SW_PLL = 2U,
       SWS_PLL = 2U << 2,
       SWS = 3U << 2,
       AHB1_GPIOA_GPIOB = 3U,
       AHB1_DMA1_DMA2 = 3U << 21,
       APB1_TIM2 = 1U << 0,
       APB1_SPI2 = 1U << 14,
       APB1_PWR = 1U << 28,
       APB2_USART1 = 1U << 4
};

enum { /* FLASH_ACR: five wait states at 168 MHz, prefetch, instruction and data cache */
       ACR_5_WAITS_CACHED = 5U | 7U << 8
};

enum { /* USART */
       RE_TE = 3U << 2,
       IDLEIE = 1U << 4,
       UE = 1U << 13,
       DMAR = 1U << 6
};

static void serial_interrupt(void);

TCE_VECTOR_TABLE(82, [14] = tce_stm32_audio_interrupt, [28] = tce_stm32_timer_interrupt, [37] = serial_interrupt,
                 [58] = tce_stm32_ring_interrupt);

static void start_clocks(void) {
    TCE_RCC->APB1ENR |= APB1_PWR;
    TCE_PWR_CR |= 1U << 14 | 1U << 8; /* voltage for full speed; the backup domain may be written */
    TCE_RCC->CR |= HSEON;
    const int crystal = tce_await(&TCE_RCC->CR, HSERDY, HSERDY);
    TCE_RCC->PLLCFGR = PLL_Q_7 | PLL_N_336 | (crystal ? PLL_FROM_HSE | TCE_HSE_MHZ : HSI_MHZ); /* P: 2 */
    TCE_RCC->CR |= PLLON;
    TCE_FLASH->ACR = ACR_5_WAITS_CACHED;
    TCE_RCC->CFGR = PPRE1_4 | PPRE2_2;
    if (tce_await(&TCE_RCC->CR, PLLRDY, PLLRDY) != 0) {
        TCE_RCC->CFGR = PPRE1_4 | PPRE2_2 | SW_PLL;
        (void)tce_await(&TCE_RCC->CFGR, SWS, SWS_PLL);
    }
    TCE_RCC->AHB1ENR |= AHB1_GPIOA_GPIOB | AHB1_DMA1_DMA2;
    TCE_RCC->APB1ENR |= APB1_TIM2 | APB1_SPI2;
    TCE_RCC->APB2ENR |= APB2_USART1;
}

tce_port_reset tce_chip_open(void) {
    TCE_SCB_VTOR = (uint32_t)(uintptr_t)&tce_vector_table;
    start_clocks();
    tce_stm32_clock_open(TIMER_HZ);
    tce_stm32_pin(TCE_GPIOA, 9, 7);
    tce_stm32_pin(TCE_GPIOA, 10, 7);
    tce_stm32_line_open(4U << 25, &TCE_USART1->DR); /* channel 4 */
    TCE_USART1->BRR = BAUD_DIVIDER;
    TCE_USART1->CR3 = DMAR;
    TCE_USART1->CR1 = UE | RE_TE | IDLEIE;
    tce_interrupt_enable(SERIAL_INTERRUPT);
    tce_interrupt_enable(RING_INTERRUPT);
    return tce_stm32_reset_cause();
}

/* The line has gone quiet behind a byte: whoever sleeps looks at the ring. Reading SR and DR forgets it. */
static void serial_interrupt(void) {
    (void)TCE_USART1->SR;
    (void)TCE_USART1->DR;
    tce_barrier();
}
