/* A row of a mean, added to its sums: four channels at a time down the pixels. */
#include "tce_sum.h"

/* The channels that four leaves. */
TCE_RARE static void tce_add_rest(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels) {
    for (int32_t c = channels & ~3; c < channels; c++) {
        for (int32_t at = c; at < pixels * channels; at += channels) {
            sums[c] += row[at];
        }
    }
}

void tce_mean_add_s8(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels) {
    if (channels >= 4) {
        tce_sum(row, sums, channels, pixels, channels >> 2);
    }
    if (channels & 3) {
        tce_add_rest(row, sums, pixels, channels);
    }
}
