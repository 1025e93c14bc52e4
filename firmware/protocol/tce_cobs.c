#include "tce_cobs.h"

enum { FULL = 255 };

uint32_t tce_cobs_encode(const uint8_t *in, uint32_t count, uint8_t *out) {
    uint32_t code_at = 0;
    uint32_t used = 1;
    uint8_t code = 1;
    for (uint32_t i = 0; i < count; ++i) {
        const uint8_t byte = in[i];
        if (byte != 0) {
            out[used++] = byte;
            ++code;
        }
        /* a full group at the end of the input closes the input too: no empty group behind it */
        if (byte == 0 || (code == FULL && i + 1U < count)) {
            out[code_at] = code;
            code_at = used++;
            code = 1;
        }
    }
    out[code_at] = code;
    return used;
}

int tce_cobs_push(tce_cobs_decoder *decoder, uint8_t byte) {
    if (decoder->left != 0) {
        decoder->left--;
        return byte;
    }
    const int decoded = decoder->zero_due != 0 ? 0 : TCE_COBS_NOTHING;
    decoder->left = (uint8_t)(byte - 1U);
    decoder->zero_due = byte != FULL;
    return decoded;
}
