/* Mean over axes: the pooled head, squeeze-and-excite. Sums are exact; one requantisation an output. */
#include "tce_engine.h"
#include "tce_requant.h"

static int8_t tce_finish(int32_t sum, const tce_mean *layer) {
    return tce_store(tce_requant(sum + layer->offset, layer->scale), layer->output);
}

/* `lanes` (1 or 4) neighbouring outputs; `in` points at their first element. */
static inline void tce_mean_lanes(const int8_t *in, int8_t *out, int lanes, const tce_mean *layer) {
    const int32_t step = layer->inner;
    const int32_t block = layer->middle * layer->reduce_b * layer->inner;
    int32_t sum[4] = {0, 0, 0, 0};

    for (int32_t a = 0; a < layer->reduce_a; a++) {
        const int8_t *x = in + a * block;
        for (int32_t b = layer->reduce_b; b > 0; b--) {
            for (int lane = 0; lane < lanes; lane++) {
                sum[lane] += x[lane];
            }
            x += step;
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        out[lane] = tce_finish(sum[lane], layer);
    }
}

void tce_mean_s8(const int8_t *in, int8_t *out, const tce_mean *layer) {
    const int32_t inner = layer->inner;

    for (int32_t o = 0; o < layer->outer; o++) {
        for (int32_t m = 0; m < layer->middle; m++) {
            const int8_t *first = in + (o * layer->reduce_a * layer->middle + m) * layer->reduce_b * inner;
            int32_t i = 0;
            for (; i + 4 <= inner; i += 4) {
                tce_mean_lanes(first + i, out + i, 4, layer);
            }
            for (; i < inner; i++) {
                tce_mean_lanes(first + i, out + i, 1, layer);
            }
            out += inner;
        }
    }
}
