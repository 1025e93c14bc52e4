/* Frames in a stream of bytes that may also carry lines of text. docs/protocol.md specifies every byte.
 *
 *   00  COBS( A1 type sequence payload[0..264] CRC-32 )  00
 *
 * Text holds no zero byte, and no byte of it can follow a zero as a frame's first byte does, so a receiver that starts
 * in the middle finds the next frame whatever came before. Nothing here waits, allocates or reads behind its input. */
#ifndef TCE_FRAME_H
#define TCE_FRAME_H

#include <stdint.h>

#include "tce_cobs.h"

enum {
    TCE_FRAME_VERSION = 0xA1, /* first byte of the content: the format's version 1, and no letter of any text */
    TCE_FRAME_HEADER_BYTES = 3,
    TCE_FRAME_CRC_BYTES = 4,
    TCE_FRAME_PAYLOAD_MAX = 264,
    TCE_FRAME_CONTENT_MAX = TCE_FRAME_HEADER_BYTES + TCE_FRAME_PAYLOAD_MAX + TCE_FRAME_CRC_BYTES, /* before COBS */
    TCE_FRAME_BYTES_MAX = 2 + TCE_FRAME_CONTENT_MAX + 1 + TCE_FRAME_CONTENT_MAX / 254,            /* on the wire */
    TCE_FRAME_PAYLOAD_AT = 4 + TCE_FRAME_HEADER_BYTES /* where tce_frame_seal finds the payload */
};

/* A frame under construction, and then its bytes on the wire. */
typedef struct {
    uint8_t bytes[TCE_FRAME_BYTES_MAX + 4];
} tce_frame;

/* Turns the payload of `count` bytes at frame->bytes + TCE_FRAME_PAYLOAD_AT into a whole frame, which begins at
 * frame->bytes; returns its length on the wire. count <= TCE_FRAME_PAYLOAD_MAX. */
uint32_t tce_frame_seal(tce_frame *frame, uint8_t type, uint8_t sequence, uint32_t count);

typedef enum {
    TCE_FRAME_NOTHING, /* the byte was taken */
    TCE_FRAME_TEXT,    /* decoder->text holds text_bytes bytes that belong to no frame */
    TCE_FRAME_WHOLE,   /* type, sequence, payload and payload_bytes describe a frame, until the next byte is pushed */
    TCE_FRAME_DAMAGED  /* what began as a frame is none: cut short, too long, or with another checksum */
} tce_frame_event;

/* The receiver. All zero before the first byte. */
typedef struct {
    uint8_t inside; /* behind a zero byte that may begin a frame */
    uint8_t begun;  /* encoded bytes behind it: 0, 1, or 2 for "two or more" */
    uint8_t text[2];
    uint32_t text_bytes;
    tce_cobs_decoder cobs;
    uint8_t content[TCE_FRAME_CONTENT_MAX];
    uint32_t used; /* bytes of content */

    uint8_t type, sequence;
    const uint8_t *payload; /* in content */
    uint32_t payload_bytes;
    uint32_t checksum; /* the frame's own, which tells two frames apart */
} tce_frame_decoder;

/* Takes the next byte of the stream and says what it completed. */
tce_frame_event tce_frame_push(tce_frame_decoder *decoder, uint8_t byte);

#endif
