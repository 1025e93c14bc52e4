/* Registers of the RP2040 that this port uses, and no others: "RP2040 Datasheet" (build of 2023), by its section names.
 * Structs begin at the block's base address; gaps are named by the offset at which they begin. */
#ifndef TCE_RP2040_H
#define TCE_RP2040_H

#include <stddef.h>
#include <stdint.h>

typedef volatile uint32_t tce_reg;

/* 2.14 RESETS, 0x4000C000 */
typedef struct {
    tce_reg reset, wdsel, reset_done;
} tce_rp2040_resets;

enum {
    TCE_RP2040_RESET_DMA = 1 << 2,
    TCE_RP2040_RESET_IO_BANK0 = 1 << 5,
    TCE_RP2040_RESET_PADS_BANK0 = 1 << 8,
    TCE_RP2040_RESET_PIO0 = 1 << 10,
    TCE_RP2040_RESET_PLL_SYS = 1 << 12,
    TCE_RP2040_RESET_TIMER = 1 << 21,
    TCE_RP2040_RESET_UART0 = 1 << 22
};

/* 2.16 XOSC, 0x40024000; 2.18 PLL_SYS, 0x40028000; 2.15 CLOCKS, 0x40008000 */
typedef struct {
    tce_reg ctrl, status, dormant, startup;
} tce_rp2040_xosc;

typedef struct {
    tce_reg cs, pwr, fbdiv_int, prim;
} tce_rp2040_pll;

typedef struct {
    tce_reg ctrl, div, selected;
} tce_rp2040_clock;

typedef struct {
    tce_rp2040_clock gpout[4], ref, sys, peri;
} tce_rp2040_clocks;

/* 2.13 PSM, 0x40010000; 2.12 VREG_AND_CHIP_RESET, 0x40064000; 4.7 WATCHDOG, 0x40058000; 4.6 TIMER, 0x40054000 */
typedef struct {
    tce_reg frce_on, frce_off, wdsel, done;
} tce_rp2040_psm;

typedef struct {
    tce_reg vreg, bod, chip_reset;
} tce_rp2040_chip_reset;

typedef struct {
    tce_reg ctrl, load, reason, scratch[8], tick;
} tce_rp2040_watchdog;

typedef struct {
    tce_reg timehw, timelw, timehr, timelr, alarm[4], armed, timerawh, timerawl, dbgpause, pause, intr, inte;
} tce_rp2040_timer;

/* 2.19.6.1 IO_BANK0, 0x40014000; 2.19.6.3 PADS_BANK0, 0x4001C000 */
typedef struct {
    struct {
        tce_reg status, ctrl;
    } gpio[30];
} tce_rp2040_io;

enum { TCE_RP2040_FUNCTION_UART = 2, TCE_RP2040_FUNCTION_PIO0 = 6 };

/* 4.2 UART0, 0x40034000 */
typedef struct {
    tce_reg dr, rsr, gap_08[4], fr, gap_1c[2], ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, masked, icr;
} tce_rp2040_uart;

/* 2.5 DMA, 0x50000000 */
typedef struct {
    tce_reg read_addr, write_addr, trans_count, ctrl_trig;
    tce_reg al1_ctrl, aliases[11];
} tce_rp2040_dma_channel;

typedef struct {
    tce_rp2040_dma_channel channel[12];
    tce_reg gap_300[64];
    tce_reg intr, inte0, intf0, ints0;
    tce_reg gap_410[8];
    tce_reg multi_chan_trigger;
} tce_rp2040_dma;

/* 3.7 PIO0, 0x50200000: the first state machine */
typedef struct {
    tce_reg ctrl, fstat, fdebug, flevel, txf[4], rxf[4], irq, irq_force, input_sync_bypass, dbg_padout, dbg_padoe,
        dbg_cfginfo, instr_mem[32];
    tce_reg sm0_clkdiv, sm0_execctrl, sm0_shiftctrl, sm0_addr, sm0_instr, sm0_pinctrl;
} tce_rp2040_pio;

/* ARMv6-M: NVIC_ISER and the vector table's address */
typedef struct {
    tce_reg set_enable;
} tce_rp2040_nvic;

