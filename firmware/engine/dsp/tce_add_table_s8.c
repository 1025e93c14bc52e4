/* Residual sums with both inputs' scaling in tables: eleven instructions an element, four elements a turn. */
#include "tce_dsp.h"

/* In the order of the registers r1 to r9. */
typedef struct {
    const int8_t *a, *b;
    int8_t *out;
    int32_t quads;
    const int32_t *a_zero, *b_zero; /* entries of code 0 */
    tce_short scale;
} tce_job;

/* Stack: 36 bytes. */
TCE_NAKED static void tce_sums(const tce_job *job __attribute__((unused))) {
    __asm__ volatile(TCE_STACK(tce_sums, 36) ".syntax unified\n"
                                             "push {r4-r11, lr}\n"
                                             "ldmia.w r0, {r1-r9}\n"
                                             "1:\n"
                                             ".rept 4\n"
                                             "ldrsb r10, [r1], #1\n"
                                             "ldrsb r11, [r2], #1\n"
                                             "ldr r10, [r5, r10, lsl #2]\n"
                                             "ldr r11, [r6, r11, lsl #2]\n"
                                             "add r10, r11\n"
                                             "add r12, r8, r10, asr #31\n"
                                             "lsl r10, r10, #1\n"
                                             "smmlar r10, r10, r7, r12\n"
                                             "asr r10, r10, r9\n"
                                             "ssat r10, #8, r10\n"
                                             "strb r10, [r3], #1\n"
                                             ".endr\n"
                                             "subs r4, #1\n"
                                             "bne 1b\n"
                                             "pop {r4-r11, pc}\n");
}

void tce_add_table_s8(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, const tce_add_table *layer) {
    tce_job job = {a, b, out, count >> 2, layer->a + 128, layer->b + 128, {0, 0, 0}};
    int32_t done = 0;
    if (job.quads > 0 && tce_make_short(layer->scale, layer->output.zero_point, &job.scale)) {
        tce_sums(&job);
        done = count & ~3;
        tce_finish_codes(out, done, &layer->output);
    }
    for (; done < count; done++) {
        out[done] = tce_plain_code(job.a_zero[a[done]] + job.b_zero[b[done]], &layer->scale, &layer->output);
    }
}
