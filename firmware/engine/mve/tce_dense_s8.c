/* Fully connected layer on MVE: four outputs share each vector of inputs; one rounding, so one at a time. */
#include "tce_engine.h"
#include "tce_mve.h"
#include "tce_requant.h"

#define TCE_STEP 16 /* inputs of one vector */

static inline int8_t tce_finish(int32_t acc, int32_t c, const tce_dense *layer) {
    return tce_store(tce_requant_once(acc, tce_scale_of(layer->scale, c)), layer->output);
}

static void tce_row(const int8_t *in, int8_t *out, const tce_dense *layer) {
    const int32_t c_in = layer->c_in;
    const int32_t *bias = layer->bias;
    const int8_t *w = layer->weights;
    int32_t c = 0;

    for (; c + 4 <= layer->c_out; c += 4) {
        int32_t acc0 = bias[c], acc1 = bias[c + 1], acc2 = bias[c + 2], acc3 = bias[c + 3];
        const int8_t *x = in;
        const int8_t *w0 = w, *w1 = w0 + c_in, *w2 = w1 + c_in, *w3 = w2 + c_in;
        for (int32_t left = c_in; left > 0; left -= TCE_STEP) {
            const mve_pred16_t some = vctp8q((uint32_t)left);
            const int8x16_t a = vldrbq_z_s8(x, some);
            acc0 = vmladavaq_p_s8(acc0, a, vldrbq_z_s8(w0, some), some);
            acc1 = vmladavaq_p_s8(acc1, a, vldrbq_z_s8(w1, some), some);
            acc2 = vmladavaq_p_s8(acc2, a, vldrbq_z_s8(w2, some), some);
            acc3 = vmladavaq_p_s8(acc3, a, vldrbq_z_s8(w3, some), some);
            x += TCE_STEP;
            w0 += TCE_STEP;
            w1 += TCE_STEP;
            w2 += TCE_STEP;
            w3 += TCE_STEP;
        }
        out[c] = tce_finish(acc0, c, layer);
        out[c + 1] = tce_finish(acc1, c + 1, layer);
        out[c + 2] = tce_finish(acc2, c + 2, layer);
        out[c + 3] = tce_finish(acc3, c + 3, layer);
        w += 4 * c_in;
    }
    for (; c < layer->c_out; c++) {
        int32_t acc = bias[c];
        for (int32_t i = 0; i < c_in; i += TCE_STEP) {
            const mve_pred16_t some = vctp8q((uint32_t)(c_in - i));
            acc = vmladavaq_p_s8(acc, vldrbq_z_s8(in + i, some), vldrbq_z_s8(w + i, some), some);
        }
        out[c] = tce_finish(acc, c, layer);
        w += c_in;
    }
}

void tce_dense_s8(const int8_t *in, int8_t *out, int32_t rows, void *scratch, const tce_dense *layer) {
    (void)scratch;
    for (; rows > 0; rows--) {
        tce_row(in, out, layer);
        in += layer->c_in;
        out += layer->c_out;
    }
}
