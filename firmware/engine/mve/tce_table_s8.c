/* Any element-wise function of one int8 tensor on MVE: sixteen entries of the table a gather. */
#include "tce_engine.h"
#include "tce_mve.h"

void tce_table_s8(const int8_t *in, int8_t *out, int32_t count, const int8_t *table) {
    for (int32_t n = count / 64; n > 0; n--) {
        for (int i = 0; i < 64; i += 16) {
            const uint8x16_t at = vreinterpretq_u8_s8(vaddq_n_s8(vldrbq_s8(in + i), -128)); /* code + 128, modulo 256 */
            vstrbq_s8(out + i, vldrbq_gather_offset_s8(table, at));
        }
        in += 64;
        out += 64;
    }
    for (count %= 64; count > 0; count -= 16) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        const uint8x16_t at = vreinterpretq_u8_s8(vaddq_n_s8(vldrbq_z_s8(in, some), -128));
        vstrbq_p_s8(out, vldrbq_gather_offset_z_s8(table, at, some), some);
        in += 16;
        out += 16;
    }
}
