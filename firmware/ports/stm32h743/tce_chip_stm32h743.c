/* STM32H743 on a NUCLEO-H743ZI2: clocks, caches, serial line, reset cause, vector table.
 *
 *   core 480 MHz (VOS0) from the 8 MHz of the ST-LINK through PLL1, from the 64 MHz RC oscillator where that is missing
 *   AXI and AHB 240 MHz, APBs 120 MHz (timers: 240)
 *   USART3 on PD8 (out) and PD9 (in), the ST-LINK's virtual port, 115,200 baud 8N1; received bytes by DMA1 stream 1 */
#include "tce_cache.h"
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"
#include "tce_vectors.h"

enum {
    TIMER_HZ = 240000000,
    BAUD_DIVIDER = 1042,       /* 120 MHz / 115,200 */
    REQUEST_USART3_RX = 45,    /* DMAMUX1 */
    DMA_BUFFERABLE = 1U << 20, /* a stream's CR: as USARTs need it here */
    SERIAL_INTERRUPT = 39,
    RING_INTERRUPT = 12, /* DMA1 stream 1 */
    AF7 = 7
};

enum { /* RCC and PWR */
       HSEON = 1U << 16,
       HSERDY = 1U << 17,
       HSEBYP = 1U << 18, /* a clock comes in, not a crystal's two pins */
       PLL1ON = 1U << 24,
       PLL1RDY = 1U << 25,
       CSR1_ACTVOSRDY = 1U << 13,
       CR1_DBP = 1U << 8,
       CR3_LDO_ONLY = 1U << 1 | 1U << 2,
       D3CR_VOS1 = 3U << 14,
       D3CR_VOSRDY = 1U << 13,
       APB4_SYSCFG = 1U << 1,
       PWRCR_OVERDRIVE = 1U << 0,
       SOURCE_HSI = 0,
       SOURCE_HSE = 2,
       DIVM1_SHIFT = 4,
       DIVM3_SHIFT = 20,
       PLL1_RANGES = 2U << 2 | 1U << 16,  /* input 4 to 8 MHz, wide VCO; output P */
       PLL3_RANGES = 2U << 10 | 1U << 22, /* likewise */
       N_P = 9,                           /* shift of P in a PLLxDIVR */
       HPRE_2 = 8U,
       D1PPRE_2 = 4U << 4,
       D2PPRE_2_2 = 4U << 4 | 4U << 8,
       D3PPRE_2 = 4U << 4,
       SW_PLL1 = 3U,
       SWS_PLL1 = 3U << 3,
       SWS = 7U << 3,
       FLASH_4_WAITS = 4U | 2U << 4
};

#define AHB2_SRAM123 (7U << 29)

enum { /* enables */
       AHB1_DMA1 = 1U << 0,
       AHB4_GPIOD_GPIOE = 3U << 3,
       APB1_TIM2_USART3 = 1U << 0 | 1U << 18,
       APB2_SAI1 = 1U << 22,
       APB4_RTC = 1U << 16
};

enum { /* USART */
       UE_RE_TE = 1U << 0 | 3U << 2,
       IDLE = 1U << 4, /* in CR1 the enable, in ISR the flag, in ICR what clears it */
       DMAR = 1U << 6
};

static void serial_interrupt(void);

TCE_VECTOR_TABLE(150, [11] = tce_stm32_audio_interrupt, [12] = tce_stm32_ring_interrupt,
                 [28] = tce_stm32_timer_interrupt, [39] = serial_interrupt);

