/* A mean over rows, first half: channel sums grow as rows arrive. */
#include "tce_engine.h"

void tce_mean_add_s8(const int8_t *row, int32_t *sums, int32_t pixels, int32_t channels) {
    int32_t c = 0;
    for (; c + 4 <= channels; c += 4) {
        const int8_t *x = row + c;
        int32_t a = sums[c], b = sums[c + 1], d = sums[c + 2], e = sums[c + 3];
        for (int32_t p = pixels; p > 0; p--) {
            a += x[0];
            b += x[1];
            d += x[2];
            e += x[3];
            x += channels;
        }
        sums[c] = a;
        sums[c + 1] = b;
        sums[c + 2] = d;
        sums[c + 3] = e;
    }
    for (; c < channels; c++) {
        for (int32_t p = 0; p < pixels; p++) {
            sums[c] += row[p * channels + c];
        }
    }
}
