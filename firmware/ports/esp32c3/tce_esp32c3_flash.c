/* Label slots in the external flash, by the boot ROM's functions.
 *
 * While the flash is erased or programmed its cache stands still and no code or constant can be read from it: the
 * sequence runs from RAM with interrupts off and calls only the ROM. Sound goes on by DMA meanwhile; halves that nobody
 * took are counted as overruns. */
#include "tce_esp32c3.h"
#include "tce_bare.h"

enum {
    SECTOR_BYTES = 4096,
    BLOCK_BYTES = 1 << 16,
    PAGE_BYTES = 256,
    FLASH_BYTES = 4 << 20, /* what a direct boot maps */
    STATUS_BITS = 0xFFFF
};

/* words: NULL to erase the sector at `offset`. 0 or the ROM's error. */
__attribute__((noinline, section(".tce_ram"))) static int run(uint32_t offset, const uint32_t *words, int32_t bytes) {
    const uint32_t autoload = TCE_ROM_CACHE_SUSPEND();
    int result = TCE_ROM_FLASH_UNLOCK();
    if (result == 0) {
        result = words == NULL ? TCE_ROM_FLASH_ERASE_SECTOR(offset / SECTOR_BYTES)
                               : TCE_ROM_FLASH_WRITE(offset, words, bytes);
    }
    TCE_ROM_CACHE_RESUME(autoload);
    TCE_ROM_CACHE_INVALIDATE(TCE_ESP32C3_FLASH_DATA + offset, words == NULL ? SECTOR_BYTES : (uint32_t)bytes);
    return result;
}

static uint32_t in_flash(uint32_t offset) {
    return ((uint32_t)(uintptr_t)tce_ld_labels_start & (FLASH_BYTES - 1U)) + offset;
}

static int change(uint32_t offset, const uint32_t *words, uint32_t bytes) {
    int (*volatile in_ram)(uint32_t, const uint32_t *, int32_t) =
        run; /* by address: a jump does not reach from flash */
    const uint32_t status = tce_esp32c3_lock();
    const int result = in_ram(in_flash(offset), words, (int32_t)bytes);
    tce_esp32c3_unlock(status);
    return result == 0 ? 0 : -1;
}

static int erase(void *context, uint32_t offset) {
    (void)context;
    return change(offset, NULL, 0);
}

/* `bytes` may lie in flash, which cannot be read meanwhile, and anywhere: a page of it goes through RAM. */
static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    uint32_t page[PAGE_BYTES / sizeof(uint32_t)];
    (void)context;
    for (uint32_t done = 0; done < count; done += sizeof page) {
        const uint32_t some = count - done < sizeof page ? count - done : (uint32_t)sizeof page;
        __builtin_memcpy(page, bytes + done, some);
        if (change(offset + done, page, some) != 0) {
            return -1;
        }
    }
    return 0;
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    *link = (tce_port_link){0};
    *flash = tce_bare_flash();
    flash->memory = (const uint8_t *)(uintptr_t)(TCE_ESP32C3_FLASH_DATA + in_flash(0));
    flash->erase = erase;
    flash->program = program;
    if (TCE_ROM_FLASH_CONFIG(0, FLASH_BYTES, BLOCK_BYTES, SECTOR_BYTES, PAGE_BYTES, STATUS_BITS) != 0) {
        flash->slot_sectors = 0; /* a flash that the ROM does not know */
    }
}
