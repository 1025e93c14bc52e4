/* A mean over rows on MVE, second half: sums to codes, four at a time. */
#include "tce_engine.h"
#include "tce_mve.h"

void tce_mean_finish_s8(const int32_t *sums, int8_t *out, int32_t channels, const tce_mean *layer) {
    const tce_scale4 scale = tce_same_scale(layer->scale);
    const tce_output output = layer->output;
    for (; channels > 0; channels -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)channels);
        const int32x4_t sum = vaddq_n_s32(vldrwq_z_s32(sums, some), layer->offset);
        vstrbq_p_s32(out, tce_codes4(tce_requant4(sum, scale), output), some);
        sums += 4;
        out += 4;
    }
}
