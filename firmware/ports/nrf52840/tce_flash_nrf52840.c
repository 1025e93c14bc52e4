/* nRF52840 flash: pages of 4 KB, programmed in words, each at most twice between two erases (here: once). The core
 * stands still while it erases, 85 ms a page. nRF52840 PS, 4.3 (NVMC). */
#include "tce_chip.h"
#include "tce_nrf52840.h"
#include "tce_scs.h"

#include <stddef.h>

enum { READ_ONLY = 0, WRITE = 1, ERASE = 2 };

static void mode(uint32_t wanted) {
    TCE_NVMC_CONFIG = wanted;
    tce_barrier();
}

/* An erase ends in any case; the watchdog knows what to do with a flash that never does. */
static void wait(void) {
    while (TCE_NVMC_READY == 0U) {
    }
}

const tce_flash_background *const tce_chip_flash_background = NULL;

int tce_chip_flash_erase(void *context, uint32_t offset) {
    (void)context;
    mode(ERASE);
    TCE_NVMC_ERASEPAGE = (uint32_t)(uintptr_t)tce_ld_labels_start + offset;
    wait();
    mode(READ_ONLY);
    return 0;
}

int tce_chip_flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    (void)context;
    volatile uint32_t *to = (volatile uint32_t *)((uintptr_t)tce_ld_labels_start + offset);
    mode(WRITE);
    for (uint32_t i = 0; i < count; i += 4U) {
        uint32_t word;
        __builtin_memcpy(&word, bytes + i, sizeof word);
        to[i / 4U] = word;
        wait();
    }
    mode(READ_ONLY);
    return 0;
}