#define TCE_RP2040_CLOCKS     ((tce_rp2040_clocks *)0x40008000U)
#define TCE_RP2040_RESETS     ((tce_rp2040_resets *)0x4000C000U)
#define TCE_RP2040_PSM        ((tce_rp2040_psm *)0x40010000U)
#define TCE_RP2040_IO         ((tce_rp2040_io *)0x40014000U)
#define TCE_RP2040_XOSC       ((tce_rp2040_xosc *)0x40024000U)
#define TCE_RP2040_PLL_SYS    ((tce_rp2040_pll *)0x40028000U)
#define TCE_RP2040_UART0      ((tce_rp2040_uart *)0x40034000U)
#define TCE_RP2040_TIMER      ((tce_rp2040_timer *)0x40054000U)
#define TCE_RP2040_WATCHDOG   ((tce_rp2040_watchdog *)0x40058000U)
#define TCE_RP2040_CHIP_RESET ((tce_rp2040_chip_reset *)0x40064000U)
#define TCE_RP2040_DMA        ((tce_rp2040_dma *)0x50000000U)
#define TCE_RP2040_PIO0       ((tce_rp2040_pio *)0x50200000U)
#define TCE_RP2040_NVIC       ((tce_rp2040_nvic *)0xE000E100U)

_Static_assert(sizeof(tce_rp2040_dma_channel) == 0x40, "a DMA channel has 16 registers");
_Static_assert(offsetof(tce_rp2040_dma, intr) == 0x400, "DMA INTR");
_Static_assert(offsetof(tce_rp2040_dma, multi_chan_trigger) == 0x430, "DMA MULTI_CHAN_TRIGGER");
_Static_assert(offsetof(tce_rp2040_pio, sm0_clkdiv) == 0xC8, "PIO SM0_CLKDIV");
_Static_assert(offsetof(tce_rp2040_uart, imsc) == 0x38, "UARTIMSC");
_Static_assert(offsetof(tce_rp2040_timer, timerawl) == 0x28 && offsetof(tce_rp2040_timer, inte) == 0x38, "TIMER");
_Static_assert(offsetof(tce_rp2040_watchdog, tick) == 0x2C, "WATCHDOG TICK");
_Static_assert(offsetof(tce_rp2040_clocks, peri) == 0x48, "CLK_PERI_CTRL");

/* Table 80: interrupts */
enum { TCE_RP2040_IRQ_TIMER0 = 0, TCE_RP2040_IRQ_DMA0 = 11, TCE_RP2040_IRQ_UART0 = 20, TCE_RP2040_IRQS = 26 };

/* Pins: a Pico's pins 1 and 2 are the serial line; the microphone takes the next three. */
enum {
    TCE_RP2040_PIN_TX = 0,
    TCE_RP2040_PIN_RX = 1,
    TCE_RP2040_PIN_SD = 2,
    TCE_RP2040_PIN_BCK = 3,
    TCE_RP2040_PIN_WS = 4
};

enum { TCE_RP2040_XOSC_HZ = 12000000, TCE_RP2040_SYS_HZ = 133000000 };

/* Interrupts off, and what they were before; back to that. */
static inline uint32_t tce_rp2040_lock(void) {
    uint32_t masked;
    __asm__ volatile("mrs %0, primask\n"
                     "cpsid i"
                     : "=r"(masked)
                     :
                     : "memory");
    return masked;
}

static inline void tce_rp2040_unlock(uint32_t masked) {
    __asm__ volatile("msr primask, %0" : : "r"(masked) : "memory");
}

/* tce_rp2040_clocks.c: crystal, PLL at TCE_RP2040_SYS_HZ, peripherals out of reset, microseconds ticking. */
void tce_rp2040_start_clocks(void);

/* tce_rp2040_uart.c, tce_rp2040_sound.c: called by the vector table. */
void tce_rp2040_uart_interrupt(void);
void tce_rp2040_timer_interrupt(void);
void tce_rp2040_dma_interrupt(void);

/* tce_rp2040_uart.c: the line at 115,200 baud, 8 bits, no parity. */
void tce_rp2040_uart_open(void);

#endif
