/* Text, link and waiting: UART0 at 115,200 baud from the crystal, received by interrupt into a ring.
 * Its FIFO holds 128 bytes, which is 11 ms of the line: less than a window may keep the core. */
#include "tce_esp32c3.h"
#include "tce_port_link.h"

enum {
    BAUD = 115200,
    RX_BYTES = 1024, /* a power of two, above the link's largest request */
    FIFO_BYTES = 128,
    CLOCK_XTAL = (3 << 20) | (1 << 22) | (1 << 24) | (1 << 25), /* SCLK_SEL, SCLK_EN, TX and RX enabled; divided by 1 */
    CONF0_8_BITS = (3 << 2) | (1 << 4),                         /* BIT_NUM, STOP_BIT_NUM */
    CONF1_FULL_16 = 16 | (1 << 21),                             /* RXFIFO_FULL_THRHD, RX_TOUT_EN */
    INT_RX = (1 << 0) | (1 << 8),                               /* RXFIFO_FULL, RXFIFO_TOUT */
    COUNT_BITS = 0x3FF,                                         /* STATUS.RXFIFO_CNT; TXFIFO_CNT 16 bits higher */
    TICKS_A_US = 16,                                            /* of the system timer */
    TIMER_READ = 1 << 30,                                       /* UNIT0_OP.UPDATE */
    TIMER_VALID = 1 << 29,                                      /* UNIT0_OP.VALUE_VALID */
    TIMER_TARGET0 = 1 << 24,                                    /* CONF.TARGET0_WORK_EN */
    TX_WAITS = 160 * 1000, /* turns for one byte, at 87 us a byte: far more than it takes */
    WAITS = 10000          /* turns of a loop that waits for a bit */
};

#define UPDATE     0x80000000U                                                /* ID.REG_UPDATE */
#define DIVIDER_16 ((16U * (uint32_t)TCE_ESP32C3_XTAL_HZ + BAUD / 2U) / BAUD) /* 347 + 4/16: 0.01 % off */

static uint8_t rx[RX_BYTES];
static volatile uint32_t rx_in; /* bytes ever received; the interrupt's */
static uint32_t rx_out;         /* bytes ever taken */

void tce_esp32c3_uart_open(void) {
    tce_esp32c3_uart *uart = TCE_ESP32C3_UART0;
    uart->clk_conf = CLOCK_XTAL;
    uart->clkdiv = DIVIDER_16 / 16U | (DIVIDER_16 % 16U) << 20;
    uart->conf0 = CONF0_8_BITS;
    uart->conf1 = CONF1_FULL_16;
    uart->id = UPDATE;
    for (int i = 0; i < WAITS && (uart->id & UPDATE) != 0U; ++i) {
    }
    uart->int_clr = INT_RX;
    uart->int_ena = INT_RX;
    TCE_ESP32C3_SYSTIMER->int_ena = 1;
    tce_esp32c3_connect(TCE_ESP32C3_SOURCE_UART0, TCE_ESP32C3_INTERRUPT_UART0);
    tce_esp32c3_connect(TCE_ESP32C3_SOURCE_SYSTIMER0, TCE_ESP32C3_INTERRUPT_SYSTIMER0);
}

/* A full ring drops what comes: the frame's CRC tells the host, which sends it again. */
void tce_esp32c3_uart_interrupt(void) {
    tce_esp32c3_uart *uart = TCE_ESP32C3_UART0;
    while ((uart->status & COUNT_BITS) != 0U) {
        const uint8_t byte = (uint8_t)uart->fifo;
        if (rx_in - rx_out < RX_BYTES) {
            rx[rx_in % RX_BYTES] = byte;
            rx_in = rx_in + 1U;
        }
    }
    uart->int_clr = INT_RX;
}

/* Only wakes the core, for a tick. */
void tce_esp32c3_systimer_interrupt(void) {
    TCE_ESP32C3_SYSTIMER->int_clr = 1;
}

static void send(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        for (int wait = 0;
             wait < TX_WAITS && (TCE_ESP32C3_UART0->status >> 16 & COUNT_BITS) >= (uint32_t)FIFO_BYTES - 1U; ++wait) {
        }
        TCE_ESP32C3_UART0->fifo = bytes[i];
    }
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    send((const uint8_t *)text, length);
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    send(bytes, count);
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    int32_t count = 0;
    for (; count < capacity && rx_out != rx_in; ++count) {
        bytes[count] = rx[rx_out % RX_BYTES];
        rx_out = rx_out + 1U;
    }
    return count;
}

/* Ticks of the system timer since it was started, 52 bits of them: asked for, then read. */
static uint64_t ticks(void) {
    TCE_ESP32C3_SYSTIMER->unit0_op = TIMER_READ;
    for (int i = 0; i < WAITS && (TCE_ESP32C3_SYSTIMER->unit0_op & TIMER_VALID) == 0U; ++i) {
    }
    const uint64_t high = TCE_ESP32C3_SYSTIMER->unit0_value_hi;
    return high << 32 | TCE_ESP32C3_SYSTIMER->unit0_value_lo;
}

uint32_t tce_port_link_microseconds(void) {
    return (uint32_t)(ticks() / TICKS_A_US);
}

static void set_alarm(uint64_t at) {
    tce_esp32c3_systimer *timer = TCE_ESP32C3_SYSTIMER;
    timer->conf &= ~(uint32_t)TIMER_TARGET0;
    timer->target0_conf = 0; /* once, by unit 0 */
    timer->target0_hi = (uint32_t)(at >> 32);
    timer->target0_lo = (uint32_t)at;
    timer->comp0_load = 1;
    timer->conf |= TIMER_TARGET0;
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    (void)link;
    tce_port_audio *audio = port->capture;
    const uint64_t since = ticks();
    const uint64_t tick = (uint64_t)TCE_PORT_TICK_MS * 1000U * TICKS_A_US;
    set_alarm(since + tick);
    for (;;) {
        /* Looked at with interrupts off, so that nothing comes between the look and the sleep: WFI wakes all the same.
         */
        const uint32_t status = tce_esp32c3_lock();
        int events = rx_out != rx_in ? TCE_PORT_BYTES : 0;
        if (sound != 0 && audio != NULL && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && ticks() - since >= tick) {
            events = TCE_PORT_TICK;
        }
        if (events == 0) {
            __asm__ volatile("wfi" : : : "memory");
        }
        tce_esp32c3_unlock(status);
        if (events != 0) {
            return events;
        }
    }
}
