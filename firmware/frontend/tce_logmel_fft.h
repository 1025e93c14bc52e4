/* The spectrum of one frame: window, FFT of even + i odd samples, split. Private to the front end. */
#ifndef TCE_LOGMEL_FFT_H
#define TCE_LOGMEL_FFT_H

#include "tce_logmel.h"

/* Bins 1 .. n_fft/2 - 1 of the windowed frame's spectrum, to the sign of the imaginary part.
 * pcm: [TCE_LOGMEL_WINDOW], each at most 2^15 / 2^shift in magnitude   shift: 0..14   bins: [n_fft / 2]
 * A sample of full scale under a window of 1 is 2^30; the transform divides by n_fft / 2. Every intermediate value
 * stays below 2^30.5 + 32 in modulus, so that no int32 overflows. Scratch: none beyond bins. */
void tce_logmel_spectrum(const int16_t *pcm, int shift, tce_logmel_complex *bins);

#endif
