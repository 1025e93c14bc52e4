/* Squeeze-and-excite: every pixel's channels times one gate a channel. Four channels at a time walk down the pixels:
 * a word loaded, two SXTB16, two SSUB16 for the zero point, four products, each requantised in four instructions. */
#include "tce_dsp.h"

/* In the order of the registers r0 to r9, with r10 for the shift. */
typedef struct {
    const int8_t *in;
    int8_t *out;
    int32_t step, pixels;
    int32_t gates_even, gates_odd; /* doubled, of channels (0, 2) and (1, 3) */
    int32_t zero_points;           /* of the input, in both halves */
    tce_short scale;
} tce_job;

/* Four channels of every pixel. Stack: 36 bytes. */
TCE_NAKED static void tce_four(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(TCE_STACK(tce_four, 36) ".syntax unified\n"
                                             "push {r4-r11, lr}\n"
                                             "ldmia.w r0, {r0-r9}\n"
                                             "1:\n"
                                             "ldr r10, [r0]\n"
                                             "add r0, r2\n"
                                             "sxtb16 r12, r10, ror #8\n"
                                             "sxtb16 r10, r10\n"
                                             "ssub16 r12, r12, r6\n"
                                             "ssub16 r10, r10, r6\n"
                                             "smulbb r11, r10, r4\n"
                                             "add lr, r8, r11, asr #31\n"
                                             "smmlar r11, r11, r7, lr\n"
                                             "asr r11, r11, r9\n"
                                             "ssat r11, #8, r11\n"
                                             "strb r11, [r1]\n"
                                             "smultt r11, r10, r4\n"
                                             "add lr, r8, r11, asr #31\n"
                                             "smmlar r11, r11, r7, lr\n"
                                             "asr r11, r11, r9\n"
                                             "ssat r11, #8, r11\n"
                                             "strb r11, [r1, #2]\n"
                                             "smulbb r11, r12, r5\n"
                                             "add lr, r8, r11, asr #31\n"
                                             "smmlar r11, r11, r7, lr\n"
                                             "asr r11, r11, r9\n"
                                             "ssat r11, #8, r11\n"
                                             "strb r11, [r1, #1]\n"
                                             "smultt r11, r12, r5\n"
                                             "add lr, r8, r11, asr #31\n"
                                             "smmlar r11, r11, r7, lr\n"
                                             "asr r11, r11, r9\n"
                                             "ssat r11, #8, r11\n"
                                             "strb r11, [r1, #3]\n"
                                             "add r1, r2\n"
                                             "subs r3, #1\n"
                                             "bne 1b\n"
                                             "pop {r4-r11, pc}\n");
}

static inline int32_t tce_halves(int32_t low, int32_t high) {
    return (int32_t)((uint32_t)low & 0xFFFFU) | (int32_t)((uint32_t)high << 16);
}

void tce_mul_channels_s8(const int8_t *in, const int8_t *gate, int8_t *out, int32_t pixels, int32_t channels,
                         const tce_binary *layer) {
    const int32_t zero = layer->b_zero_point;
    int32_t c = 0;
    tce_job job;
    if (pixels > 0 && tce_make_short(layer->scale, layer->output.zero_point, &job.scale)) {
        job.step = channels;
        job.pixels = pixels;
        job.zero_points = tce_halves(layer->a_zero_point, layer->a_zero_point);
        for (; c + 4 <= channels; c += 4) {
            job.in = in + c;
            job.out = out + c;
            job.gates_even = tce_halves(2 * (gate[c] - zero), 2 * (gate[c + 2] - zero));
            job.gates_odd = tce_halves(2 * (gate[c + 1] - zero), 2 * (gate[c + 3] - zero));
            tce_four(&job);
        }
    }
    const tce_output saturated = {layer->output.zero_point, -128, 127, NULL};
    for (; c < channels; c++) {
        const int32_t factor = gate[c] - zero;
        for (int32_t at = c; at < pixels * channels; at += channels) {
            out[at] = tce_plain_code((in[at] - layer->a_zero_point) * factor, layer->scale, &saturated);
        }
    }
    tce_finish_codes(out, pixels * channels, &layer->output);
}
