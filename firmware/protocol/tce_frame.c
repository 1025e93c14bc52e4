#include "tce_frame.h"
#include "tce_crc32.h"

enum { DELIMITER = 0, CONTENT_AT = TCE_FRAME_PAYLOAD_AT - TCE_FRAME_HEADER_BYTES };

_Static_assert(CONTENT_AT >= 1 + 1 + TCE_FRAME_CONTENT_MAX / 254, "the encoder would overtake its input");

uint32_t tce_frame_seal(tce_frame *frame, uint8_t type, uint8_t sequence, uint32_t count) {
    uint8_t *content = frame->bytes + CONTENT_AT;
    content[0] = TCE_FRAME_VERSION;
    content[1] = type;
    content[2] = sequence;
    const uint32_t sealed = TCE_FRAME_HEADER_BYTES + count;
    const uint32_t crc = tce_crc32(0, content, sealed);
    for (uint32_t i = 0; i < TCE_FRAME_CRC_BYTES; ++i) {
        content[sealed + i] = (uint8_t)(crc >> 8U * i);
    }
    const uint32_t used = 1U + tce_cobs_encode(content, sealed + TCE_FRAME_CRC_BYTES, frame->bytes + 1);
    frame->bytes[0] = DELIMITER;
    frame->bytes[used] = DELIMITER;
    return used + 1U;
}

static tce_frame_event text(tce_frame_decoder *decoder, uint32_t count) {
    decoder->text_bytes = count;
    return TCE_FRAME_TEXT;
}

/* The bytes behind a delimiter begin anew: as a frame, until they turn out to be none. */
static void begin(tce_frame_decoder *decoder) {
    decoder->inside = 1;
    decoder->begun = 0;
    decoder->used = 0;
    decoder->cobs = (tce_cobs_decoder){0};
}

static tce_frame_event end(tce_frame_decoder *decoder) {
    if (decoder->begun == 0) { /* two delimiters side by side */
        return TCE_FRAME_NOTHING;
    }
    const uint32_t used = decoder->used;
    const int whole = decoder->cobs.left == 0 && used >= TCE_FRAME_HEADER_BYTES + TCE_FRAME_CRC_BYTES;
    begin(decoder); /* if this was no frame's end, it may be the next one's begin */
    if (!whole) {
        return TCE_FRAME_DAMAGED;
    }
    const uint32_t sealed = used - TCE_FRAME_CRC_BYTES;
    const uint8_t *stored = decoder->content + sealed;
    const uint32_t checksum =
        (uint32_t)stored[0] | (uint32_t)stored[1] << 8 | (uint32_t)stored[2] << 16 | (uint32_t)stored[3] << 24;
    if (tce_crc32(0, decoder->content, sealed) != checksum) {
        return TCE_FRAME_DAMAGED;
    }
    decoder->inside = 0;
    decoder->type = decoder->content[1];
    decoder->sequence = decoder->content[2];
    decoder->payload = decoder->content + TCE_FRAME_HEADER_BYTES;
    decoder->payload_bytes = sealed - TCE_FRAME_HEADER_BYTES;
    decoder->checksum = checksum;
    return TCE_FRAME_WHOLE;
}

tce_frame_event tce_frame_push(tce_frame_decoder *decoder, uint8_t byte) {
    if (byte == DELIMITER) {
        if (decoder->inside != 0) {
            return end(decoder);
        }
        begin(decoder);
        return TCE_FRAME_NOTHING;
    }
    if (decoder->inside == 0) {
        decoder->text[0] = byte;
        return text(decoder, 1);
    }
    if (decoder->begun < 2) {
        decoder->text[decoder->begun++] = byte;
        /* a frame begins with a code above 1 and the version */
        if (decoder->begun == 2 && (byte != TCE_FRAME_VERSION || decoder->text[0] == 1)) {
            decoder->inside = 0;
            return text(decoder, 2);
        }
    }
    const int decoded = tce_cobs_push(&decoder->cobs, byte);
    if (decoded != TCE_COBS_NOTHING) {
        if (decoder->used == TCE_FRAME_CONTENT_MAX) {
            decoder->inside = 0;
            return TCE_FRAME_DAMAGED;
        }
        decoder->content[decoder->used++] = (uint8_t)decoded;
    }
    return TCE_FRAME_NOTHING;
}
