/* nRF52840: clock, serial line, microsecond clock, watchdog, reset cause, vector table.
 *
 *   core 64 MHz; the 32 MHz crystal runs, so that baud rate and sample rate are exact
 *   UARTE0 on P0.06 (out) and P0.08 (in), the development kit's virtual port, 115,200 baud 8N1
 *   TIMER0 counts microseconds */
#include "tce_chip.h"
#include "tce_nrf52840.h"
#include "tce_scs.h"
#include "tce_vectors.h"

#ifndef TCE_PIN_TXD
#define TCE_PIN_TXD 6 /* 35 (P1.03) on an Arduino Nano 33 BLE */
#endif
#ifndef TCE_PIN_RXD
#define TCE_PIN_RXD 8 /* 42 (P1.10) there */
#endif

enum {
    SERIAL_INTERRUPT = 2,
    TIMER_INTERRUPT = 8,
    BAUD_115200 = 0x01D7E000,
    UARTE_ON = 8,
    SHORT_ENDRX_STARTRX = 1U << 5,
    INT_ENDRX = 1U << 4,
    INT_RXSTARTED = 1U << 19,
    TIMER_32_BITS = 3,
    TIMER_1_MHZ = 4, /* 16 MHz / 2^4 */
    INT_COMPARE1 = 1U << 17,
    WDT_RUNS_IN_SLEEP = 1U << 0,
    WDT_FEED = 0x6E524635,
    REASON_PIN = 1U << 0,
    REASON_WATCHDOG = 1U << 1,
    REASON_SOFTWARE = 3U << 2, /* asked for, or a lockup */
    RING_BYTES = 512,
    LINE_BYTES = 64
};

