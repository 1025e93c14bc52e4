/* Label slots in the external flash, by the boot ROM's functions (RP2040 datasheet 2.8.3).
 *
 * While the flash is erased or programmed nothing can be read from it, code included: the sequence runs from RAM with
 * interrupts off, calls only the ROM, and afterwards the second stage turns the flash back into memory; it still lies
 * where the ROM has copied it at reset, at the end of RAM.
 * Sound goes on by DMA meanwhile; halves that nobody took are counted as overruns. */
#include "tce_bare.h"
#include "tce_rp2040.h"

#define FLASH_BASE   0x10000000U

#define SECOND_STAGE 0x20041F00U

enum {
    BLOCK_BYTES = 1 << 16,
    BLOCK_ERASE = 0xD8 /* the flash's command; the ROM erases by sectors of 4 KB where a block is too much */
};

#define ROM_CODE(a, b) ((uint32_t)(a) | ((uint32_t)(b) << 8))

typedef void (*rom_call)(void);
typedef void (*rom_erase)(uint32_t offset, uint32_t count, uint32_t block_bytes, uint32_t block_command);
typedef void (*rom_program)(uint32_t offset, const uint8_t *bytes, uint32_t count);
typedef void *(*rom_lookup)(const uint16_t *table, uint32_t code);

/* All that the sequence needs, on the stack: RAM. */
typedef struct {
    rom_call connect, leave_xip, flush;
    rom_erase erase;
    rom_program program;
    rom_call enter_xip;
    uint32_t offset, count;
    const uint8_t *bytes; /* NULL to erase */
} sequence;

__attribute__((noinline, section(".tce_ram"))) static void run(const sequence *s) {
    s->connect();
    s->leave_xip();
    if (s->bytes == NULL) {
        s->erase(s->offset, s->count, BLOCK_BYTES, BLOCK_ERASE);
    } else {
        s->program(s->offset, s->bytes, s->count);
    }
    s->flush();
    s->enter_xip();
}

/* The ROM's tables hold 16-bit addresses: of the table of functions at 0x14, of the function that searches it at 0x18.
 */
static rom_call find(char first, char second) {
    uintptr_t at = 0x14U;
    __asm__("" : "+r"(at)); /* gcc takes small addresses for mistakes */
    const volatile uint16_t *pointers = (const volatile uint16_t *)at;
    const rom_lookup search = (rom_lookup)(uintptr_t)pointers[2];
    return (rom_call)search((const uint16_t *)(uintptr_t)pointers[0], ROM_CODE(first, second));
}

static int change(uint32_t offset, const uint8_t *bytes, uint32_t count) {
    const sequence s = {
        .connect = find('I', 'F'),
        .leave_xip = find('E', 'X'),
        .flush = find('F', 'C'),
        .erase = (rom_erase)find('R', 'E'),
        .program = (rom_program)find('R', 'P'),
        .enter_xip = (rom_call)(SECOND_STAGE | 1U),
        .offset = (uint32_t)(uintptr_t)tce_ld_labels_start - FLASH_BASE + offset,
        .count = count,
        .bytes = bytes,
    };
    void (*volatile in_ram)(const sequence *) = run; /* by address: a branch does not reach RAM from flash */
    const uint32_t masked = tce_rp2040_lock();
    in_ram(&s);
    tce_rp2040_unlock(masked);
    return 0; /* the ROM reports nothing; whoever wrote reads it back */
}

static int erase(void *context, uint32_t offset) {
    (void)context;
    return change(offset, NULL, (uint32_t)(uintptr_t)tce_ld_labels_sector);
}

/* `bytes` may lie in flash, which cannot be read meanwhile: a page of it goes through RAM. */
static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    uint8_t page[TCE_FLASH_PROGRAM_MAX];
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
    flash->erase = erase;
    flash->program = program;
}