static void start_power(void) {
    TCE_PWR->CR3 = CR3_LDO_ONLY;
    (void)tce_await(&TCE_PWR->CSR1, CSR1_ACTVOSRDY, CSR1_ACTVOSRDY);
    TCE_PWR->D3CR = D3CR_VOS1;
    (void)tce_await(&TCE_PWR->D3CR, D3CR_VOSRDY, D3CR_VOSRDY);
    TCE_RCC_APB4ENR |= APB4_SYSCFG | APB4_RTC;
    (void)TCE_RCC_APB4ENR;
    TCE_SYSCFG_PWRCR |= PWRCR_OVERDRIVE; /* VOS0, for more than 400 MHz */
    (void)tce_await(&TCE_PWR->D3CR, D3CR_VOSRDY, D3CR_VOSRDY);
    TCE_PWR->CR1 |= CR1_DBP;
}

/* PLL1: 4 MHz x 240 / 2 = 480 MHz.  PLL3: 4 MHz x 128 / 10 = 51.2 MHz, the microphone's. */
static void start_clocks(void) {
    TCE_RCC->CR |= HSEBYP;
    TCE_RCC->CR |= HSEON;
    const int outside = tce_await(&TCE_RCC->CR, HSERDY, HSERDY);
    const uint32_t divide = outside ? 2 : 16;
    TCE_RCC->PLLCKSELR = (outside ? SOURCE_HSE : SOURCE_HSI) | divide << DIVM1_SHIFT | divide << DIVM3_SHIFT;
    TCE_RCC->PLLCFGR = PLL1_RANGES | PLL3_RANGES;
    TCE_RCC->PLL1DIVR = (240U - 1U) | (2U - 1U) << N_P | (4U - 1U) << 16 | (2U - 1U) << 24;
    TCE_RCC->PLL3DIVR = (128U - 1U) | (10U - 1U) << N_P | (10U - 1U) << 16 | (10U - 1U) << 24;
    TCE_RCC->CR |= PLL1ON;
    TCE_FLASH_ACR = FLASH_4_WAITS;
    (void)tce_await(&TCE_FLASH_ACR, 0x3F, FLASH_4_WAITS);
    TCE_RCC->D1CFGR = HPRE_2 | D1PPRE_2;
    TCE_RCC->D2CFGR = D2PPRE_2_2;
    TCE_RCC->D3CFGR = D3PPRE_2;
    if (tce_await(&TCE_RCC->CR, PLL1RDY, PLL1RDY) != 0) {
        TCE_RCC->CFGR = SW_PLL1;
        (void)tce_await(&TCE_RCC->CFGR, SWS, SWS_PLL1);
    }
    TCE_RCC_AHB1ENR |= AHB1_DMA1;
    TCE_RCC_AHB2ENR |= AHB2_SRAM123;
    TCE_RCC_AHB4ENR |= AHB4_GPIOD_GPIOE;
    TCE_RCC_APB1LENR |= APB1_TIM2_USART3;
    TCE_RCC_APB2ENR |= APB2_SAI1;
    (void)TCE_RCC_APB2ENR;
}

tce_port_reset tce_chip_open(void) {
    TCE_SCB_VTOR = (uint32_t)(uintptr_t)&tce_vector_table;
    start_power();
    start_clocks();
    tce_cache_open();
    tce_stm32_clock_open(TIMER_HZ);
    tce_stm32_pin(TCE_GPIOD, 8, AF7);
    tce_stm32_pin(TCE_GPIOD, 9, AF7);
    TCE_DMAMUX1[TCE_RING_STREAM] = REQUEST_USART3_RX;
    tce_stm32_line_open(DMA_BUFFERABLE, &TCE_USART3->RDR);
    TCE_USART3->BRR = BAUD_DIVIDER;
    TCE_USART3->CR3 = DMAR;
    TCE_USART3->CR1 = UE_RE_TE | IDLE;
    tce_interrupt_enable(SERIAL_INTERRUPT);
    tce_interrupt_enable(RING_INTERRUPT);
    return tce_stm32_reset_cause();
}

/* The line has gone quiet behind a byte: whoever sleeps looks at the ring. */
static void serial_interrupt(void) {
    TCE_USART3->ICR = IDLE;
    tce_barrier();
}
