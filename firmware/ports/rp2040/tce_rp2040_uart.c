/* Text, link and waiting: UART0 at 115,200 baud, received by interrupt into a ring, sent by waiting for its FIFO.
 *
 * The FIFO holds 32 bytes, which is 2.8 ms of the line: less than a layer of an encoder may take. */
#include "tce_port_link.h"
#include "tce_rp2040.h"

enum {
    BAUD = 115200,
    RX_BYTES = 1024, /* a power of two, above the link's largest request */
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    LCR_8_BITS_FIFO = (3 << 5) | (1 << 4),
    CR_ON = (1 << 0) | (1 << 8) | (1 << 9), /* UARTEN, TXE, RXE */
    INT_RX = (1 << 4) | (1 << 6),           /* receive FIFO half full, receive timeout */
    TX_WAITS = TCE_RP2040_SYS_HZ / 1000     /* turns for one byte, at 87 us a byte: far more than it takes */
};

/* Four times the divider's 1/64 would be the rate: 133 MHz / (16 x 115,200) = 72 + 10 / 64, 0.03 % off. */
#define DIVIDER_64 ((4U * (uint32_t)TCE_RP2040_SYS_HZ + BAUD / 2U) / BAUD)

static uint8_t rx[RX_BYTES];
static volatile uint32_t rx_in; /* bytes ever received; the interrupt's */
static uint32_t rx_out;         /* bytes ever taken */

void tce_rp2040_uart_open(void) {
    tce_rp2040_uart *uart = TCE_RP2040_UART0;
    TCE_RP2040_IO->gpio[TCE_RP2040_PIN_TX].ctrl = TCE_RP2040_FUNCTION_UART;
    TCE_RP2040_IO->gpio[TCE_RP2040_PIN_RX].ctrl = TCE_RP2040_FUNCTION_UART;
    uart->ibrd = DIVIDER_64 / 64U;
    uart->fbrd = DIVIDER_64 % 64U;
    uart->lcr_h = LCR_8_BITS_FIFO; /* also latches the divider */
    uart->imsc = INT_RX;
    uart->cr = CR_ON;
    TCE_RP2040_TIMER->inte = 1U << 0;
    TCE_RP2040_NVIC->set_enable = (1U << TCE_RP2040_IRQ_UART0) | (1U << TCE_RP2040_IRQ_TIMER0);
}

/* A full ring drops what comes: the frame's CRC tells the host, which sends it again. */
void tce_rp2040_uart_interrupt(void) {
    tce_rp2040_uart *uart = TCE_RP2040_UART0;
    while ((uart->fr & FR_RX_EMPTY) == 0U) {
        const uint8_t byte = (uint8_t)uart->dr;
        if (rx_in - rx_out < RX_BYTES) {
            rx[rx_in % RX_BYTES] = byte;
            rx_in = rx_in + 1U;
        }
    }
    uart->icr = INT_RX;
}

/* Only wakes the core, for a tick. */
void tce_rp2040_timer_interrupt(void) {
    TCE_RP2040_TIMER->intr = 1U << 0;
}

static void send(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        for (int wait = 0; wait < TX_WAITS && (TCE_RP2040_UART0->fr & FR_TX_FULL) != 0U; ++wait) {
        }
        TCE_RP2040_UART0->dr = bytes[i];
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

uint32_t tce_port_link_microseconds(void) {
    return TCE_RP2040_TIMER->timerawl;
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    (void)link;
    tce_port_audio *audio = port->capture;
    const uint32_t since = tce_port_link_microseconds();
    TCE_RP2040_TIMER->alarm[0] = since + TCE_PORT_TICK_MS * 1000U;
    for (;;) {
        /* Looked at with interrupts off, so that nothing comes between the look and the sleep: WFI wakes all the same.
         */
        const uint32_t masked = tce_rp2040_lock();
        int events = rx_out != rx_in ? TCE_PORT_BYTES : 0;
        if (sound != 0 && audio != NULL && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && tce_port_link_microseconds() - since >= TCE_PORT_TICK_MS * 1000U) {
            events = TCE_PORT_TICK;
        }
        if (events == 0) {
            __asm__ volatile("wfi" : : : "memory");
        }
        tce_rp2040_unlock(masked);
        if (events != 0) {
            return events;
        }
    }
}
