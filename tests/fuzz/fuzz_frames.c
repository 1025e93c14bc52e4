/* Any bytes into the frame decoder: it stays within its buffer, and what it accepts is what the encoder writes.
 *
 * The first byte chooses: even, the rest is a stream as it comes; odd, it is type, sequence and payload of a frame that
 * is sealed first, so that the checksum does not stand in the way. One stream an execution. */
#include <stdlib.h>
#include <string.h>

#include "tce_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* Static, so that no execution pays for a frame on a guarded stack. Each is an object of its own with guards. */
static tce_frame sealed;
static tce_frame_decoder decoder;

/* The frame that a decoder found, sealed again and decoded again, is the same frame. */
static void check_again(const tce_frame_decoder *found) {
    require(found->payload_bytes <= TCE_FRAME_PAYLOAD_MAX);
    memcpy(sealed.bytes + TCE_FRAME_PAYLOAD_AT, found->payload, found->payload_bytes);
    const uint32_t bytes = tce_frame_seal(&sealed, found->type, found->sequence, found->payload_bytes);
    require(bytes <= TCE_FRAME_BYTES_MAX);
    static tce_frame_decoder again;
    memset(&again, 0, sizeof again);
    for (uint32_t i = 0; i < bytes; ++i) {
        const tce_frame_event event = tce_frame_push(&again, sealed.bytes[i]);
        require(event == (i + 1U == bytes ? TCE_FRAME_WHOLE : TCE_FRAME_NOTHING));
    }
    require(again.type == found->type && again.sequence == found->sequence && again.checksum == found->checksum);
    require(again.payload_bytes == found->payload_bytes);
    require(memcmp(again.payload, found->payload, found->payload_bytes) == 0);
}

static void stream(const uint8_t *bytes, size_t count) {
    size_t text = 0;
    for (size_t i = 0; i < count; ++i) {
        const tce_frame_event event = tce_frame_push(&decoder, bytes[i]);
        require(decoder.used <= TCE_FRAME_CONTENT_MAX);
        if (event == TCE_FRAME_WHOLE) {
            check_again(&decoder);
        } else if (event == TCE_FRAME_TEXT) {
            require(decoder.text_bytes >= 1 && decoder.text_bytes <= 2);
            require(decoder.text[decoder.text_bytes - 1U] == bytes[i]);
            text += decoder.text_bytes;
        }
    }
    require(text <= count);
}

static void frame(uint8_t type, uint8_t sequence, const uint8_t *payload, uint32_t count) {
    memcpy(sealed.bytes + TCE_FRAME_PAYLOAD_AT, payload, count);
    const uint32_t bytes = tce_frame_seal(&sealed, type, sequence, count);
    require(bytes <= TCE_FRAME_BYTES_MAX && sealed.bytes[0] == 0 && sealed.bytes[bytes - 1U] == 0);
    for (uint32_t i = 0; i < bytes; ++i) {
        const tce_frame_event event = tce_frame_push(&decoder, sealed.bytes[i]);
        require(event == (i + 1U == bytes ? TCE_FRAME_WHOLE : TCE_FRAME_NOTHING));
    }
    require(decoder.type == type && decoder.sequence == sequence && decoder.payload_bytes == count);
    require(memcmp(decoder.payload, payload, count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memset(&decoder, 0, sizeof decoder);
    if (size == 0) {
        return 0;
    }
    if ((data[0] & 1U) == 0) {
        stream(data + 1, size - 1);
    } else if (size >= 3) {
        const size_t count = size - 3;
        frame(data[1], data[2], data + 3, (uint32_t)(count < TCE_FRAME_PAYLOAD_MAX ? count : TCE_FRAME_PAYLOAD_MAX));
    }
    return 0;
}
