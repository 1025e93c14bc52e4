/* Line and clock: UART0 at 115,200 baud, received by interrupt, sent by waiting for its FIFO; TIMER.
 *
 * The FIFO holds 32 bytes, which is 2.8 ms of the line: less than a layer of an encoder may take. */
#include "tce_bare.h"
#include "tce_rp2040.h"

enum {
    BAUD = 115200,
    FR_RX_EMPTY = 1 << 4,
    FR_TX_FULL = 1 << 5,
    LCR_8_BITS_FIFO = (3 << 5) | (1 << 4),
    CR_ON = (1 << 0) | (1 << 8) | (1 << 9), /* UARTEN, TXE, RXE */
    INT_RX = (1 << 4) | (1 << 6),           /* receive FIFO half full, receive timeout */
    TX_WAITS = TCE_RP2040_SYS_HZ / 1000     /* turns for one byte, at 87 us a byte: far more than it takes */
};

/* Four times the divider's 1/64 would be the rate: 133 MHz / (16 x 115,200) = 72 + 10 / 64, 0.03 % off. */
#define DIVIDER_64 ((4U * (uint32_t)TCE_RP2040_SYS_HZ + BAUD / 2U) / BAUD)

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

void tce_rp2040_uart_interrupt(void) {
    tce_rp2040_uart *uart = TCE_RP2040_UART0;
    while ((uart->fr & FR_RX_EMPTY) == 0U) {
        tce_bare_received((uint8_t)uart->dr);
    }
    uart->icr = INT_RX;
}

/* Only wakes the core, for a tick. */
void tce_rp2040_timer_interrupt(void) {
    TCE_RP2040_TIMER->intr = 1U << 0;
}

void tce_bare_send(uint8_t byte) {
    for (int wait = 0; wait < TX_WAITS && (TCE_RP2040_UART0->fr & FR_TX_FULL) != 0U; ++wait) {
    }
    TCE_RP2040_UART0->dr = byte;
}

uint32_t tce_port_link_microseconds(void) {
    return TCE_RP2040_TIMER->timerawl;
}

void tce_bare_alarm(uint32_t microseconds) {
    TCE_RP2040_TIMER->alarm[0] = tce_port_link_microseconds() + microseconds;
}
