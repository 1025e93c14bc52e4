/* Line and clock: UART0 at 115,200 baud from the crystal, received by interrupt; SYSTIMER.
 * Its FIFO holds 128 bytes, which is 11 ms of the line: less than a window may keep the core. */
#include "tce_esp32c3.h"
#include "tce_bare.h"

enum {
    BAUD = 115200,
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

void tce_esp32c3_uart_interrupt(void) {
    tce_esp32c3_uart *uart = TCE_ESP32C3_UART0;
    while ((uart->status & COUNT_BITS) != 0U) {
        tce_bare_received((uint8_t)uart->fifo);
    }
    uart->int_clr = INT_RX;
}

/* Only wakes the core, for a tick. */
void tce_esp32c3_systimer_interrupt(void) {
    TCE_ESP32C3_SYSTIMER->int_clr = 1;
}

void tce_bare_send(uint8_t byte) {
    for (int wait = 0; wait < TX_WAITS && (TCE_ESP32C3_UART0->status >> 16 & COUNT_BITS) >= (uint32_t)FIFO_BYTES - 1U;
         ++wait) {
    }
    TCE_ESP32C3_UART0->fifo = byte;
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

void tce_bare_alarm(uint32_t microseconds) {
    tce_esp32c3_systimer *timer = TCE_ESP32C3_SYSTIMER;
    const uint64_t at = ticks() + (uint64_t)microseconds * TICKS_A_US;
    timer->conf &= ~(uint32_t)TIMER_TARGET0;
    timer->target0_conf = 0; /* once, by unit 0 */
    timer->target0_hi = (uint32_t)(at >> 32);
    timer->target0_lo = (uint32_t)at;
    timer->comp0_load = 1;
    timer->conf |= TIMER_TARGET0;
}
