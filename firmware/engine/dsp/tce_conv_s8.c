/* Any convolution as gathered taps times a matrix: as many pixels at a time as tce_conv1x1_s8 widens at once, so that
 * weights are widened as rarely as there. Scratch: the gathered taps, rounded up to 16 bytes, then that kernel's. */
#include "tce_dsp.h"

#define TCE_PIXEL_BYTES 2304 /* of dsp/tce_conv1x1_s8.c */

/* Short runs at any address: a call of memcpy would cost more than the copy. Returns the end. */
static inline int8_t *tce_copy(int8_t *to, const int8_t *from, int32_t count) {
    __asm__ volatile("b 2f\n\t"
                     "1:\n\t"
                     "ldr r4, [%[from]], #4\n\t"
                     "str r4, [%[to]], #4\n\t"
                     "2:\n\t"
                     "subs %[count], #4\n\t"
                     "bge 1b\n\t"
                     "adds %[count], #4\n\t"
                     "beq 4f\n\t"
                     "3:\n\t"
                     "ldrb r4, [%[from]], #1\n\t"
                     "subs %[count], #1\n\t"
                     "strb r4, [%[to]], #1\n\t"
                     "bne 3b\n\t"
                     "4:"
                     : [to] "+r"(to), [from] "+r"(from), [count] "+r"(count)
                     :
                     : "r4", "cc", "memory");
    return to;
}

TCE_RARE static int8_t *tce_outside(int8_t *to, int32_t count, int32_t value) {
    for (; count > 0; count--) {
        *to++ = (int8_t)value;
    }
    return to;
}

/* Copies the taps of the output pixel whose window starts at column `left`, [kernel_h][kernel_w][channels]. */
static int8_t *tce_gather(const int8_t *const *rows, int8_t *patch, int32_t left, const tce_conv *layer) {
    const tce_window *w = &layer->window;
    const int32_t channels = w->channels;
    const int32_t right = left + (w->kernel_w - 1) * w->dilation_w;
    const int together = w->dilation_w == 1 && left >= 0 && right < w->in_w;

    for (int32_t i = 0; i < w->kernel_h; i++) {
        const int8_t *row = rows[i];
        if (row && together) {
            patch = tce_copy(patch, row + left * channels, w->kernel_w * channels);
            continue;
        }
        for (int32_t column = left; column <= right; column += w->dilation_w) {
            if (row && column >= 0 && column < w->in_w) {
                patch = tce_copy(patch, row + column * channels, channels);
                continue;
            }
            patch = tce_outside(patch, channels, layer->in_zero_point);
        }
    }
    return patch;
}

void tce_conv_row_s8(const int8_t *const *rows, int8_t *out, void *scratch, const tce_conv *layer) {
    const int32_t k = layer->product.k;
    const int32_t room = TCE_PIXEL_BYTES / (8 * ((k + 3) >> 2));
    const int32_t chunk = room > 4 ? room & ~1 : 4;
    int8_t *rest = (int8_t *)scratch + ((chunk * k + 15) & ~15);

    for (int32_t x = 0; x < layer->window.out_w;) {
        int8_t *patch = scratch;
        const int32_t first = x;
        for (; x < layer->window.out_w && x < first + chunk; x++) {
            patch = tce_gather(rows, patch, x * layer->window.stride_w - layer->window.pad_left, layer);
        }
        tce_conv1x1_s8(scratch, out + first * layer->product.c_out, x - first, rest, &layer->product);
    }
}
