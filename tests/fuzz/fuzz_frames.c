/* Any bytes into the frame decoder: it stays within its buffer, and what it accepts is what the encoder writes. */
#include <stdlib.h>
#include <string.h>

#include "tce_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const tce_frame_decoder *found) {
    tce_frame frame;
    if (found->payload_bytes > TCE_FRAME_PAYLOAD_MAX) {
        abort();
    }
    memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, found->payload, found->payload_bytes);
    const uint32_t bytes = tce_frame_seal(&frame, found->type, found->sequence, found->payload_bytes);
    if (bytes > TCE_FRAME_BYTES_MAX) {
        abort();
    }
    tce_frame_decoder again = {0};
    for (uint32_t i = 0; i < bytes; ++i) {
        const tce_frame_event event = tce_frame_push(&again, frame.bytes[i]);
        if (event != (i + 1U == bytes ? TCE_FRAME_WHOLE : TCE_FRAME_NOTHING)) {
            abort();
        }
    }
    if (again.type != found->type || again.sequence != found->sequence || again.checksum != found->checksum ||
        again.payload_bytes != found->payload_bytes || memcmp(again.payload, found->payload, found->payload_bytes)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tce_frame_decoder decoder = {0};
    for (size_t i = 0; i < size; ++i) {
        const tce_frame_event event = tce_frame_push(&decoder, data[i]);
        if (event == TCE_FRAME_WHOLE) {
            check(&decoder);
        } else if (event == TCE_FRAME_TEXT && (decoder.text_bytes < 1 || decoder.text_bytes > 2)) {
            abort();
        }
    }
    /* any bytes as a payload, so that the checksum does not stand in the way */
    if (size >= 2) {
        tce_frame frame;
        const uint32_t count = (uint32_t)(size - 2U < TCE_FRAME_PAYLOAD_MAX ? size - 2U : TCE_FRAME_PAYLOAD_MAX);
        memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, data + 2, count);
        const uint32_t bytes = tce_frame_seal(&frame, data[0], data[1], count);
        decoder = (tce_frame_decoder){0};
        tce_frame_event event = TCE_FRAME_NOTHING;
        for (uint32_t i = 0; i < bytes; ++i) {
            event = tce_frame_push(&decoder, frame.bytes[i]);
        }
        if (event != TCE_FRAME_WHOLE || decoder.payload_bytes != count || memcmp(decoder.payload, data + 2, count)) {
            abort();
        }
        check(&decoder);
    }
    return 0;
}
