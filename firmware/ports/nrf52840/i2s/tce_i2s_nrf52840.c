/* A source of sound with I2S output: clock P0.26, word select P0.27, data P0.25; its left channel.
 *
 * The chip is the master: slots of 24 bits, 48 clocks a frame, and no divider of its 32 MHz gives 16,000 frames:
 * 32 MHz / 21 / 96 = 15,873 frames a second, 0.8 % slow. It cannot give the 64 clocks a frame that the data sheets of
 * INMP441 or ICS-43434 ask for; converters take 48.
 *
 * DMA takes its address over when it starts a buffer (RXPTRUPD), so the next buffer's is written then. */
#include "tce_chip.h"
#include "tce_nrf52840.h"
#include "tce_scs.h"

enum {
    HALF_MAX = 512, /* samples of a half */
    I2S_INTERRUPT = 37,
    PIN_CLOCK = 26,
    PIN_WORD_SELECT = 27,
    PIN_DATA = 25,
    MCK_32M_DIV_21 = 0x0C000000,
    RATIO_96 = 3,
    WIDTH_24_BITS = 2, /* a sample is a word of 32 bits in memory, its sign extended */
    LEFT = 1,
    INT_RXPTRUPD = 1U << 1
};

#define NOT_CONNECTED 0xFFFFFFFFU

const uint32_t tce_chip_sample_ns = 63000;

static int32_t words[2][HALF_MAX] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_port_audio *capture;
static uint32_t begun; /* buffers that DMA has begun with: the last one of them is being filled */

int tce_chip_audio_start(tce_port_audio *audio) {
    if (audio->samples == 0U || audio->samples > HALF_MAX) {
        return TCE_PORT_ERR_AUDIO;
    }
    capture = audio;
    begun = 0;
    TCE_P0_DIRSET = 1U << PIN_CLOCK | 1U << PIN_WORD_SELECT;
    TCE_P0_PIN_CNF(PIN_DATA) = 0; /* an input, connected */
    TCE_I2S_PSEL_MCK = NOT_CONNECTED;
    TCE_I2S_PSEL_SCK = PIN_CLOCK;
    TCE_I2S_PSEL_LRCK = PIN_WORD_SELECT;
    TCE_I2S_PSEL_SDIN = PIN_DATA;
    TCE_I2S_PSEL_SDOUT = NOT_CONNECTED;
    TCE_I2S_MODE = 0; /* master */
    TCE_I2S_RXEN = 1;
    TCE_I2S_TXEN = 0;
    TCE_I2S_MCKEN = 1;
    TCE_I2S_MCKFREQ = MCK_32M_DIV_21;
    TCE_I2S_RATIO = RATIO_96;
    TCE_I2S_SWIDTH = WIDTH_24_BITS;
    TCE_I2S_ALIGN = 0;  /* left */
    TCE_I2S_FORMAT = 0; /* I2S */
    TCE_I2S_CHANNELS = LEFT;
    TCE_I2S_RXD_PTR = (uint32_t)(uintptr_t)words[0];
    TCE_I2S_MAXCNT = audio->samples; /* words */
    TCE_I2S_ENABLE = 1;
    TCE_I2S_RXPTRUPD = 0;
    TCE_I2S_INTENSET = INT_RXPTRUPD;
    tce_interrupt_enable(I2S_INTERRUPT);
    TCE_I2S_START = 1;
    return TCE_PORT_OK;
}

void tce_nrf52840_audio_interrupt(void) {
    if (TCE_I2S_RXPTRUPD == 0U) {
        return;
    }
    TCE_I2S_RXPTRUPD = 0;
    const uint32_t full = (begun + 1U) % 2U; /* the one before the one that has begun now */
    TCE_I2S_RXD_PTR = (uint32_t)(uintptr_t)words[full];
    if (begun++ != 0U) {
        int16_t *half = capture->halves + full * capture->samples;
        for (uint32_t i = 0; i < capture->samples; ++i) {
            half[i] = (int16_t)(words[full][i] >> 8);
        }
        tce_port_arm_half(half, 0);
    }
    tce_barrier();
}
