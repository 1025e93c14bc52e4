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

static void try(fuzz_device *d) {
    fuzz_start(d);
    fuzz_check(d);
    const uint32_t checksum = 0xC520453CU;
    fuzz_require(tce_label_slots_begin(&d->slots, sizeof fuzz_image, checksum, fuzz_image + 8, fuzz_image + 16) == 0);
    fuzz_require(tce_label_slots_write(&d->slots, 0, fuzz_image, sizeof fuzz_image) == 0);
    fuzz_check(d);
    fuzz_require(tce_label_slots_commit(&d->slots) == 0);
    const uint32_t generation = d->slots.generation;
    fuzz_start(d);
    fuzz_check(d);
    fuzz_require(d->slots.generation == generation && d->slots.pack_bytes == sizeof fuzz_image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fuzz_device d;
    const size_t used = size < sizeof d.memory ? size : sizeof d.memory;
    for (int sealed = 0; sealed < 2; ++sealed) {
        memset(&d, 0, sizeof d);
        memset(d.memory, 0xFF, sizeof d.memory);
        memcpy(d.memory, data, used);
        if (sealed != 0) {
            seal(d.memory);
            seal(d.memory + sizeof d.memory / 2);
        }
        try(&d);
    }
    return 0;
}
