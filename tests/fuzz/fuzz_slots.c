/* Any bytes as the flash of the label slots, with right checksums in their headers or without: a whole pack comes up,
 * and the next update succeeds. */
#include "fuzz_device.h"
#include "tce_crc32.h"

static void seal(uint8_t *header) {
    const uint32_t crc = tce_crc32(0, header, 44);
    for (uint32_t i = 0; i < 4; ++i) {
        header[44 + i] = (uint8_t)(crc >> 8U * i);
        header[52 + i] = (uint8_t)(crc >> 8U * i);
    }
    memcpy(header + 48, "TCOK", 4);
}

typedef struct {
    fuzz_flash flash;
    tce_flash port;
    tce_label_slots_config config;
    tce_label_slots slots;
} device;

static void start(device *d) {
    d->port = fuzz_open(&d->flash, &d->slots);
    d->config = (tce_label_slots_config){&d->port, fuzz_image, sizeof fuzz_image, fuzz_image + 8, fuzz_image + 16, 1};
    fuzz_require(tce_label_slots_open(&d->slots, &d->config) == TCE_LABEL_SLOTS_OK);
    fuzz_check(&d->slots);
}

static void try(device *d) {
    start(d);
    const uint32_t checksum = 0xC520453CU;
    fuzz_require(tce_label_slots_begin(&d->slots, sizeof fuzz_image, checksum, fuzz_image + 8, fuzz_image + 16) == 0);
    fuzz_require(tce_label_slots_write(&d->slots, 0, fuzz_image, sizeof fuzz_image) == 0);
    fuzz_check(&d->slots);
    fuzz_require(tce_label_slots_commit(&d->slots) == 0);
    const uint32_t generation = d->slots.generation;
    start(d);
    fuzz_require(d->slots.generation == generation && d->slots.pack_bytes == sizeof fuzz_image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static device d;
    uint8_t *memory = d.flash.memory;
    const size_t used = size < FLASH_BYTES ? size : FLASH_BYTES;
    for (int sealed = 0; sealed < 2; ++sealed) {
        memset(&d, 0, sizeof d);
        memset(memory, 0xFF, FLASH_BYTES);
        memcpy(memory, data, used);
        if (sealed != 0) {
            seal(memory);
            seal(memory + FLASH_BYTES / 2);
        }
        try(&d);
    }
    return 0;
}
