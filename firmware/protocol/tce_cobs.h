/* Consistent overhead byte stuffing (Cheshire and Baker, 1999): any bytes, written without a zero.
 *
 * A group is a code byte n (1 to 255) and n - 1 bytes that are not zero; behind a group with n < 255 stands a zero that
 * is not written, except at the very end. The overhead is one byte, and one more for each whole 254 bytes. */
#ifndef TCE_COBS_H
#define TCE_COBS_H

#include <stdint.h>

/* Bytes that `count` bytes become at most. */
#define TCE_COBS_BYTES(count) ((count) + 1U + (count) / 254U)

/* Encodes `count` bytes of `in` into `out` and returns how many were written, at most TCE_COBS_BYTES(count).
 * The two may share a buffer if `out` lies TCE_COBS_BYTES(count) - count or more bytes before `in`: what is written
 * then never overtakes what is read. */
uint32_t tce_cobs_encode(const uint8_t *in, uint32_t count, uint8_t *out);

/* A decoder in the middle of its input; all zero before the first byte. */
typedef struct {
    uint8_t left;     /* bytes until the group ends */
    uint8_t zero_due; /* a zero stands behind the group, if another group follows */
} tce_cobs_decoder;

enum { TCE_COBS_NOTHING = -1 };

/* Takes one encoded byte, not zero; returns the byte that it decodes to, or TCE_COBS_NOTHING for a code that adds none.
 * The input is whole when `left` is 0. */
int tce_cobs_push(tce_cobs_decoder *decoder, uint8_t byte);

#endif
