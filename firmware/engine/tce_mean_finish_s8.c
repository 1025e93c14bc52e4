/* A mean over rows, second half: sums to codes, one requantisation each. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_mean_finish_s8(const int32_t *sums, int8_t *out, int32_t channels, const tce_mean *layer) {
    for (int32_t c = 0; c < channels; c++) {
        out[c] = tce_store(tce_requant(sums[c] + layer->offset, layer->scale), layer->output);
    }
}
