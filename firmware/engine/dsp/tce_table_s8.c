/* Any element-wise function of one int8, as 256 bytes of flash: eight codes a turn, 3.3 instructions a code. */
#include "tce_dsp.h"

void tce_table_s8(const int8_t *in, int8_t *out, int32_t count, const int8_t *table) {
    const int8_t *zero = table + 128;
    int32_t eights = count >> 3;
    if (eights > 0) {
        __asm__ volatile("1:\n\t"
                         ".rept 2\n\t"
                         "ldrsb r4, [%[in]], #1\n\t"
                         "ldrsb r5, [%[in]], #1\n\t"
                         "ldrsb r6, [%[in]], #1\n\t"
                         "ldrsb r8, [%[in]], #1\n\t"
                         "ldrb r4, [%[zero], r4]\n\t"
                         "ldrb r5, [%[zero], r5]\n\t"
                         "ldrb r6, [%[zero], r6]\n\t"
                         "ldrb r8, [%[zero], r8]\n\t"
                         "strb r4, [%[out]], #1\n\t"
                         "strb r5, [%[out]], #1\n\t"
                         "strb r6, [%[out]], #1\n\t"
                         "strb r8, [%[out]], #1\n\t"
                         ".endr\n\t"
                         "subs %[eights], #1\n\t"
                         "bne 1b"
                         : [in] "+r"(in), [out] "+r"(out), [eights] "+r"(eights)
                         : [zero] "r"(zero)
                         : "r4", "r5", "r6", "r8", "cc", "memory");
    }
    for (count &= 7; count > 0; count--) {
        *out++ = zero[*in++];
    }
}
