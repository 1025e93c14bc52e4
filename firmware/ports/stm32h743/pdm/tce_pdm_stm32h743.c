/* A PDM microphone (MP34DT05 ...) on the PDM interface of SAI1: PE2 clock (CK1), PE6 data (D1); its L/R pin to ground.
 * The interface gives bits as they are, eight of each of two microphones a frame; those of the first one are taken,
 * and tce_pdm.c makes sound of them.
 *
 *   PLL3 P: 51.2 MHz / 25 = 2.048 MHz, two bits of the frame for one of a microphone: 1.024 MHz
 *
 * The chip has a DFSDM, too, which filters itself. The SAI was taken because more has it: STM32L4+, U5 and every H7,
 * where the discovery boards wire their microphones to it; and because the filter is then the one of all chips, which a
 * test compares with NumPy sample for sample. It costs this core one or two percent of its time. */
#include "tce_chip.h"
#include "tce_pdm.h"
#include "tce_scs.h"
#include "tce_stm32h743_sound.h"

enum {
    AF2 = 2,
    DATA_8_BITS = 2U << 5, /* CR1 */
    DIVIDE_25 = 25U << 20,
    FRAME_16_BITS = 15U | 1U << 17,            /* a pulse of one bit, high, begins it */
    SLOTS_2_FIRST_ONLY = 1U << 8 | 1U << 16,   /* as wide as the data: a byte of each microphone */
    PDM_CLOCK_1_TWO_MICROPHONES = 1U << 8 | 0, /* PDMCR: CKEN1, MICNBR 0 */
    PDM_ON = 1U << 0
};

const uint32_t tce_chip_sample_ns = 62500;

static uint8_t bits[2][TCE_PDM_CHUNK_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_pdm pdm;

int tce_chip_audio_start(tce_port_audio *audio) {
    static const tce_sai_frames frames = {
        .cr1 = DATA_8_BITS | DIVIDE_25,
        .frcr = FRAME_16_BITS,
        .slotr = SLOTS_2_FIRST_ONLY,
    };
    if (audio->samples == 0U) {
        return TCE_PORT_ERR_AUDIO;
    }
    tce_pdm_open(&pdm, audio, TCE_PDM_BY_BYTES, tce_port_arm_half);
    tce_stm32_pin(TCE_GPIOE, 2, AF2);
    tce_stm32_pin(TCE_GPIOE, 6, AF2);
    TCE_SAI1_PDMCR = PDM_CLOCK_1_TWO_MICROPHONES;
    TCE_SAI1_PDMCR = PDM_CLOCK_1_TWO_MICROPHONES | PDM_ON;
    return tce_stm32h743_sound_start(&frames, bits[0], bits[1], TCE_PDM_CHUNK_BYTES);
}

void tce_stm32_audio_interrupt(void) {
    int lost = 0;
    const uint32_t full = tce_stm32h743_sound_full(&lost);
    tce_pdm_take(&pdm, bits[full], lost);
    tce_barrier();
}
