/* Any element-wise function of one int8, as 256 bytes of flash: eight codes a turn, 3.3 instructions a code. */
#include "tce_dsp.h"

void tce_table_s8(const int8_t *in, int8_t *out, int32_t count, const int8_t *table) {
    const int8_t *zero = table + 128;
    int32_t eights = count >> 3;
    if (eights > 0) {
        __asm__ volatile("1:\n\t"
                         ".rept 2\n\t" TCE_LOOK_UP_FOUR ".endr\n\t"
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
