/* Label slots in the partition "labels": mapped into memory to be read, erased and written by ESP-IDF. */
#include "tce_port_espidf.h"

#include <stddef.h>

#include "esp_partition.h"

enum { SECTOR_BYTES = 4096, PAGE_BYTES = 256, SUBTYPE = 0x40 /* the first that ESP-IDF leaves to applications */ };

static int erase(void *context, uint32_t offset) {
    return esp_partition_erase_range(context, offset, SECTOR_BYTES) == ESP_OK ? 0 : -1;
}

static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    return esp_partition_write(context, offset, bytes, count) == ESP_OK ? 0 : -1;
}

void tce_port_espidf_labels(tce_flash *flash) {
    const esp_partition_t *partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, (esp_partition_subtype_t)SUBTYPE, "labels");
    const void *memory = NULL;
    esp_partition_mmap_handle_t handle = 0; /* mapped for good */
    *flash = (tce_flash){0};
    if (partition == NULL ||
        esp_partition_mmap(partition, 0, partition->size, ESP_PARTITION_MMAP_DATA, &memory, &handle) != ESP_OK) {
        return;
    }
    *flash = (tce_flash){
        .context = (void *)(uintptr_t)partition, /* it is only read */
        .memory = memory,
        .sector_bytes = SECTOR_BYTES,
        .slot_sectors = partition->size / SECTOR_BYTES / 2U,
        .program_bytes = PAGE_BYTES,
        .erase = erase,
        .program = program,
    };
}
