/* STM32F405: base addresses and registers as far as this port uses them. RM0090, memory map in 2.3. */
#ifndef TCE_STM32_CHIP_H
#define TCE_STM32_CHIP_H

#include "tce_stm32.h"

typedef struct {
    tce_reg CR, PLLCFGR, CFGR, CIR, reserved0[8], AHB1ENR, AHB2ENR, AHB3ENR, reserved1, APB1ENR, APB2ENR, reserved2[10],
        BDCR, CSR, reserved3[2], SSCGR, PLLI2SCFGR;
} tce_stm32_rcc; /* chapter 7 */

typedef struct {
    tce_reg ACR, KEYR, OPTKEYR, SR, CR;
} tce_stm32_flash; /* chapter 3 */

typedef struct {
    tce_reg SR, DR, BRR, CR1, CR2, CR3;
} tce_stm32_usart; /* chapter 30 */

typedef struct {
    tce_reg CR1, CR2, SR, DR, CRCPR, RXCRCR, TXCRCR, I2SCFGR, I2SPR;
} tce_stm32_spi; /* chapter 28 */

#define TCE_TIM2      ((tce_stm32_timer *)0x40000000U)
#define TCE_IWDG      ((tce_stm32_iwdg *)0x40003000U)
#define TCE_SPI2      ((tce_stm32_spi *)0x40003800U)
#define TCE_USART1    ((tce_stm32_usart *)0x40011000U)
#define TCE_GPIOA     ((tce_stm32_gpio *)0x40020000U)
#define TCE_GPIOB     ((tce_stm32_gpio *)0x40020400U)
#define TCE_RCC       ((tce_stm32_rcc *)0x40023800U)
#define TCE_FLASH     ((tce_stm32_flash *)0x40023C00U)
#define TCE_DMA1      ((tce_stm32_dma *)0x40026000U)
#define TCE_DMA2      ((tce_stm32_dma *)0x40026400U)
#define TCE_PWR_CR    (*(tce_reg *)0x40007000U)
#define TCE_RTC_BKP0R (*(tce_reg *)0x40002850U)

/* The serial line: what tce_stm32_line.c sends by, and the stream that receives. */
#define TCE_LINE_STATUS TCE_USART1->SR
#define TCE_LINE_OUT    TCE_USART1->DR
#define TCE_RING_DMA    TCE_DMA2
enum { TCE_RING_STREAM = 2 };

/* Causes of a reset, RCC_CSR */
#define TCE_RESETS TCE_RCC->CSR
enum {
    TCE_RESETS_FORGET = 1U << 24,
    TCE_RESETS_PIN = 1U << 26,
    TCE_RESETS_POWER = 1U << 25 | 1U << 27, /* and brown-out */
    TCE_RESETS_SOFTWARE = 1U << 28
};
#define TCE_RESETS_WATCHDOGS (3U << 29)

#endif
