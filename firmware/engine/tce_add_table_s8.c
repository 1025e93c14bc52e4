/* Element-wise sum with both inputs' scaling in tables: residual connections. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_add_table_s8(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, const tce_add_table *layer) {
    const tce_output output = layer->output; /* copies: a store to `out` could otherwise change them */
    const tce_scale scale = layer->scale;
    const int32_t *a_zero = layer->a + 128;
    const int32_t *b_zero = layer->b + 128;

    for (int32_t i = 0; i < count; i++) {
        out[i] = tce_store(tce_requant(a_zero[a[i]] + b_zero[b[i]], scale), output);
    }
}
