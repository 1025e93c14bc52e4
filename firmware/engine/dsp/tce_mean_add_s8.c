/* A row of a mean, added to its sums: four channels at a time down the pixels. */
#include "tce_sum.h"

void tce_mean_add_s8(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels) {
    int32_t c = 0;
    for (; c + 4 <= channels; c += 4) {
        tce_sum_four(row + c, channels, pixels, sums + c);
    }
    for (; c < channels; c++) {
        for (int32_t p = 0; p < pixels; p++) {
            sums[c] += row[p * channels + c];
        }
    }
}
