/* A mean over the last rows of a stream, for rows so wide that their sums need 32 bits. */
#include "tce_engine.h"

void tce_mean_slide_wide_s8(const int8_t *row, int32_t *sums, int32_t *kept, int32_t pixels, int32_t channels) {
    for (int32_t c = 0; c < channels; c++) {
        const int8_t *x = row + c;
        int32_t sum = 0;
        for (int32_t p = pixels; p > 0; p--) {
            sum += *x;
            x += channels;
        }
        sums[c] += sum - kept[c];
        kept[c] = sum;
    }
}
