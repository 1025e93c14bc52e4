/* A microphone with I2S output (INMP441, ICS-43434 ...): data GPIO2, clock GPIO3, word select GPIO4; its L/R pin to
 * ground. The state machine makes the clocks of a master and keeps 16 of the left slot's 32 bits, so that its FIFO
 * holds the samples as they are wanted, and DMA fills the application's halves. */
#include "tce_rp2040_sound.h"

/* Side-set: bit 0 is BCK, bit 1 is WS. */
#define SIDE(ws, bck) (((uint32_t)(ws) << 12) | ((uint32_t)(bck) << 11))

/* 64 periods of BCK a sample, two instructions each: low, then high. A microphone changes its bit when BCK falls and
 * gives the first (highest) one a period after WS has fallen; it is read while BCK is high. */
static const uint16_t program[] = {
    /*  0 */ TCE_PIO_SET_X(15) | SIDE(0, 0), /* left slot, period 0: belongs to the slot before */
    /*  1 */ TCE_PIO_NOP | SIDE(0, 1),
    /*  2 */ TCE_PIO_NOP | SIDE(0, 0),
    /*  3 */ TCE_PIO_IN_PIN | SIDE(0, 1), /* periods 1 to 16: the 16 highest bits */
    /*  4 */ TCE_PIO_JMP_X_DEC(3) | SIDE(0, 0),
    /*  5 */ TCE_PIO_SET_X(13) | SIDE(0, 1), /* period 17 */
    /*  6 */ TCE_PIO_NOP | SIDE(0, 0),       /* periods 18 to 31: lower bits, not kept */
    /*  7 */ TCE_PIO_JMP_X_DEC(6) | SIDE(0, 1),
    /*  8 */ TCE_PIO_SET_X(30) | SIDE(1, 0), /* right slot, 32 periods: nothing is read */
    /*  9 */ TCE_PIO_NOP | SIDE(1, 1),
    /* 10 */ TCE_PIO_NOP | SIDE(1, 0),
    /* 11 */ TCE_PIO_JMP_X_DEC(10) | SIDE(1, 1),
};

static tce_port_audio *capture;

static void full(uint32_t buffer, int lost) {
    tce_bare_half(capture->halves + buffer * capture->samples, lost);
}

int tce_bare_microphone_start(tce_port_audio *audio) {
    const tce_rp2040_sound sound = {
        .program = program,
        .program_words = sizeof program / sizeof program[0],
        .clocks = 2,
        .buffers = {audio->halves, audio->halves + audio->samples},
        .halfwords = audio->samples,
        .full = full,
    };
    capture = audio;
    tce_rp2040_sound_start(&sound);
    return TCE_PORT_OK;
}
