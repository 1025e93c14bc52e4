/* The mean of sums that tce_mean_add_s8 has made: one requantisation an output, few outputs, so small before fast. */
#include "tce_dsp.h"

void tce_mean_finish_s8(const int32_t *sums, int8_t *out, int32_t channels, const tce_mean *layer) {
    for (; channels > 0; channels--) {
        *out++ = tce_plain_code(*sums++ + layer->offset, layer->scale, &layer->output);
    }
}
