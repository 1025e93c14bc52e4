/* Any element-wise function of one int8 tensor, as 256 bytes of flash: hard-swish, sigmoid, ReLUs, rescaling. */
#include "tce_engine.h"

void tce_table_s8(const int8_t *in, int8_t *out, int32_t count, const int8_t *table) {
    const int8_t *zero = table + 128;

    for (; count >= 4; count -= 4) {
        const int8_t a = zero[in[0]];
        const int8_t b = zero[in[1]];
        const int8_t c = zero[in[2]];
        const int8_t d = zero[in[3]];
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
        in += 4;
        out += 4;
    }
    for (; count > 0; count--) {
        *out++ = zero[*in++];
    }
}
