/* The clock comes from the crystal: 40 MHz / (9 + 49/64) = 4.096 MHz, / 4 = 1.024 MHz, 64 bits a sample at exactly 16
 * kHz. The DMA gives a descriptor back (owner 0) when its buffer is full, and goes on to the next whether the core was
 * quick enough or not: finding both given back is how a lost one is seen. */
#include "tce_esp32c3_sound.h"

typedef struct {
    volatile uint32_t control; /* size 11:0, length 23:12, end 30, owner 31 */
    void *buffer;
    void *next;
} descriptor;

enum {
    BYTES_MAX = 4092,        /* a descriptor's and RXEOF_NUM's 12 bits, whole words */
    GPIO_FUNCTION = 1 << 12, /* IO MUX MCU_SEL */
    GPIO_INPUT = 1 << 9,     /* IO MUX FUN_IE */
    MATRIX_IN = 1 << 6,      /* SIG_IN_SEL: through the matrix */
    SIGNAL_SD_IN = 15,
    SIGNAL_BCK_OUT = 16,
    SIGNAL_WS_OUT = 17,
    CLKM_DIV = 9 | (1 << 26),                              /* DIV_NUM, CLK_ACTIVE; CLK_SEL 0: crystal */
    CLKM_FRACTION = 15 | (4 << 9) | (3 << 18) | (1 << 27), /* 49/64: Z = 64 - 49, Y = 64 % 15, X = 64 / 15 - 1, YN1 */
    CLOCK_GATE = 1 << 29,                                  /* TX_CLKM_CONF.CLK_EN: of both directions */
    CONF_RESET = (1 << 0) | (1 << 1),                      /* RX_RESET, RX_FIFO_RESET */
    CONF_START = 1 << 2,
    CONF_UPDATE = 1 << 8,
    CONF_FORMAT = (1 << 12) | (1 << 15) | (1 << 19),  /* PCM_BYPASS, LEFT_ALIGN, TDM_EN: a master */
    CONF1_FORMAT = (3 << 7) | (15 << 13) | (1 << 29), /* BCK = clock / 4, 16 bits kept, the first one BCK behind WS */
    TDM_TWO_SLOTS = 1 << 16,                          /* TOT_CHAN_NUM - 1 */
    DMA_RESET = 1 << 0,
    DMA_CLOCK = 1 << 3, /* MISC_CONF.CLK_EN */
    DMA_START = 1 << 22,
    DMA_LINK_BITS = 0xFFFFF,
    DMA_FROM_I2S = 3,
    DMA_BUFFER_FULL = 1 << 1, /* IN_SUC_EOF */
    WAITS = 10000             /* turns of a loop that waits for a bit */
};

#define OWNED_BY_DMA 0x80000000U

static tce_esp32c3_sound sound;
static descriptor descriptors[2];

static void give_to_dma(uint32_t buffer) {
    descriptors[buffer].control = OWNED_BY_DMA | sound.bytes;
}

static void connect_pins(void) {
    TCE_ESP32C3_IO_MUX->gpio[TCE_ESP32C3_PIN_BCK] = GPIO_FUNCTION;
    TCE_ESP32C3_IO_MUX->gpio[TCE_ESP32C3_PIN_WS] = GPIO_FUNCTION;
    TCE_ESP32C3_IO_MUX->gpio[TCE_ESP32C3_PIN_SD] = GPIO_FUNCTION | GPIO_INPUT;
    TCE_ESP32C3_GPIO->func_out_sel[TCE_ESP32C3_PIN_BCK] = SIGNAL_BCK_OUT;
    TCE_ESP32C3_GPIO->func_out_sel[TCE_ESP32C3_PIN_WS] = SIGNAL_WS_OUT;
    TCE_ESP32C3_GPIO->func_in_sel[SIGNAL_SD_IN] = MATRIX_IN | TCE_ESP32C3_PIN_SD;
    TCE_ESP32C3_GPIO->enable_w1ts = (1U << TCE_ESP32C3_PIN_BCK) | (1U << TCE_ESP32C3_PIN_WS);
}

static void start_dma(void) {
    tce_esp32c3_gdma *dma = TCE_ESP32C3_GDMA;
    for (uint32_t buffer = 0; buffer < 2U; ++buffer) {
        descriptors[buffer].buffer = sound.buffers[buffer];
        descriptors[buffer].next = &descriptors[1U - buffer];
        give_to_dma(buffer);
    }
    dma->misc_conf = DMA_CLOCK;
    dma->in_conf0 = DMA_RESET;
    dma->in_conf0 = 0;
    dma->in_conf1 = 0; /* owners are not checked: sound goes on whatever the core does */
    dma->in_peri_sel = DMA_FROM_I2S;
    dma->int_clr = DMA_BUFFER_FULL;
    dma->int_ena = DMA_BUFFER_FULL;
    dma->in_link = DMA_START | ((uint32_t)(uintptr_t)&descriptors[0] & DMA_LINK_BITS);
}

/* CONF1: the word select's half period, and the bits of half a frame and of a slot, one less each. */
static uint32_t slot_format(void) {
    const uint32_t last = sound.slot_bits - 1U;
    return CONF1_FORMAT | last | last << 18 | last << 24;
}

int tce_esp32c3_sound_start(const tce_esp32c3_sound *wanted) {
    tce_esp32c3_i2s *i2s = TCE_ESP32C3_I2S;
    if (wanted->bytes == 0U || wanted->bytes > BYTES_MAX || wanted->bytes % 4U != 0U) {
        return TCE_PORT_ERR_AUDIO;
    }
    sound = *wanted;
    connect_pins();
    i2s->tx_clkm_conf = CLOCK_GATE;
    i2s->rx_clkm_div_conf = CLKM_FRACTION;
    i2s->rx_clkm_conf = CLKM_DIV;
    i2s->rx_conf1 = slot_format();
    i2s->rx_tdm_ctrl = TDM_TWO_SLOTS | sound.slots;
    i2s->rxeof_num = sound.bytes;
    i2s->rx_conf = CONF_FORMAT | CONF_RESET;
    i2s->rx_conf = CONF_FORMAT;
    i2s->rx_conf = CONF_FORMAT | CONF_UPDATE;
    for (int i = 0; i < WAITS && (i2s->rx_conf & CONF_UPDATE) != 0U; ++i) {
    }
    start_dma();
    tce_esp32c3_connect(TCE_ESP32C3_SOURCE_DMA0, TCE_ESP32C3_INTERRUPT_DMA0);
    i2s->rx_conf = CONF_FORMAT | CONF_START;
    return TCE_PORT_OK;
}

/* One buffer is full. When the core was kept from this for as long as one takes both are, and the DMA knows the newer.
 */
void tce_esp32c3_dma_interrupt(void) {
    tce_esp32c3_gdma *dma = TCE_ESP32C3_GDMA;
    dma->int_clr = DMA_BUFFER_FULL;
    const uint32_t newest = dma->in_suc_eof_des_addr == (uint32_t)(uintptr_t)&descriptors[1];
    if ((descriptors[newest].control & OWNED_BY_DMA) != 0U) {
        return; /* taken already, by the interrupt before */
    }
    const int lost = (descriptors[1U - newest].control & OWNED_BY_DMA) == 0U;
    if (lost) {
        give_to_dma(1U - newest);
    }
    sound.full(newest, lost);
    give_to_dma(newest);
}
