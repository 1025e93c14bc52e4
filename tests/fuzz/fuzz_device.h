/* A flash for the fuzz targets: small, in memory, and it obeys its rules. The image's labels have one entry, for the
 * encoder 01..08 and the front end 11..18. */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tce_label_slots.h"

enum {
    SECTOR_BYTES = 512,
    SLOT_SECTORS = 2,
    UNIT_BYTES = 16,
    FLASH_BYTES = 2 * SECTOR_BYTES * SLOT_SECTORS,
    ROOM_BYTES = 200, /* of a pack while its sector is erased in the background */
    LOOKS = 2         /* that find an erase going on */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The pack of docs/label-pack.md's example. */
static const uint8_t fuzz_image[72] = {
    0x54, 0x43, 0x4C, 0x50, 0x01, 0x00, 0x20, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x48, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x02, 0x81, 0x00,
    0xFE, 0xFF, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x03, 0x00, 0x02, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x7F, 0x00, 0x00, 0x00, 0xFF, 0x00, 0x00, 0x00, 0x61, 0x62, 0x63, 0x00, 0x3C, 0x45, 0x20, 0xC5};

typedef struct {
    uint8_t memory[FLASH_BYTES], room[ROOM_BYTES];
    const tce_label_slots *slots;
    uint32_t operations, looks, erasing_at;
    uint8_t erasing;
} fuzz_flash;

static void fuzz_require(int holds) {
    if (!holds) {
        abort();
    }
}

static void fuzz_touch(fuzz_flash *f, uint32_t offset) {
    fuzz_require((int32_t)(offset / (FLASH_BYTES / 2)) != f->slots->slot); /* never the slot in use */
    fuzz_require(f->erasing == 0);
    f->operations++;
}

static int fuzz_erase(void *context, uint32_t offset) {
    fuzz_flash *f = context;
    fuzz_require(offset % SECTOR_BYTES == 0 && offset < FLASH_BYTES);
    fuzz_touch(f, offset);
    memset(f->memory + offset, 0xFF, SECTOR_BYTES);
    return 0;
}

static int fuzz_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    fuzz_flash *f = context;
    fuzz_require(count != 0 && offset % UNIT_BYTES == 0 && count % UNIT_BYTES == 0);
    fuzz_require(offset < FLASH_BYTES && count <= FLASH_BYTES - offset);
    fuzz_touch(f, offset);
    for (uint32_t i = 0; i < count; ++i) {
        f->memory[offset + i] &= bytes[i];
    }
    return 0;
}

/* Until it has ended, an erase leaves anything in its sector. */
static inline int fuzz_erase_begin(void *context, uint32_t offset) {
    fuzz_flash *f = context;
    (void)fuzz_erase(context, offset);
    memset(f->memory + offset, 0x5A, SECTOR_BYTES);
    f->erasing = 1;
    f->erasing_at = offset;
    f->looks = LOOKS;
    return 0;
}

static inline int fuzz_erase_goes_on(void *context) {
    fuzz_flash *f = context;
    if (f->erasing != 0 && f->looks != 0) {
        f->looks--;
        return 1;
    }
    if (f->erasing != 0) {
        memset(f->memory + f->erasing_at, 0xFF, SECTOR_BYTES);
        f->erasing = 0;
    }
    return 0;
}

/* What a start finds; an erase that was going on is cut. */
static tce_flash fuzz_open(fuzz_flash *f, const tce_label_slots *slots) {
    f->slots = slots;
    f->erasing = 0;
    return (tce_flash){f, f->memory, SECTOR_BYTES, SLOT_SECTORS, UNIT_BYTES, fuzz_erase, fuzz_program, NULL};
}

/* The pack in use is whole, lies in the image or in its slot, and can be scored. */
static void fuzz_check(const tce_label_slots *slots) {
    tce_labels labels;
    int16_t scores[TCE_LABELS_COUNT_MAX];
    const int8_t embedding = -7;
    fuzz_require(tce_labels_open(slots->pack, slots->pack_bytes, &labels) == TCE_LABELS_OK);
    fuzz_require(tce_labels_match(&labels, fuzz_image + 8, fuzz_image + 16) == TCE_LABELS_OK);
    fuzz_require(labels.count == slots->labels.count && labels.dim == 1);
    fuzz_require(tce_labels_score(&slots->labels, &embedding, 3, scores) == TCE_LABELS_OK);
}

#endif
