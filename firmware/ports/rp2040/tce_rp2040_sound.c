#include "tce_rp2040_sound.h"

#define SET_PINDIRS(n) (0xE080U | (uint32_t)(n))
#define JMP_0          0U

enum {
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

#define DIVIDER_256 ((uint32_t)((uint64_t)TCE_RP2040_SYS_HZ * 256U / (RATE_HZ * TCE_RP2040_CYCLES_A_SAMPLE)))
#define FJOIN_RX    0x80000000U /* eight words of FIFO */

static tce_rp2040_sound sound;
static uint32_t addresses[2]; /* of the buffers, for the restoring channels */

static void start_state_machine(void) {
    tce_rp2040_pio *pio = TCE_RP2040_PIO0;
    for (uint32_t i = 0; i < sound.clocks; ++i) {
        TCE_RP2040_IO->gpio[TCE_RP2040_PIN_BCK + i].ctrl = TCE_RP2040_FUNCTION_PIO0;
    }
    for (uint32_t i = 0; i < sound.program_words; ++i) {
        pio->instr_mem[i] = sound.program[i];
    }
    pio->sm0_clkdiv = DIVIDER_256 << 8;                   /* INT 31:16, FRAC 15:8 */
    pio->sm0_execctrl = (sound.program_words - 1U) << 12; /* WRAP_TOP; WRAP_BOTTOM 0 */
    pio->sm0_shiftctrl =
        FJOIN_RX | (1U << 16) | (16U << 20); /* AUTOPUSH, PUSH_THRESH; shifts left: the first bit on top */
    pio->sm0_pinctrl = (sound.clocks << 29) | (sound.clocks << 26) | /* SIDESET_COUNT, SET_COUNT */
                       ((uint32_t)TCE_RP2040_PIN_SD << 15) |         /* IN_BASE */
                       ((uint32_t)TCE_RP2040_PIN_BCK << 10) |        /* SIDESET_BASE */
                       ((uint32_t)TCE_RP2040_PIN_BCK << 5);          /* SET_BASE */
    pio->ctrl = SM0_RESTART;
    pio->sm0_instr = SET_PINDIRS((1U << sound.clocks) - 1U);
    pio->sm0_instr = JMP_0;
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

void tce_rp2040_sound_start(const tce_rp2040_sound *wanted) {
    tce_rp2040_dma *dma = TCE_RP2040_DMA;
    const uint32_t fill = CTRL_HALFWORDS | CTRL_INCREMENT_WRITE | ((uint32_t)TREQ_PIO0_RX0 << 15);
    const uint32_t restore = CTRL_WORDS | ((uint32_t)TREQ_ALWAYS << 15);
    sound = *wanted;
    for (uint32_t buffer = 0; buffer < 2U; ++buffer) {
        const uint32_t channel = 2U * buffer;
        addresses[buffer] = (uint32_t)(uintptr_t)sound.buffers[buffer];
        set_up(channel, (uint32_t)(uintptr_t)&TCE_RP2040_PIO0->rxf[0], addresses[buffer], sound.halfwords, fill);
        set_up(channel + 1U, (uint32_t)(uintptr_t)&addresses[buffer],
               (uint32_t)(uintptr_t)&dma->channel[channel].write_addr, 1, restore);
    }
    dma->intr = FILLS;
    dma->inte0 = FILLS;
    TCE_RP2040_NVIC->set_enable = 1U << TCE_RP2040_IRQ_DMA0;
    dma->multi_chan_trigger = 1U << FILL_0;
    start_state_machine();
}

/* One buffer is full, or, when the core was kept from this for as long as one takes, both: then the newer one is whole.
 */
void tce_rp2040_dma_interrupt(void) {
    tce_rp2040_dma *dma = TCE_RP2040_DMA;
    const uint32_t full = dma->ints0 & FILLS;
    dma->intr = full;
    if (full == FILLS) {
        sound.full((dma->channel[FILL_0].ctrl_trig & CTRL_BUSY) != 0U, 1);
    } else if (full != 0U) {
        sound.full(full == (1U << FILL_1), 0);
    }
}
