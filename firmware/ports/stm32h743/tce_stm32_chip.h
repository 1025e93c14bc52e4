/* STM32H743: base addresses and registers as far as this port uses them. RM0433, memory map in 2.3.2. */
#ifndef TCE_STM32_CHIP_H
#define TCE_STM32_CHIP_H

#include "tce_stm32.h"

typedef struct {
    tce_reg CR, reserved0[3], CFGR, reserved1, D1CFGR, D2CFGR, D3CFGR, reserved2, PLLCKSELR, PLLCFGR, PLL1DIVR,
        PLL1FRACR, PLL2DIVR, PLL2FRACR, PLL3DIVR, PLL3FRACR, reserved3, D1CCIPR, D2CCIP1R, D2CCIP2R, D3CCIPR;
} tce_stm32_rcc; /* chapter 8; reset flags and enables stand further behind */

typedef struct {
    tce_reg CR1, CSR1, CR2, CR3, CPUCR, reserved, D3CR;
} tce_stm32_pwr; /* chapter 6 */

typedef struct {
    tce_reg KEYR, OPTKEYR, CR, SR, CCR;
} tce_stm32_flash_bank; /* chapter 4, from KEYR1 or KEYR2 on */

typedef struct {
    tce_reg CR1, CR2, CR3, BRR, GTPR, RTOR, RQR, ISR, ICR, RDR, TDR;
} tce_stm32_usart; /* chapter 48 */

typedef struct {
    tce_reg CR1, CR2, FRCR, SLOTR, IM, SR, CLRFR, DR;
} tce_stm32_sai_block; /* chapter 51 */

#define TCE_TIM2         ((tce_stm32_timer *)0x40000000U)
#define TCE_USART3       ((tce_stm32_usart *)0x40004800U)
#define TCE_SAI1_A       ((tce_stm32_sai_block *)0x40015804U)
#define TCE_SAI1_PDMCR   (*(tce_reg *)0x40015844U)
#define TCE_DMA1         ((tce_stm32_dma *)0x40020000U)
#define TCE_DMAMUX1      ((tce_reg *)0x40020800U) /* one register a stream: the number of its request */
#define TCE_FLASH_ACR    (*(tce_reg *)0x52002000U)
#define TCE_FLASH_1      ((tce_stm32_flash_bank *)0x52002004U)
#define TCE_FLASH_2      ((tce_stm32_flash_bank *)0x52002104U)
#define TCE_RTC_BKP0R    (*(tce_reg *)0x58004050U)
#define TCE_SYSCFG_PWRCR (*(tce_reg *)0x5800042CU)
#define TCE_IWDG         ((tce_stm32_iwdg *)0x58004800U)
#define TCE_GPIOD        ((tce_stm32_gpio *)0x58020C00U)
#define TCE_GPIOE        ((tce_stm32_gpio *)0x58021000U)
#define TCE_RCC          ((tce_stm32_rcc *)0x58024400U)
#define TCE_RCC_RSR      (*(tce_reg *)0x580244D0U)
#define TCE_RCC_AHB1ENR  (*(tce_reg *)0x580244D8U)
#define TCE_RCC_AHB2ENR  (*(tce_reg *)0x580244DCU)
#define TCE_RCC_AHB4ENR  (*(tce_reg *)0x580244E0U)
#define TCE_RCC_APB1LENR (*(tce_reg *)0x580244E8U)
#define TCE_RCC_APB2ENR  (*(tce_reg *)0x580244F0U)
#define TCE_RCC_APB4ENR  (*(tce_reg *)0x580244F4U)
#define TCE_PWR          ((tce_stm32_pwr *)0x58024800U)

/* The serial line: what tce_stm32_line.c sends by, and the stream that receives. */
#define TCE_LINE_STATUS TCE_USART3->ISR
#define TCE_LINE_OUT    TCE_USART3->TDR
#define TCE_RING_DMA    TCE_DMA1
enum { TCE_RING_STREAM = 1 };

/* Causes of a reset, RCC_RSR */
#define TCE_RESETS TCE_RCC_RSR
enum {
    TCE_RESETS_FORGET = 1U << 16,
    TCE_RESETS_PIN = 1U << 22,
    TCE_RESETS_POWER = 1U << 21 | 1U << 23, /* and brown-out */
    TCE_RESETS_SOFTWARE = 1U << 24
};
#define TCE_RESETS_WATCHDOGS (1U << 26 | 1U << 28)

#endif
