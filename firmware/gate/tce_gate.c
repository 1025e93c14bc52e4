#include "tce_gate.h"

void tce_gate_columns(const int16_t *row_q8, int32_t mels, int32_t floor_q8, uint16_t *columns) {
    uint32_t total = 0; /* of the row; 256 bins of at most 63,487 each */
    uint32_t loudest = 0;
    int32_t m = 0;
    for (int32_t band = 0; band < TCE_GATE_BANDS; ++band) {
        const int32_t begin = m;
        const int32_t end = mels * (band + 1) / TCE_GATE_BANDS;
        uint32_t sum = 0;
        for (; m < end; ++m) {
            const uint32_t level = (uint32_t)(row_q8[m] - floor_q8);
            sum += level;
            loudest = level > loudest ? level : loudest;
        }
        columns[band] = (uint16_t)(sum / (uint32_t)(end - begin));
        total += sum;
    }
    columns[TCE_GATE_BANDS] = (uint16_t)(loudest - total / (uint32_t)mels);
}

void tce_gate_features(const uint16_t *rows, int32_t count, int32_t oldest, int32_t *features) {
    for (int32_t column = 0; column < TCE_GATE_COLUMNS; ++column) {
        uint32_t sum = 0, change = 0, most = 0, least = UINT16_MAX; /* sums: 8192 rows of less than 2^16 each */
        uint32_t before = rows[oldest * TCE_GATE_COLUMNS + column];
        int32_t at = oldest;
        for (int32_t i = 0; i < count; ++i) {
            const uint32_t value = rows[at * TCE_GATE_COLUMNS + column];
            sum += value;
            most = value > most ? value : most;
            least = value < least ? value : least;
            change += value > before ? value - before : before - value;
            before = value;
            at = at + 1 == count ? 0 : at + 1;
        }
        int32_t *out = features + column * TCE_GATE_STATISTICS;
        out[0] = (int32_t)(sum / (uint32_t)count);
        out[1] = (int32_t)most;
        out[2] = (int32_t)(most - least);
        out[3] = count > 1 ? (int32_t)(change / (uint32_t)(count - 1)) : 0;
    }
}

#if TCE_GATE
int tce_gate_opens(const uint16_t *rows, int32_t count, int32_t oldest) {
    int32_t features[TCE_GATE_FEATURES];
    tce_gate_features(rows, count, oldest, features);
    return tce_gate_model(features);
}
#endif
