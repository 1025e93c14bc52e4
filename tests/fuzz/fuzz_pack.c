/* Any bytes as a label pack, with a right size and checksum or without; what opens is used in every way there is.
 *
 * The first byte chooses what is put right in the rest before it is opened: bit 0 its checksum, bit 1 its size. One
 * pack an execution. */
#include <stdlib.h>
#include <string.h>

#include "tce_crc32.h"
#include "tce_labels.h"

enum { CHECKSUM = 1, SIZE = 2, SHORTEST = 36 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static void put(uint8_t *at, uint32_t value) {
    for (uint32_t i = 0; i < 4; ++i) {
        at[i] = (uint8_t)(value >> 8U * i);
    }
}

static void use(const uint8_t *bytes, size_t size) {
    static tce_labels labels;
    static int8_t embedding[TCE_LABELS_DIM_MAX];
    static int16_t scores[TCE_LABELS_COUNT_MAX];
    if (tce_labels_open(bytes, size, &labels) != TCE_LABELS_OK) {
        return;
    }
    memset(embedding, 0x80, (size_t)labels.dim);
    require(tce_labels_score(&labels, embedding, 127, scores) == TCE_LABELS_OK);
    require(labels.background >= -1 && labels.background < labels.count);
    for (int32_t i = 0; i < labels.count; ++i) {
        int32_t length = 0;
        const uint8_t *name = (const uint8_t *)tce_labels_name(&labels, i, &length);
        require(length >= 1 && length <= TCE_LABELS_NAME_MAX && name >= bytes && name + length <= bytes + size);
        (void)tce_labels_threshold(&labels, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* The pack is put at the end of the room, so that a byte too far is seen; nothing is allocated. */
    static uint8_t room[TCE_LABELS_BYTES_MAX + 1];
    if (size == 0 || size > sizeof room) {
        return 0;
    }
    const size_t bytes = size - 1;
    uint8_t *pack = room + sizeof room - bytes;
    memcpy(pack, data + 1, bytes);
    if ((data[0] & SIZE) != 0 && bytes >= SHORTEST) {
        put(pack + 24, (uint32_t)bytes);
    }
    if ((data[0] & CHECKSUM) != 0 && bytes >= SHORTEST) {
        put(pack + bytes - 4, tce_crc32(0, pack, (uint32_t)bytes - 4U));
    }
    use(pack, bytes);
    return 0;
}
