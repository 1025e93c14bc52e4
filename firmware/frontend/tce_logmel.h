/* Log-mel features in integers: one frame of 16-bit PCM in, one row of int16 in 1/256 dB out.
 *
 * The same bytes on every processor and from every compiler: 32-bit integers, 64-bit products, arithmetic shifts, no
 * float. docs/frontend.md specifies each step; tinyclap_edge/frontend/fixed.py is the same arithmetic in NumPy.
 * The constants and tables are generated for one front end by tinyclap_edge/frontend/tables.py. */
#ifndef TCE_LOGMEL_H
#define TCE_LOGMEL_H

#include <stdint.h>

#include "tce_logmel_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A complex number; the binary point moves from step to step and is told there. */
typedef struct {
    int32_t re;
    int32_t im;
} tce_logmel_complex;

/* Scratch of one frame. Nothing is kept from frame to frame, so one may serve several streams in turn. */
typedef struct {
    tce_logmel_complex bins[TCE_LOGMEL_N_FFT / 2]; /* 4 * n_fft bytes */
} tce_logmel;

/* One row of features.
 * pcm: [TCE_LOGMEL_WINDOW] samples, any values   out_q8: [TCE_LOGMEL_MELS] in 1/256 dB, TCE_LOGMEL_FLOOR_Q8 or more
 * 0 dB is a full-scale sine. Scratch: *ctx, which needs no initialisation. */
void tce_logmel_frame(tce_logmel *ctx, const int16_t pcm[TCE_LOGMEL_WINDOW], int16_t out_q8[TCE_LOGMEL_MELS]);

/* Features to the network's int8 input.
 * out = clamp(round_half_away((q8 + TCE_LOGMEL_OFFSET_Q8) * multiplier / 2^shift) + zero_point)
 * multiplier: [2^30, 2^31)   shift: 1..62   zero_point: -128..127.   Scratch: none. */
void tce_logmel_quantize_row(const int16_t *q8, int8_t *out, int count, int32_t multiplier, int shift,
                             int32_t zero_point);

#ifdef __cplusplus
}
#endif

#endif
