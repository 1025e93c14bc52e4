/* Average pooling over the taps that lie inside the map. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_average_pool_row_s8(const int8_t *const *rows, int8_t *out, const tce_pool *layer) {
    const tce_window *w = &layer->window;
    int32_t inside = 0; /* rows of the window that lie in the map */
    for (int32_t i = 0; i < w->kernel_h; i++) {
        inside += rows[i] != NULL;
    }

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        const int32_t x0 = left < 0 ? 0 : left;
        const int32_t x1 = left + w->kernel_w > w->in_w ? w->in_w : left + w->kernel_w;
        const int32_t count = inside * (x1 - x0);
        for (int32_t c = 0; c < w->channels; c++) {
            int32_t sum = 0;
            for (int32_t i = 0; i < w->kernel_h; i++) {
                if (rows[i]) {
                    const int8_t *tap = rows[i] + x0 * w->channels + c;
                    for (int32_t column = x0; column < x1; column++) {
                        sum += *tap;
                        tap += w->channels;
                    }
                }
            }
            *out++ = tce_store((sum > 0 ? sum + count / 2 : sum - count / 2) / count, layer->output);
        }
    }
}
