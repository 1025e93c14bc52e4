/* Maximum pooling over the taps that lie inside the map. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_max_pool_row_s8(const int8_t *const *rows, int8_t *out, const tce_pool *layer) {
    const tce_window *w = &layer->window;

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        const int32_t x0 = left < 0 ? 0 : left;
        const int32_t x1 = left + w->kernel_w > w->in_w ? w->in_w : left + w->kernel_w;
        for (int32_t c = 0; c < w->channels; c++) {
            int32_t largest = INT8_MIN;
            for (int32_t i = 0; i < w->kernel_h; i++) {
                if (rows[i]) {
                    const int8_t *tap = rows[i] + x0 * w->channels + c;
                    for (int32_t column = x0; column < x1; column++) {
                        largest = *tap > largest ? *tap : largest;
                        tap += w->channels;
                    }
                }
            }
            *out++ = tce_store(largest, layer->output);
        }
    }
}
