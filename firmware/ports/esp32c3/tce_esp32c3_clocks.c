/* Clocks: the crystal of 40 MHz for UART, I2S, timers and watchdog; its PLL of 480 MHz, divided to 160 MHz, for the
 * core. When the PLL does not report its calibration the core stays on the crystal and everything else is as it should
 * be. */
#include "tce_esp32c3.h"

enum {
    WAITS = 100000,                                     /* turns of a loop that waits for a bit */
    PLL_POWERED_DOWN = (1 << 6) | (1 << 8) | (1 << 10), /* OPTIONS0: BB_I2C, BBPLL_I2C, BBPLL FORCE_PD */
    PLL_STOP_HIGH = 1 << 2,                             /* ANA_CONF0: calibration stopped */
    PLL_STOP_LOW = 1 << 3,                              /* calibration runs */
    PLL_CALIBRATED = 1 << 24,
    PLL_BLOCK = 0x66,
    PLL_HOST = 0,
    CPU_PERIOD_160 = 1,   /* CPU_PER_CONF.CPUPERIOD_SEL */
    CPU_PLL_480 = 1 << 2, /* CPU_PER_CONF.PLL_FREQ_SEL */
    SYSCLK_PLL = 1 << 10, /* SYSCLK_CONF.SOC_CLK_SEL; PRE_DIV_CNT 0 */
    CLOCKS_0 = (1 << 2) | (1 << 13) | (1 << 21) | (1 << 24) |
        (1 << 29),       /* UART0, timer group, I2S, UART memory, timer */
    CLOCKS_1 = 1 << 6,   /* GDMA */
    RESETS_0 = 1 << 21,  /* I2S */
    TIMER_RUNS = 1 << 30 /* SYSTIMER CONF.TIMER_UNIT0_WORK_EN */
};

#define WATCHDOG_KEY       0x50D83AA1U
#define SUPER_WATCHDOG_KEY 0x8F1D312AU
#define TOP_BIT            0x80000000U /* SWD_CONF.AUTO_FEED_EN, SYSTIMER CONF.CLK_EN */

/* The ROM starts them for a boot that would hang; the port starts its own when it is asked to. */
static void stop_boot_watchdogs(void) {
    TCE_ESP32C3_TIMER_GROUP0->wdtwprotect = WATCHDOG_KEY;
    TCE_ESP32C3_TIMER_GROUP0->wdtconfig[0] = 0;
    TCE_ESP32C3_TIMER_GROUP0->wdtwprotect = 0;
    TCE_ESP32C3_RTC->wdtwprotect = WATCHDOG_KEY;
    TCE_ESP32C3_RTC->wdtconfig0 = 0;
    TCE_ESP32C3_RTC->wdtwprotect = 0;
    TCE_ESP32C3_RTC->swd_wprotect = SUPER_WATCHDOG_KEY;
    TCE_ESP32C3_RTC->swd_conf |= TOP_BIT;
    TCE_ESP32C3_RTC->swd_wprotect = 0;
}

/* The PLL's own registers are behind an internal bus: the ROM writes them. Values: 480 MHz from 40 MHz. */
static int start_pll(void) {
    static const uint8_t registers[][2] = {{4, 0x6B}, {2, 5 << 4}, {3, 8}, {6, (2 << 6) | (1 << 4) | 3}};
    static const uint8_t fields[][4] = {/* register, highest bit, lowest bit, value */
                                        {5, 2, 0, 0},
                                        {5, 6, 4, 0},
                                        {9, 1, 0, 2},
                                        {6, 5, 4, 2},
                                        {6, 7, 6, 1}};
    TCE_ESP32C3_RTC->options0 &= ~(uint32_t)PLL_POWERED_DOWN;
    TCE_ESP32C3_SYSTEM->cpu_per_conf |= CPU_PLL_480;
    TCE_ESP32C3_ANALOG->ana_conf0 = (TCE_ESP32C3_ANALOG->ana_conf0 & ~(uint32_t)PLL_STOP_HIGH) | PLL_STOP_LOW;
    for (uint32_t i = 0; i < sizeof registers / sizeof registers[0]; ++i) {
        TCE_ROM_ANALOG_WRITE(PLL_BLOCK, PLL_HOST, registers[i][0], registers[i][1]);
    }
    for (uint32_t i = 0; i < sizeof fields / sizeof fields[0]; ++i) {
        const uint8_t *field = fields[i];
        TCE_ROM_ANALOG_WRITE_FIELD(PLL_BLOCK, PLL_HOST, field[0], field[1], field[2], field[3]);
    }
    uint32_t calibrated = 0;
    for (int i = 0; i < WAITS && calibrated == 0U; ++i) {
        calibrated = TCE_ESP32C3_ANALOG->ana_conf0 & PLL_CALIBRATED;
    }
    TCE_ESP32C3_ANALOG->ana_conf0 = (TCE_ESP32C3_ANALOG->ana_conf0 & ~(uint32_t)PLL_STOP_LOW) | PLL_STOP_HIGH;
    return calibrated != 0U;
}

void tce_esp32c3_start_clocks(void) {
    stop_boot_watchdogs();
    TCE_ESP32C3_SYSTEM->clk_en0 |= CLOCKS_0;
    TCE_ESP32C3_SYSTEM->clk_en1 |= CLOCKS_1;
    TCE_ESP32C3_SYSTEM->rst_en0 |= RESETS_0;
    TCE_ESP32C3_SYSTEM->rst_en0 &= ~(uint32_t)RESETS_0;
    TCE_ESP32C3_SYSTEM->rst_en1 |= CLOCKS_1;
    TCE_ESP32C3_SYSTEM->rst_en1 &= ~(uint32_t)CLOCKS_1;
    TCE_ESP32C3_SYSTIMER->conf |= TOP_BIT | TIMER_RUNS;
    if (start_pll() != 0) {
        TCE_ESP32C3_SYSTEM->cpu_per_conf = (TCE_ESP32C3_SYSTEM->cpu_per_conf & ~3U) | CPU_PERIOD_160;
        TCE_ESP32C3_SYSTEM->sysclk_conf = SYSCLK_PLL;
        TCE_ROM_UPDATE_CPU_FREQUENCY(TCE_ESP32C3_CPU_MHZ);
    } else {
        TCE_ESP32C3_SYSTEM->sysclk_conf = 0;
        TCE_ROM_UPDATE_CPU_FREQUENCY(TCE_ESP32C3_XTAL_HZ / 1000000);
    }
}
