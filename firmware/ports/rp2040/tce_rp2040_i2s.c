/* The microphone: I2S by a PIO program, two halves by DMA without the core.
 *
 * The state machine makes the clocks of a master and keeps 16 of the left slot's 32 bits, so that its FIFO holds the
 * samples as they are wanted. Four DMA channels turn in a circle: one fills half 0, one restores its address, one fills
 * half 1, one restores its address. The core only hears that a half is full; when it comes too late, a half is lost and
 * counted, and never does a sample land outside the halves. */
#include "tce_port.h"
#include "tce_rp2040.h"

/* RP2040 datasheet 3.4: encodings of the four instructions used. Side-set: bit 0 is BCK, bit 1 is WS. */
#define SIDE(ws, bck)  (((uint32_t)(ws) << 12) | ((uint32_t)(bck) << 11))
#define SET_X(n)       (0xE020U | (uint32_t)(n))
#define SET_PINDIRS(n) (0xE080U | (uint32_t)(n))
#define JMP_X_DEC(to)  (0x0040U | (uint32_t)(to))
#define JMP(to)        ((uint32_t)(to))
#define IN_PIN         0x4001U
#define NOP            0xA042U

/* 64 periods of BCK a sample, two instructions each: low, then high. A microphone changes its bit when BCK falls and
 * gives the first (highest) one a period after WS has fallen; it is read while BCK is high. */
static const uint16_t program[] = {
    /*  0 */ SET_X(15) | SIDE(0, 0), /* left slot, period 0: belongs to the slot before */
    /*  1 */ NOP | SIDE(0, 1),
    /*  2 */ NOP | SIDE(0, 0),
    /*  3 */ IN_PIN | SIDE(0, 1), /* periods 1 to 16: the 16 highest bits */
    /*  4 */ JMP_X_DEC(3) | SIDE(0, 0),
    /*  5 */ SET_X(13) | SIDE(0, 1), /* period 17 */
    /*  6 */ NOP | SIDE(0, 0),       /* periods 18 to 31: lower bits, not kept */
    /*  7 */ JMP_X_DEC(6) | SIDE(0, 1),
    /*  8 */ SET_X(30) | SIDE(1, 0), /* right slot, 32 periods: nothing is read */
    /*  9 */ NOP | SIDE(1, 1),
    /* 10 */ NOP | SIDE(1, 0),
    /* 11 */ JMP_X_DEC(10) | SIDE(1, 1),
};

enum {
    PROGRAM_WORDS = sizeof program / sizeof program[0],
    CYCLES_A_SAMPLE = 128,
    RATE_HZ = 16000,
    SM0_ENABLE = 1 << 0,
    SM0_RESTART = (1 << 4) | (1 << 8), /* SM_RESTART, CLKDIV_RESTART */
    TREQ_PIO0_RX0 = 4,
    TREQ_ALWAYS = 0x3F,
    CTRL_ENABLE = 1 << 0,
    CTRL_HALFWORDS = 1 << 2,
    CTRL_WORDS = 2 << 2,
    CTRL_INCREMENT_WRITE = 1 << 5,
    CTRL_BUSY = 1 << 24,
    FILL_0 = 0, /* channels, in the order in which they run */
    RESTORE_0 = 1,
    FILL_1 = 2,
    RESTORE_1 = 3,
    FILLS = (1 << FILL_0) | (1 << FILL_1)
};

/* 133 MHz / (16 kHz x 128) = 64 + 241/256: exact. */
#define DIVIDER_256 ((uint32_t)((uint64_t)TCE_RP2040_SYS_HZ * 256U / (RATE_HZ * CYCLES_A_SAMPLE)))
#define FJOIN_RX    0x80000000U /* eight words of FIFO */

static tce_port_audio *capture;
static uint32_t addresses[2]; /* of the halves, for the restoring channels */

