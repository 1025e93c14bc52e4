/* What the label slots need from a flash: a port fills in one struct. */
#ifndef TCE_FLASH_H
#define TCE_FLASH_H

#include <stdint.h>

enum { TCE_FLASH_PROGRAM_MAX = 256 /* largest unit of programming: a page of an SPI NOR flash */ };

/* An erase that goes on by itself, where it takes so long that sound and host cannot wait for it. */
typedef struct {
    int (*begin)(void *context, uint32_t offset); /* as `erase`, but returns at once */
    int (*goes_on)(void *context);                /* 1 until the erase begun last has ended; then 0 or an error */
    uint8_t *room;                                /* [room_bytes] of RAM for the pack that comes meanwhile */
    uint32_t room_bytes;
} tce_flash_background;

/* Flash for two slots, side by side, each of whole sectors. Offsets count from the first byte of the first slot. */
typedef struct {
    void *context;
    const uint8_t *memory;  /* where the core reads it: packs are scored where they lie */
    uint32_t sector_bytes;  /* what one erase clears to FF; a multiple of program_bytes */
    uint32_t slot_sectors;  /* sectors of one slot, >= 1; 0: there is no flash for labels */
    uint32_t program_bytes; /* what is written at once and only once after an erase: a power of two, 1 to 256 */
    int (*erase)(void *context, uint32_t offset); /* one sector; 0 or an error of the port */
    /* `count` bytes, a multiple of program_bytes at such an offset; 0 or an error of the port */
    int (*program)(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count);
    const tce_flash_background *background; /* NULL: every erase is waited for */
} tce_flash;

#endif
