/* Residual sums, 14 instructions an element: RSB takes the zero point off the shifted code, a is halved by that shift,
 * b and the sum are requantised as tce_dsp.h says. The sum is doubled as it is added up. What is repeated, subtracted,
 * or scaled otherwise goes by the plain rule. */
#include "tce_dsp.h"

/* In the order of the registers r0 to r11. */
typedef struct {
    const int8_t *halved, *scaled;
    int8_t *out;
    int32_t pairs;
    int32_t halved_zero, scaled_zero; /* zero points, shifted as the codes are */
    tce_short factor, sum;
} tce_job;

/* Two elements a turn. Stack: 36 bytes. */
TCE_NAKED static void tce_sums(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(TCE_STACK(tce_sums, 36) ".syntax unified\n"
                                             "push {r4-r11, lr}\n"
                                             "ldmia.w r0, {r0-r11}\n"
                                             "1:\n"
                                             ".rept 2\n"
                                             "ldrsb r12, [r1], #1\n"
                                             "rsb r12, r5, r12, lsl #21\n"
                                             "add lr, r7, r12, asr #31\n"
                                             "smmlar r12, r12, r6, lr\n"
                                             "ldrsb lr, [r0], #1\n"
                                             "asr r12, r12, r8\n"
                                             "rsb lr, r4, lr, lsl #20\n"
                                             "add r12, lr, r12, lsl #1\n"
                                             "add lr, r10, r12, asr #31\n"
                                             "smmlar r12, r12, r9, lr\n"
                                             "asr r12, r12, r11\n"
                                             "ssat r12, #8, r12\n"
                                             "strb r12, [r2], #1\n"
                                             ".endr\n"
                                             "subs r3, #1\n"
                                             "bne 1b\n"
                                             "pop {r4-r11, pc}\n");
}

/* The constants where a run of dense inputs takes the short way, else 0. */
TCE_RARE static int tce_prepare(const tce_binary *layer, tce_job *job) {
    job->halved_zero = layer->a_zero_point * (INT32_C(1) << TCE_ADD_LEFT_SHIFT);
    job->scaled_zero = layer->b_zero_point * (INT32_C(2) << TCE_ADD_LEFT_SHIFT);
    job->pairs = layer->size[2] >> 1;
    return layer->a_stride[2] == 1 && layer->b_stride[2] == 1 && layer->b_sign == 1 && tce_is_half(layer->a_scale) &&
           tce_make_short(tce_add_factor(layer->b_scale), 0, &job->factor) &&
           tce_make_short(layer->scale, layer->output.zero_point, &job->sum);
}

TCE_RARE static int32_t tce_widen(int32_t value, int32_t zero_point, tce_scale scale) {
    return tce_requant((value - zero_point) * (INT32_C(1) << TCE_ADD_LEFT_SHIFT), scale);
}

/* What the short way leaves of a run: its elements from `done` on. */
TCE_RARE static void tce_run(const tce_job *job, int32_t done, const tce_binary *layer) {
    for (; done < layer->size[2]; done++) {
        const int32_t a = job->halved[done * layer->a_stride[2]], b = job->scaled[done * layer->b_stride[2]];
        const int32_t sum = tce_widen(a, layer->a_zero_point, layer->a_scale) +
                            layer->b_sign * tce_widen(b, layer->b_zero_point, layer->b_scale);
        job->out[done] = tce_plain_code(sum, layer->scale, &layer->output);
    }
}

void tce_add_s8(const int8_t *a, const int8_t *b, int8_t *out, const tce_binary *layer) {
    tce_job job;
    const int32_t count = layer->size[2], done = tce_prepare(layer, &job) ? count & ~1 : 0;

    for (int32_t i = 0; i < layer->size[0]; i++) {
        for (int32_t j = 0; j < layer->size[1]; j++) {
            job.halved = a + i * layer->a_stride[0] + j * layer->a_stride[1];
            job.scaled = b + i * layer->b_stride[0] + j * layer->b_stride[1];
            job.out = out;
            if (done > 0) {
                tce_sums(&job);
                tce_finish_codes(out, done, &layer->output);
            }
            tce_run(&job, done, layer);
            out += count;
        }
    }
}
