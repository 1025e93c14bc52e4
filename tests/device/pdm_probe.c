/* The decimator for a test on this PC: halves of `samples` samples go one behind another into a buffer. */
#include "tce_pdm.h"

#include <string.h>

void pdm_probe(const uint8_t *bytes, uint32_t chunks, uint32_t order, uint32_t samples, int16_t *out);

static int16_t *to;
static uint32_t half_samples;

static void full(const int16_t *half, int lost) {
    (void)lost;
    memcpy(to, half, sizeof(int16_t) * half_samples);
    to += half_samples;
}

void pdm_probe(const uint8_t *bytes, uint32_t chunks, uint32_t order, uint32_t samples, int16_t *out) {
    static int16_t halves[2 * 1024];
    static tce_pdm pdm;
    tce_port_audio audio = {.halves = halves, .samples = samples};
    to = out;
    half_samples = samples;
    tce_pdm_open(&pdm, &audio, (tce_pdm_order)order, full);
    for (uint32_t i = 0; i < chunks; ++i) {
        tce_pdm_take(&pdm, bytes + i * TCE_PDM_CHUNK_BYTES, 0);
    }
}
