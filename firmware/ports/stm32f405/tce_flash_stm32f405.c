/* STM32F405 flash: sectors of 16 KB (0 to 3), 64 KB (4) and 128 KB (5 to 11), programmed in words. The core stands
 * still while it erases: 250 ms for 16 KB, as DS8626 has it. RM0090, 3.6. */
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

#include <stddef.h>

enum {
    FLASH_START = 0x08000000,
    KEY1 = 0x45670123,
    KEY2 = (int)0xCDEF89AB,
    PG = 1U << 0,
    SER = 1U << 1,
    SNB_SHIFT = 3,
    PSIZE_WORD = 2U << 8, /* 2.7 to 3.6 V */
    STRT = 1U << 16,
    LOCK = (int)(1U << 31),
    BSY = 1U << 16,
    ERRORS = 0xF2, /* OPERR, WRPERR, PGAERR, PGPERR, PGSERR */
    ACR_DATA_CACHE = 1U << 10,
    ACR_DATA_CACHE_RESET = 1U << 12
};

static void unlock(void) {
    TCE_FLASH->KEYR = KEY1;
    TCE_FLASH->KEYR = (uint32_t)KEY2;
    TCE_FLASH->SR = ERRORS; /* of earlier operations */
}

/* An erase takes seconds at most, and the watchdog knows what to do with a flash that never ends. */
static int finish(void) {
    while ((TCE_FLASH->SR & BSY) != 0U) {
    }
    const int failed = (TCE_FLASH->SR & ERRORS) != 0U;
    TCE_FLASH->CR = (uint32_t)LOCK;
    TCE_FLASH->ACR &= ~(uint32_t)ACR_DATA_CACHE; /* it may hold what was there before */
    TCE_FLASH->ACR |= ACR_DATA_CACHE_RESET;
    TCE_FLASH->ACR &= ~(uint32_t)ACR_DATA_CACHE_RESET;
    TCE_FLASH->ACR |= ACR_DATA_CACHE;
    tce_barrier();
    return failed ? -1 : 0;
}

/* The number of the sector that an offset from the start of the flash lies in. */
static uint32_t sector_at(uint32_t offset) {
    if (offset < 0x10000U) {
        return offset / 0x4000U;
    }
    return offset < 0x20000U ? 4U : 4U + offset / 0x20000U;
}

const tce_flash_background *const tce_chip_flash_background = NULL;

int tce_chip_flash_erase(void *context, uint32_t offset) {
    (void)context;
    const uint32_t at = (uint32_t)(uintptr_t)tce_ld_labels_start - FLASH_START + offset;
    unlock();
    TCE_FLASH->CR = SER | PSIZE_WORD | sector_at(at) << SNB_SHIFT;
    TCE_FLASH->CR |= STRT;
    tce_barrier();
    return finish();
}

int tce_chip_flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    (void)context;
    volatile uint32_t *to = (volatile uint32_t *)((uintptr_t)tce_ld_labels_start + offset);
    unlock();
    TCE_FLASH->CR = PG | PSIZE_WORD;
    for (uint32_t i = 0; i < count; i += 4U) {
        uint32_t word;
        __builtin_memcpy(&word, bytes + i, sizeof word);
        to[i / 4U] = word;
        while ((TCE_FLASH->SR & BSY) != 0U) {
        }
        if ((TCE_FLASH->SR & ERRORS) != 0U) {
            break;
        }
    }
    return finish();
}
