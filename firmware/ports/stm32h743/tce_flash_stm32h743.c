/* STM32H743 flash: two banks of eight sectors of 128 KB, programmed in flash words of 32 bytes, each with a checksum of
 * its own, so that one is written once only between two erases. Label slots lie in the second bank: the code runs on
 * from the first while that is erased, which takes a second or two, as long as it reads
 * nothing there. A pack that comes meanwhile waits in the ITCM, which nothing else uses. RM0433, 4.3.8 to 4.3.10. */
#include "tce_cache.h"
#include "tce_chip.h"
#include "tce_scs.h"
#include "tce_stm32_chip.h"

enum {
    BANK_1 = 0x08000000,
    BANK_2 = 0x08100000,
    SECTOR_SHIFT = 17,
    ITCM = 0x1000, /* its first page is left alone: NULL is there */
    ITCM_BYTES = 0xF000,
    WORD_BYTES = 32,
    KEY1 = 0x45670123,
    KEY2 = (int)0xCDEF89AB,
    LOCK = 1U << 0,
    PG = 1U << 1,
    SER = 1U << 2,
    PSIZE_64_BITS = 3U << 4, /* at 2.7 to 3.6 V */
    START = 1U << 7,
    SNB_SHIFT = 8,
    BUSY = 1U << 0 | 1U << 1 | 1U << 2, /* an operation, a word that waits for its rest, the queue */
    ERRORS = 0x006E0000                 /* WRPERR, PGSERR, STRBERR, INCERR, OPERR; the bits of CCR that clear them */
};

static tce_stm32_flash_bank *bank_of(uint32_t address) {
    return address < BANK_2 ? TCE_FLASH_1 : TCE_FLASH_2;
}

static void unlock(tce_stm32_flash_bank *bank) {
    bank->KEYR = KEY1;
    bank->KEYR = (uint32_t)KEY2;
    bank->CCR = ERRORS; /* of earlier operations */
}

/* An erase takes seconds at most, and the watchdog knows what to do with a flash that never ends. */
static int wait(const tce_stm32_flash_bank *bank) {
    while ((bank->SR & BUSY) != 0U) {
    }
    return (bank->SR & ERRORS) != 0U ? -1 : 0;
}

static int begin_erase(void *context, uint32_t offset) {
    (void)context;
    const uint32_t at = (uint32_t)(uintptr_t)tce_ld_labels_start + offset;
    tce_stm32_flash_bank *bank = bank_of(at);
    unlock(bank);
    bank->CR = SER | PSIZE_64_BITS | (at >> SECTOR_SHIFT & 7U) << SNB_SHIFT;
    bank->CR |= START;
    return 0;
}

/* Both slots lie in one bank. */
static int erase_goes_on(void *context) {
    (void)context;
    tce_stm32_flash_bank *bank = bank_of((uint32_t)(uintptr_t)tce_ld_labels_start);
    if ((bank->SR & BUSY) != 0U) {
        return 1;
    }
    if ((bank->CR & LOCK) == 0U) {
        bank->CR = LOCK;
        tce_cache_forget(tce_ld_labels_start, (uint32_t)(tce_ld_labels_end - tce_ld_labels_start));
    }
    return (bank->SR & ERRORS) != 0U ? -1 : 0;
}

static const tce_flash_background background = {begin_erase, erase_goes_on, (uint8_t *)ITCM, ITCM_BYTES};
const tce_flash_background *const tce_chip_flash_background = &background;

int tce_chip_flash_erase(void *context, uint32_t offset) {
    (void)begin_erase(context, offset);
    int going = 0;
    do {
        going = erase_goes_on(context);
    } while (going > 0);
    return going;
}

int tce_chip_flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    (void)context;
    volatile uint32_t *to = (volatile uint32_t *)((uintptr_t)tce_ld_labels_start + offset);
    tce_stm32_flash_bank *bank = bank_of((uint32_t)(uintptr_t)to);
    int done = 0;
    unlock(bank);
    bank->CR = PG | PSIZE_64_BITS;
    for (uint32_t i = 0; i < count && done == 0; i += WORD_BYTES) {
        for (uint32_t j = 0; j < WORD_BYTES; j += 4U) { /* the last one starts it */
            uint32_t word;
            __builtin_memcpy(&word, bytes + i + j, sizeof word);
            to[(i + j) / 4U] = word;
        }
        tce_barrier();
        done = wait(bank);
    }
    bank->CR = LOCK;
    tce_cache_forget(tce_ld_labels_start + offset, count);
    return done;
}
