#include "tce_pdm.h"

enum {
    STAGES = 4,
    ROWS = TCE_PDM_CHUNK * TCE_PDM_DECIMATE, /* of a chunk */
    KEPT = TCE_PDM_TAPS - TCE_PDM_DECIMATE,  /* rows that the next chunk's first sample still needs */
    FRACTION = 14
};

/* The first half of the symmetric filter, Q14: least squares over 0 to 6.5 kHz, where it undoes the sums' slope, and
 * 9.5 to 32 kHz. The tests compute its response. */
static const int16_t taps[TCE_PDM_TAPS / 2] = {2,   8,   17,   27,   31,   21,   -6,   -41,  -67,  -63, -20,
                                               52,  117, 134,  74,   -51,  -184, -246, -176, 25,   273, 430,
                                               370, 57,  -404, -785, -821, -329, 681,  1984, 3197, 3927};

static int16_t saturate(int32_t value) {
    return (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

/* One row of 64 kHz from 16 bits: four running sums, then four differences over 16 bits. -65536 .. 65536 is halved. */
static int16_t next_row(tce_pdm *pdm, const uint8_t *first, const uint8_t *second) {
    uint32_t a = pdm->sums[0], b = pdm->sums[1], c = pdm->sums[2], d = pdm->sums[3];
    const uint32_t bits = (uint32_t)*first << 8 | *second;
    for (uint32_t bit = 16; bit-- != 0U;) {
        a += (bits >> bit & 1U) * 2U - 1U;
        b += a;
        c += b;
        d += c;
    }
    pdm->sums[0] = a;
    pdm->sums[1] = b;
    pdm->sums[2] = c;
    pdm->sums[3] = d;
    for (uint32_t stage = 0; stage < (uint32_t)STAGES; ++stage) {
        const uint32_t before = pdm->combs[stage];
        pdm->combs[stage] = d;
        d -= before;
    }
    return saturate((int32_t)d >> 1);
}

static int16_t filtered(const int16_t *rows) {
    int32_t sum = 1 << (FRACTION - 1);
    for (uint32_t i = 0; i < TCE_PDM_TAPS / 2U; ++i) { /* at most 65536 x 14620: no overflow */
        sum += taps[i] * ((int32_t)rows[i] + rows[TCE_PDM_TAPS - 1U - i]);
    }
    return saturate(sum >> FRACTION);
}

void tce_pdm_open(tce_pdm *pdm, tce_port_audio *audio, tce_pdm_order order, tce_pdm_full full) {
    *pdm = (tce_pdm){.audio = audio, .order = order, .full = full};
}

void tce_pdm_take(tce_pdm *pdm, const uint8_t *bytes, int lost) {
    tce_port_audio *audio = pdm->audio;
    const uint32_t swap = (uint32_t)pdm->order;
    pdm->lost |= lost;
    for (uint32_t row = 0; row < (uint32_t)ROWS; ++row) {
        pdm->rows[KEPT + row] = next_row(pdm, bytes + ((2U * row) ^ swap), bytes + ((2U * row + 1U) ^ swap));
    }
    for (uint32_t sample = 0; sample < (uint32_t)TCE_PDM_CHUNK; ++sample) {
        audio->halves[pdm->half * audio->samples + pdm->at++] = filtered(pdm->rows + sample * TCE_PDM_DECIMATE);
        if (pdm->at == audio->samples) {
            pdm->full(audio->halves + pdm->half * audio->samples, pdm->lost);
            pdm->half = 1U - pdm->half;
            pdm->at = 0;
            pdm->lost = 0;
        }
    }
    __builtin_memmove(pdm->rows, pdm->rows + ROWS, sizeof(int16_t) * KEPT);
}
