/* Squeeze-and-excite: every pixel's channels times one gate a channel. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_mul_channels_s8(const int8_t *in, const int8_t *gate, int8_t *out, int32_t pixels, int32_t channels,
                         const tce_binary *layer) {
    const tce_output output = layer->output; /* copies: a store to `out` could otherwise change them */
    const tce_scale scale = layer->scale;
    const int32_t in_zero_point = layer->a_zero_point;
    const int32_t gate_zero_point = layer->b_zero_point;

    for (int32_t c = 0; c < channels; c++) {
        const int32_t factor = gate[c] - gate_zero_point;
        const int8_t *x = in + c;
        int8_t *y = out + c;
        for (int32_t p = pixels; p > 0; p--) {
            *y = tce_store(tce_requant((*x - in_zero_point) * factor, scale), output);
            x += channels;
            y += channels;
        }
    }
}
