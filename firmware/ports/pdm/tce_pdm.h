/* Sound from the bits of a PDM microphone, for chips that have no such filter: 1.024 MHz in, 16 kHz int16 out.
 *
 *   bits (+1 or -1) --four sums over 16 bits (CIC)--> 64 kHz, 16 bits --FIR of 64 taps--> every fourth: 16 kHz
 *
 * The FIR also lifts what the sums have lowered: within 0.3 dB up to 6.5 kHz, 1.9 dB down at 7 kHz; what would fold
 * down from above 9.5 kHz is 63 dB lower. Full density is full scale: PCM = 32768 x (share of ones - share of zeros).
 * A sample costs 64 bit steps and 32 multiplications; the delay is 37 bits of the sums and 31.5 rows of 64 kHz: 0.5 ms.
 */
#ifndef TCE_PDM_H
#define TCE_PDM_H

#include <stdint.h>

#include "tce_port.h"

enum {
    TCE_PDM_SAMPLE_BYTES = 8, /* 64 bits */
    TCE_PDM_CHUNK = 32,       /* samples that are made at once, from one of the two buffers that DMA fills: 2 ms */
    TCE_PDM_CHUNK_BYTES = TCE_PDM_CHUNK * TCE_PDM_SAMPLE_BYTES,
    TCE_PDM_TAPS = 64,
    TCE_PDM_DECIMATE = 4
};

/* How the bits of a microphone lie in memory; the first one of a byte or a half word is its highest in either case. */
typedef enum {
    TCE_PDM_BY_BYTES = 0,     /* in order */
    TCE_PDM_BY_HALF_WORDS = 1 /* by 16 bits at a time, the lower address in the lower eight */
} tce_pdm_order;

/* A half of the application's is full; `lost`: whether anything was lost since the last one. */
typedef void (*tce_pdm_full)(const int16_t *half, int lost);

typedef struct {
    tce_port_audio *audio; /* whose halves are filled */
    tce_pdm_full full;
    tce_pdm_order order;
    uint32_t sums[4];  /* modulo 2^32, as a CIC works */
    uint32_t combs[4]; /* what the sums were 16 bits ago */
    int16_t rows[TCE_PDM_TAPS - TCE_PDM_DECIMATE + TCE_PDM_CHUNK * TCE_PDM_DECIMATE]; /* 64 kHz; the old ones first */
    uint32_t half, at;                                                                /* where the next sample goes */
    int lost;
} tce_pdm;

/* Begins in silence. */
void tce_pdm_open(tce_pdm *pdm, tce_port_audio *audio, tce_pdm_order order, tce_pdm_full full);

/* Makes TCE_PDM_CHUNK samples of TCE_PDM_CHUNK_BYTES bytes. `lost`: whether bits were lost before them. */
void tce_pdm_take(tce_pdm *pdm, const uint8_t *bytes, int lost);

#endif
