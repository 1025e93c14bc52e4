/* Depthwise convolution with several outputs a channel: rare, so one plain loop over every case. */
#include "tce_engine.h"
#include "tce_requant.h"

void tce_depthwise_multi_row_s8(const int8_t *in, int8_t *out, int32_t y, const tce_depthwise *layer) {
    const tce_window *w = &layer->window;
    const int32_t outputs = w->channels * layer->multiplier;
    const int32_t top = y * w->stride_h - w->pad_top;

    for (int32_t x = 0; x < w->out_w; x++) {
        const int32_t left = x * w->stride_w - w->pad_left;
        for (int32_t o = 0; o < outputs; o++) {
            const int32_t channel = o / layer->multiplier;
            const int8_t *k = layer->weights + o;
            int32_t acc = layer->bias[o];
            for (int32_t i = 0; i < w->kernel_h; i++) {
                const int32_t row = top + i * w->dilation_h;
                for (int32_t j = 0; j < w->kernel_w; j++) {
                    const int32_t column = left + j * w->dilation_w;
                    const int inside = row >= 0 && row < w->in_h && column >= 0 && column < w->in_w;
                    acc += (inside ? in[(row * w->in_w + column) * w->channels + channel] : layer->in_zero_point) * *k;
                    k += outputs;
                }
            }
            *out++ = tce_store(tce_requant(acc, layer->scale[o]), layer->output);
        }
    }
}
