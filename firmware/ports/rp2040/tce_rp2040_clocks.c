/* Clocks: the crystal of 12 MHz, 12 x 133 / 12 = 133 MHz for core, memory and peripherals, a tick a microsecond.
 * Every wait for a ready bit is bounded: a crystal that never starts leaves the core on its ring oscillator, where the
 * application still runs and the watchdog still bites. */
#include "tce_rp2040.h"

enum {
    WAITS = 1000000,                      /* turns of a loop that waits for a bit */
    XOSC_RANGE_1_15_MHZ = 0xAA0,          /* CTRL.FREQ_RANGE */
    XOSC_ENABLE = 0xFAB << 12,            /* CTRL.ENABLE */
    XOSC_STARTUP = (12000 + 128) / 256,   /* units of 256 cycles: 1 ms */
    PLL_FEEDBACK = 133,                   /* VCO at 1,596 MHz; 750 to 1,600 are allowed */
    PLL_DIVIDERS = (6 << 16) | (2 << 12), /* PRIM.POSTDIV1, POSTDIV2 */
    PLL_POWER_DOWN = (1 << 0) | (1 << 5), /* PWR.PD, PWR.VCOPD */
    PLL_POSTDIV_DOWN = 1 << 3,            /* PWR.POSTDIVPD */
    CLOCK_REF_XOSC = 2,                   /* CLK_REF_CTRL.SRC */
    CLOCK_SYS_AUX = 1,                    /* CLK_SYS_CTRL.SRC; its AUXSRC 0 is the PLL */
    CLOCK_PERI_ENABLE = 1 << 11,          /* AUXSRC 0: clk_sys */
    WATCHDOG_TICK_ENABLE = 1 << 9
};

#define READY_TOP 0x80000000U /* XOSC STATUS.STABLE, PLL CS.LOCK */

static void await(const tce_reg *status, uint32_t bits) {
    for (int i = 0; i < WAITS && (*status & bits) != bits; ++i) {
    }
}

static void release(uint32_t blocks) {
    TCE_RP2040_RESETS->reset &= ~blocks;
    await(&TCE_RP2040_RESETS->reset_done, blocks);
}

void tce_rp2040_start_clocks(void) {
    TCE_RP2040_XOSC->startup = XOSC_STARTUP;
    TCE_RP2040_XOSC->ctrl = XOSC_ENABLE | XOSC_RANGE_1_15_MHZ;
    await(&TCE_RP2040_XOSC->status, READY_TOP);

    /* From the crystal while the PLL is set up: after a reset by the watchdog the core may still run from it. */
    TCE_RP2040_CLOCKS->sys.ctrl = 0;
    await(&TCE_RP2040_CLOCKS->sys.selected, 1U << 0);
    TCE_RP2040_CLOCKS->ref.ctrl = CLOCK_REF_XOSC;
    await(&TCE_RP2040_CLOCKS->ref.selected, 1U << CLOCK_REF_XOSC);

    TCE_RP2040_RESETS->reset |= TCE_RP2040_RESET_PLL_SYS;
    release(TCE_RP2040_RESET_PLL_SYS);
    TCE_RP2040_PLL_SYS->cs = 1; /* REFDIV */
    TCE_RP2040_PLL_SYS->fbdiv_int = PLL_FEEDBACK;
    TCE_RP2040_PLL_SYS->pwr &= ~(uint32_t)PLL_POWER_DOWN;
    await(&TCE_RP2040_PLL_SYS->cs, READY_TOP);
    TCE_RP2040_PLL_SYS->prim = PLL_DIVIDERS;
    TCE_RP2040_PLL_SYS->pwr &= ~(uint32_t)PLL_POSTDIV_DOWN;

    if ((TCE_RP2040_PLL_SYS->cs & READY_TOP) != 0U) {
        TCE_RP2040_CLOCKS->sys.ctrl = CLOCK_SYS_AUX;
        await(&TCE_RP2040_CLOCKS->sys.selected, 1U << CLOCK_SYS_AUX);
    }
    TCE_RP2040_CLOCKS->peri.ctrl = CLOCK_PERI_ENABLE;
    TCE_RP2040_WATCHDOG->tick = WATCHDOG_TICK_ENABLE | (TCE_RP2040_XOSC_HZ / 1000000);

    release(TCE_RP2040_RESET_IO_BANK0 | TCE_RP2040_RESET_PADS_BANK0 | TCE_RP2040_RESET_DMA | TCE_RP2040_RESET_PIO0 |
            TCE_RP2040_RESET_TIMER | TCE_RP2040_RESET_UART0);
}
