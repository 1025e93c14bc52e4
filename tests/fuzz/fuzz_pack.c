/* Any bytes as a label pack, as they are and with a right size and checksum; what opens is used in every way there is.
 */
#include <stdlib.h>
#include <string.h>

#include "tce_crc32.h"
#include "tce_labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *at, uint32_t value) {
    for (uint32_t i = 0; i < 4; ++i) {
        at[i] = (uint8_t)(value >> 8U * i);
    }
}

static void use(const uint8_t *bytes, size_t size) {
    tce_labels labels;
    if (tce_labels_open(bytes, size, &labels) != TCE_LABELS_OK) {
        return;
    }
    int8_t embedding[TCE_LABELS_DIM_MAX];
    int16_t scores[TCE_LABELS_COUNT_MAX];
    memset(embedding, 0x80, sizeof embedding);
    if (tce_labels_score(&labels, embedding, 127, scores) != TCE_LABELS_OK || labels.background >= labels.count) {
        abort();
    }
    for (int32_t i = 0; i < labels.count; ++i) {
        int32_t length = 0;
        const uint8_t *name = (const uint8_t *)tce_labels_name(&labels, i, &length);
        if (name < bytes || name + length > bytes + size || length < 1 || length > TCE_LABELS_NAME_MAX) {
            abort();
        }
        (void)tce_labels_threshold(&labels, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *block = malloc(size + (size == 0)); /* of exactly the size, so that a byte too far is seen */
    memcpy(block, data, size);
    use(block, size);
    if (size >= 36) {
        put(block + 24, (uint32_t)size);
        put(block + size - 4, tce_crc32(0, block, (uint32_t)size - 4U));
        use(block, size);
    }
    free(block);
    return 0;
}
