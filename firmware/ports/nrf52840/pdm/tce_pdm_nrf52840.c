/* A PDM microphone, such as the MP34DT05 of an Arduino Nano 33 BLE Sense: clock P0.26, data P0.25, its supply P0.17.
 * The chip filters and decimates: 1.28 MHz / 80 = 16,000 samples a second, 16 bits, the left channel alone.
 *
 * DMA takes its address over when it starts a half (STARTED), so the next half's is written then. */
#include "tce_chip.h"
#include "tce_nrf52840.h"
#include "tce_scs.h"

enum {
    PDM_INTERRUPT = 29,
    PIN_CLOCK = 26,
    PIN_DATA = 25,
    PIN_SUPPLY = 17,
    CLOCK_1280_KHZ = 0x0A000000,
    RATIO_80 = 1,
    MONO_FALLING = 1,  /* MODE: one channel, sampled on the falling edge: left */
    GAIN_20_DB = 0x50, /* these microphones are quiet */
    INT_STARTED = 1U << 0,
    INT_END = 1U << 2
};

const uint32_t tce_chip_sample_ns = 62500;

static tce_port_audio *capture;
static uint32_t filling; /* the half whose address DMA has */
static uint32_t next;    /* the half whose address it gets */

int tce_chip_audio_start(tce_port_audio *audio) {
    capture = audio;
    filling = 0;
    next = 0;
    TCE_P0_OUTSET = 1U << PIN_SUPPLY;
    TCE_P0_DIRSET = 1U << PIN_SUPPLY | 1U << PIN_CLOCK;
    TCE_P0_PIN_CNF(PIN_DATA) = 0; /* an input, connected */
    TCE_PDM_PSEL_CLK = PIN_CLOCK;
    TCE_PDM_PSEL_DIN = PIN_DATA;
    TCE_PDM_PDMCLKCTRL = CLOCK_1280_KHZ;
    TCE_PDM_RATIO = RATIO_80;
    TCE_PDM_MODE = MONO_FALLING;
    TCE_PDM_GAINL = GAIN_20_DB;
    TCE_PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)audio->halves;
    TCE_PDM_SAMPLE_MAXCNT = audio->samples;
    TCE_PDM_ENABLE = 1;
    TCE_PDM_STARTED = 0;
    TCE_PDM_END = 0;
    TCE_PDM_INTENSET = INT_STARTED | INT_END;
    tce_interrupt_enable(PDM_INTERRUPT);
    TCE_PDM_START = 1;
    return TCE_PORT_OK;
}

/* Both events are there when the call comes late: the half that has ended is then the one before that which has begun.
 */
void tce_nrf52840_audio_interrupt(void) {
    const uint32_t ended = filling;
    const int end = TCE_PDM_END != 0U;
    if (TCE_PDM_STARTED != 0U) {
        TCE_PDM_STARTED = 0;
        filling = next;
        next = 1U - next;
        TCE_PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)(capture->halves + next * capture->samples);
    }
    if (end) {
        TCE_PDM_END = 0;
        tce_port_arm_half(capture->halves + ended * capture->samples, 0);
    }
    tce_barrier();
}