static void start_state_machine(void) {
    tce_rp2040_pio *pio = TCE_RP2040_PIO0;
    TCE_RP2040_IO->gpio[TCE_RP2040_PIN_BCK].ctrl = TCE_RP2040_FUNCTION_PIO0;
    TCE_RP2040_IO->gpio[TCE_RP2040_PIN_WS].ctrl = TCE_RP2040_FUNCTION_PIO0;
    for (uint32_t i = 0; i < PROGRAM_WORDS; ++i) {
        pio->instr_mem[i] = program[i];
    }
    pio->sm0_clkdiv = DIVIDER_256 << 8;                      /* INT 31:16, FRAC 15:8 */
    pio->sm0_execctrl = (uint32_t)(PROGRAM_WORDS - 1) << 12; /* WRAP_TOP; WRAP_BOTTOM 0 */
    pio->sm0_shiftctrl =
        FJOIN_RX | (1U << 16) | (16U << 20);     /* AUTOPUSH, PUSH_THRESH; shifts left: the first bit on top */
    pio->sm0_pinctrl = (2U << 29) | (2U << 26) | /* SIDESET_COUNT, SET_COUNT */
                       ((uint32_t)TCE_RP2040_PIN_SD << 15) |  /* IN_BASE */
                       ((uint32_t)TCE_RP2040_PIN_BCK << 10) | /* SIDESET_BASE */
                       ((uint32_t)TCE_RP2040_PIN_BCK << 5);   /* SET_BASE */
    pio->ctrl = SM0_RESTART;
    pio->sm0_instr = SET_PINDIRS(3);
    pio->sm0_instr = JMP(0);
    pio->ctrl = SM0_ENABLE;
}

static void set_up(uint32_t channel, uint32_t from, uint32_t to, uint32_t count, uint32_t ctrl) {
    tce_rp2040_dma_channel *dma = &TCE_RP2040_DMA->channel[channel];
    const uint32_t next = (channel + 1U) % 4U;
    dma->read_addr = from;
    dma->write_addr = to;
    dma->trans_count = count;
    dma->al1_ctrl = ctrl | CTRL_ENABLE | (next << 11); /* CHAIN_TO; this alias starts nothing */
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    tce_rp2040_dma *dma = TCE_RP2040_DMA;
    const uint32_t fill = CTRL_HALFWORDS | CTRL_INCREMENT_WRITE | ((uint32_t)TREQ_PIO0_RX0 << 15);
    const uint32_t restore = CTRL_WORDS | ((uint32_t)TREQ_ALWAYS << 15);
    audio->overruns = 0;
    audio->heard = 0;
    audio->ended = 0;
    port->capture = audio;
    capture = audio;
    for (uint32_t half = 0; half < 2U; ++half) {
        const uint32_t channel = 2U * half;
        addresses[half] = (uint32_t)(uintptr_t)(audio->halves + half * audio->samples);
        set_up(channel, (uint32_t)(uintptr_t)&TCE_RP2040_PIO0->rxf[0], addresses[half], audio->samples, fill);
        set_up(channel + 1U, (uint32_t)(uintptr_t)&addresses[half],
               (uint32_t)(uintptr_t)&dma->channel[channel].write_addr, 1, restore);
    }
    dma->intr = FILLS;
    dma->inte0 = FILLS;
    TCE_RP2040_NVIC->set_enable = 1U << TCE_RP2040_IRQ_DMA0;
    dma->multi_chan_trigger = 1U << FILL_0;
    start_state_machine();
    return TCE_PORT_OK;
}

/* One half is full, or, when the core was kept from this for a whole half, both are: then only the newer one is whole.
 */
void tce_rp2040_dma_interrupt(void) {
    tce_rp2040_dma *dma = TCE_RP2040_DMA;
    const uint32_t full = dma->ints0 & FILLS;
    dma->intr = full;
    uint32_t half = full == (1U << FILL_1);
    if (full == FILLS) {
        half = (dma->channel[FILL_0].ctrl_trig & CTRL_BUSY) != 0U;
        capture->overruns = capture->overruns + 1U;
    }
    if (full != 0U) {
        capture->taken(capture->context, capture->halves + half * capture->samples, capture->samples);
        capture->heard = capture->heard + 1U;
    }
}
