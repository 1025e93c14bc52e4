#include "tce_logmel.h"

void tce_logmel_quantize_row(const int16_t *q8, int8_t *out, int count, int32_t multiplier, int shift,
                             int32_t zero_point) {
    const int64_t half = (int64_t)1 << (shift - 1);
    for (int i = 0; i < count; ++i) {
        const int64_t product = ((int64_t)q8[i] + TCE_LOGMEL_OFFSET_Q8) * multiplier; /* below 2^48 */
        const int64_t scaled = product < 0 ? -((half - product) >> shift) : (product + half) >> shift;
        const int64_t value = scaled + zero_point;
        out[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}
