/* A device for the fuzz targets: labels of one entry for the encoder 01..08 and the front end 11..18, in a small flash
 * in memory that obeys its rules. */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tce_label_slots.h"

enum { SECTOR_BYTES = 512, SLOT_SECTORS = 2, UNIT_BYTES = 16, FLASH_BYTES = 2 * SECTOR_BYTES * SLOT_SECTORS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The pack of docs/label-pack.md's example. */
static const uint8_t fuzz_image[72] = {
    0x54, 0x43, 0x4C, 0x50, 0x01, 0x00, 0x20, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x48, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x02, 0x81, 0x00,
    0xFE, 0xFF, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x03, 0x00, 0x02, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x7F, 0x00, 0x00, 0x00, 0xFF, 0x00, 0x00, 0x00, 0x61, 0x62, 0x63, 0x00, 0x3C, 0x45, 0x20, 0xC5};

typedef struct {
    uint8_t memory[FLASH_BYTES];
    tce_flash flash;
    tce_label_slots_config config;
    tce_label_slots slots;
    uint32_t operations; /* of the flash */
} fuzz_device;

static void fuzz_require(int holds) {
    if (!holds) {
        abort();
    }
}

static void fuzz_touch(fuzz_device *d, uint32_t offset) {
    fuzz_require((int32_t)(offset / (FLASH_BYTES / 2)) != d->slots.slot); /* never the slot in use */
    d->operations++;
}

static int fuzz_erase(void *context, uint32_t offset) {
    fuzz_device *d = context;
    fuzz_require(offset % SECTOR_BYTES == 0 && offset < FLASH_BYTES);
    fuzz_touch(d, offset);
    memset(d->memory + offset, 0xFF, SECTOR_BYTES);
    return 0;
}

static int fuzz_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    fuzz_device *d = context;
    fuzz_require(count != 0 && offset % UNIT_BYTES == 0 && count % UNIT_BYTES == 0);
    fuzz_require(offset < FLASH_BYTES && count <= FLASH_BYTES - offset);
    fuzz_touch(d, offset);
    for (uint32_t i = 0; i < count; ++i) {
        d->memory[offset + i] &= bytes[i];
    }
    return 0;
}

/* A start with the flash as it is: whatever is in it, a pack comes up. */
static void fuzz_start(fuzz_device *d) {
    d->flash = (tce_flash){d, d->memory, SECTOR_BYTES, SLOT_SECTORS, UNIT_BYTES, fuzz_erase, fuzz_program};
    d->config = (tce_label_slots_config){&d->flash, fuzz_image, sizeof fuzz_image, fuzz_image + 8, fuzz_image + 16, 1};
    fuzz_require(tce_label_slots_open(&d->slots, &d->config) == TCE_LABEL_SLOTS_OK);
}

/* The pack in use is whole, lies in the image or in its slot, and can be scored. */
static void fuzz_check(const fuzz_device *d) {
    tce_labels labels;
    int16_t scores[TCE_LABELS_COUNT_MAX];
    const int8_t embedding = -7;
    fuzz_require(tce_labels_open(d->slots.pack, d->slots.pack_bytes, &labels) == TCE_LABELS_OK);
    fuzz_require(tce_labels_match(&labels, fuzz_image + 8, fuzz_image + 16) == TCE_LABELS_OK);
    fuzz_require(labels.count == d->slots.labels.count && labels.dim == 1);
    fuzz_require(tce_labels_score(&d->slots.labels, &embedding, 3, scores) == TCE_LABELS_OK);
}

#endif