/* DMA fills one byte of the ring at a time: its interrupt says that there is one, and it may stop behind any. */
static uint8_t ring[RING_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static uint8_t line[LINE_BYTES] __attribute__((section(".bss.tce_dma"), aligned(32))); /* DMA cannot read flash */
static volatile uint32_t ring_filled;
static uint32_t ring_next; /* where the byte behind the one that is awaited goes */
static uint32_t ring_taken;
/* A reset by the watchdog clears the chip's two retained registers, but leaves memory as it is. */
static volatile uint16_t kept __attribute__((section(".bss.tce_keep")));

static void serial_interrupt(void);
static void timer_interrupt(void);

TCE_VECTOR_TABLE(48, [2] = serial_interrupt, [8] = timer_interrupt, [29] = tce_nrf52840_audio_interrupt,
                 [37] = tce_nrf52840_audio_interrupt);

static tce_port_reset reset_cause(void) {
    const uint32_t reasons = TCE_POWER_RESETREAS;
    TCE_POWER_RESETREAS = reasons; /* ones are cleared */
    if ((reasons & REASON_WATCHDOG) != 0U) {
        return TCE_PORT_RESET_WATCHDOG;
    }
    if ((reasons & REASON_SOFTWARE) != 0U) {
        return TCE_PORT_RESET_SOFTWARE;
    }
    return (reasons & REASON_PIN) != 0U ? TCE_PORT_RESET_PIN : TCE_PORT_RESET_POWER;
}

static void open_serial(void) {
    ring_filled = 0;
    ring_taken = 0;
    ring_next = 1;
    TCE_UARTE_PSEL_TXD = TCE_PIN_TXD;
    TCE_UARTE_PSEL_RXD = TCE_PIN_RXD;
    TCE_UARTE_BAUDRATE = BAUD_115200;
    TCE_UARTE_ENABLE = UARTE_ON;
    TCE_UARTE_SHORTS = SHORT_ENDRX_STARTRX;
    TCE_UARTE_INTENSET = INT_ENDRX | INT_RXSTARTED;
    TCE_UARTE_RXD_PTR = (uint32_t)(uintptr_t)ring;
    TCE_UARTE_RXD_MAXCNT = 1;
    tce_interrupt_enable(SERIAL_INTERRUPT);
    TCE_UARTE_STARTRX = 1;
}

tce_port_reset tce_chip_open(void) {
    TCE_SCB_VTOR = (uint32_t)(uintptr_t)&tce_vector_table;
    TCE_CLOCK_HFCLKSTARTED = 0;
    TCE_CLOCK_HFCLKSTART = 1;
    (void)tce_await(&TCE_CLOCK_HFCLKSTARTED, 1, 1);
    TCE_NVMC_ICACHECNF = 1;
    TCE_TIMER_BITMODE = TIMER_32_BITS;
    TCE_TIMER_PRESCALER = TIMER_1_MHZ;
    TCE_TIMER_CLEAR = 1;
    TCE_TIMER_START = 1;
    tce_interrupt_enable(TIMER_INTERRUPT);
    open_serial();
    return reset_cause();
}

/* RXSTARTED: the address was taken over, and the next one may be written. ENDRX: the byte is there. */
static void serial_interrupt(void) {
    if (TCE_UARTE_ENDRX != 0U) {
        TCE_UARTE_ENDRX = 0;
        ring_filled = (ring_filled + 1U) % RING_BYTES;
    }
    if (TCE_UARTE_RXSTARTED != 0U) {
        TCE_UARTE_RXSTARTED = 0;
        TCE_UARTE_RXD_PTR = (uint32_t)(uintptr_t)(ring + ring_next);
        ring_next = (ring_next + 1U) % RING_BYTES;
    }
    tce_barrier();
}

int32_t tce_chip_serial_read(uint8_t *bytes, int32_t capacity) {
    const uint32_t filled = ring_filled;
    if (capacity == 0) {
        return ring_taken != filled;
    }
    int32_t count = 0;
    while (ring_taken != filled && count < capacity) {
        bytes[count++] = ring[ring_taken];
        ring_taken = (ring_taken + 1U) % RING_BYTES;
    }
    return count;
}

void tce_chip_serial_write(const uint8_t *bytes, uint32_t count) {
    while (count != 0U) {
        const uint32_t part = count < LINE_BYTES ? count : LINE_BYTES;
        __builtin_memcpy(line, bytes, part);
        TCE_UARTE_TXD_PTR = (uint32_t)(uintptr_t)line;
        TCE_UARTE_TXD_MAXCNT = part;
        TCE_UARTE_ENDTX = 0;
        tce_barrier();
        TCE_UARTE_STARTTX = 1;
        (void)tce_await(&TCE_UARTE_ENDTX, 1, 1);
        TCE_UARTE_STOPTX = 1;
        bytes += part;
        count -= part;
    }
}

uint32_t tce_chip_microseconds(void) {
    TCE_TIMER_CAPTURE0 = 1;
    return TCE_TIMER_CC0;
}

void tce_chip_alarm(uint32_t microseconds) {
    TCE_TIMER_CC1 = tce_chip_microseconds() + microseconds;
    TCE_TIMER_COMPARE1 = 0;
    TCE_TIMER_INTENSET = INT_COMPARE1;
}

static void timer_interrupt(void) {
    TCE_TIMER_COMPARE1 = 0;
    tce_barrier();
}

/* Counts 32,768 Hz, of the chip's own RC oscillator unless somebody has started another one. */
void tce_port_watchdog_start(uint32_t milliseconds) {
    const uint32_t ticks = milliseconds < 100000U ? milliseconds * 4096U / 125U : 3276800U;
    TCE_WDT_CONFIG = WDT_RUNS_IN_SLEEP;
    TCE_WDT_CRV = ticks < 15U ? 15U : ticks;
    TCE_WDT_RREN = 1;
    TCE_WDT_START = 1;
}

void tce_port_watchdog_feed(void) {
    TCE_WDT_RR0 = WDT_FEED;
}

uint16_t tce_port_kept(void) {
    return kept;
}

void tce_port_keep(uint16_t value) {
    kept = value;
}
