/* Depthwise convolution with several outputs a channel, or a huge window: rare, so one plain loop over every case. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_depthwise_multi_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_depthwise *layer) {
    (void)scratch;
    const tce_window *w = &layer->window;
    const int32_t outputs = w->channels * layer->depth_multiplier;

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        for (int32_t o = 0; o < outputs; o++) {
            const int32_t channel = o / layer->depth_multiplier;
            const int8_t *k = layer->weights + o;
            int32_t acc = layer->bias[o];
            for (int32_t i = 0; i < w->kernel_h; i++) {
                int32_t column = left;
                for (int32_t j = 0; j < w->kernel_w; j++) {
                    const int inside = rows[i] && column >= 0 && column < w->in_w;
                    acc += (inside ? rows[i][column * w->channels + channel] : layer->in_zero_point) * *k;
                    column += w->dilation_w;
                    k += outputs;
                }
            }
            *out++ = tce_store(tce_requant(acc, tce_scale_of(layer->scale, o)), layer->output);
        }
    }
}
