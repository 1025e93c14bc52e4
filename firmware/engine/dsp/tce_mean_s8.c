/* Mean over axes of a whole map: four neighbouring outputs at a time where the innermost axis stays. */
#include "tce_sum.h"

void tce_mean_s8(const int8_t *in, int8_t *out, const tce_mean *layer) {
    const int32_t inner = layer->inner;
    const int32_t block = layer->middle * layer->reduce_b * inner;
    const int32_t runs = layer->middle == 1 ? 1 : layer->reduce_a; /* contiguous runs of pixels */
    const int32_t run = layer->middle == 1 ? layer->reduce_a * layer->reduce_b : layer->reduce_b;

    for (int32_t o = 0; o < layer->outer; o++) {
        for (int32_t m = 0; m < layer->middle; m++) {
            const int8_t *first = in + (o * layer->reduce_a * layer->middle + m) * layer->reduce_b * inner;
            for (int32_t i = 0; i < inner;) {
                const int32_t lanes = inner - i >= 4 ? 4 : 1;
                int32_t sums[4] = {0, 0, 0, 0};
                for (int32_t a = 0; a < runs; a++) {
                    const int8_t *x = first + a * block + i;
                    if (lanes == 4) {
                        tce_sum(x, sums, inner, run, 1);
                        continue;
                    }
                    for (int32_t b = 0; b < run; b++, x += inner) {
                        sums[0] += *x;
                    }
                }
                for (int32_t lane = 0; lane < lanes; lane++) {
                    *out++ = tce_plain_code(sums[lane] + layer->offset, layer->scale, &layer->output);
                }
                i += lanes;
            }
        }
    }
}
