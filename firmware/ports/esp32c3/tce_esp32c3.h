/* Registers and ROM functions of the ESP32-C3 that this port uses, and no others: "ESP32-C3 Technical Reference
 * Manual". Structs begin at the block's base address; gaps are named by the offset at which they begin. */
#ifndef TCE_ESP32C3_H
#define TCE_ESP32C3_H

#include <stddef.h>
#include <stdint.h>

typedef volatile uint32_t tce_reg;

/* UART0, 0x60000000 */
typedef struct {
    tce_reg fifo, int_raw, int_st, int_ena, int_clr, clkdiv, rx_filt, status, conf0, conf1, gap_28[14], mem_conf,
        gap_64[5], clk_conf, gap_7c, id;
} tce_esp32c3_uart;

/* GPIO matrix, 0x60004000; IO MUX, 0x60009000 */
typedef struct {
    tce_reg gap_00[9], enable_w1ts, gap_28[75], func_in_sel[128], gap_354[128], func_out_sel[22];
} tce_esp32c3_gpio;

typedef struct {
    tce_reg pin_ctrl, gpio[22];
} tce_esp32c3_io_mux;

/* Low-power management, 0x60008000: reset cause, what outlives a reset, the RTC's two watchdogs */
typedef struct {
    tce_reg options0, gap_04[13], reset_state, gap_3c[5], store0, gap_54[15], wdtconfig0, gap_94[5], wdtwprotect,
        swd_conf, swd_wprotect;
} tce_esp32c3_rtc;

/* Analog control of the PLL, 0x6000E000 */
typedef struct {
    tce_reg gap_00[16], ana_conf0;
} tce_esp32c3_analog;

/* Timer group 0, 0x6001F000: its watchdog */
typedef struct {
    tce_reg gap_00[18], wdtconfig[6], wdtfeed, wdtwprotect;
} tce_esp32c3_timer_group;

/* System timer, 0x60023000 */
typedef struct {
    tce_reg conf, unit0_op, gap_08[5], target0_hi, target0_lo, gap_24[4], target0_conf, gap_38[2], unit0_value_hi,
        unit0_value_lo, gap_48[2], comp0_load, gap_54[4], int_ena, int_raw, int_clr;
} tce_esp32c3_systimer;

/* I2S, 0x6002D000 */
typedef struct {
    tce_reg gap_00[8], rx_conf, tx_conf, rx_conf1, tx_conf1, rx_clkm_conf, tx_clkm_conf, rx_clkm_div_conf, gap_3c[5],
        rx_tdm_ctrl, gap_54[4], rxeof_num;
} tce_esp32c3_i2s;

/* GDMA, 0x6003F000: receive channel 0 */
typedef struct {
    tce_reg int_raw, int_st, int_ena, int_clr, gap_10[13], misc_conf, gap_48[10], in_conf0, in_conf1, in_fifo_status,
        in_pop, in_link, in_state, in_suc_eof_des_addr, gap_8c[5], in_peri_sel;
} tce_esp32c3_gdma;

/* System registers, 0x600C0000 */
typedef struct {
    tce_reg gap_00[2], cpu_per_conf, gap_0c, clk_en0, clk_en1, rst_en0, rst_en1, gap_20[14], sysclk_conf;
} tce_esp32c3_system;

/* Interrupt matrix, 0x600C2000 */
typedef struct {
    tce_reg map[62], intr_status[2], clock_gate, int_enable, int_type, int_clear, eip_status, priority[32], threshold;
} tce_esp32c3_interrupts;

#define TCE_ESP32C3_UART0        ((tce_esp32c3_uart *)0x60000000U)
#define TCE_ESP32C3_GPIO         ((tce_esp32c3_gpio *)0x60004000U)
#define TCE_ESP32C3_RTC          ((tce_esp32c3_rtc *)0x60008000U)
#define TCE_ESP32C3_IO_MUX       ((tce_esp32c3_io_mux *)0x60009000U)
#define TCE_ESP32C3_ANALOG       ((tce_esp32c3_analog *)0x6000E000U)
#define TCE_ESP32C3_TIMER_GROUP0 ((tce_esp32c3_timer_group *)0x6001F000U)
#define TCE_ESP32C3_SYSTIMER     ((tce_esp32c3_systimer *)0x60023000U)
#define TCE_ESP32C3_I2S          ((tce_esp32c3_i2s *)0x6002D000U)
#define TCE_ESP32C3_GDMA         ((tce_esp32c3_gdma *)0x6003F000U)
#define TCE_ESP32C3_SYSTEM       ((tce_esp32c3_system *)0x600C0000U)
#define TCE_ESP32C3_INTERRUPTS   ((tce_esp32c3_interrupts *)0x600C2000U)

_Static_assert(offsetof(tce_esp32c3_uart, mem_conf) == 0x60 && offsetof(tce_esp32c3_uart, id) == 0x80, "UART");
_Static_assert(offsetof(tce_esp32c3_gpio, func_in_sel) == 0x154, "GPIO_FUNC0_IN_SEL_CFG");
_Static_assert(offsetof(tce_esp32c3_gpio, func_out_sel) == 0x554, "GPIO_FUNC0_OUT_SEL_CFG");
_Static_assert(offsetof(tce_esp32c3_rtc, reset_state) == 0x38 && offsetof(tce_esp32c3_rtc, store0) == 0x50, "RTC");
_Static_assert(offsetof(tce_esp32c3_rtc, wdtconfig0) == 0x90 && offsetof(tce_esp32c3_rtc, wdtwprotect) == 0xA8, "RWDT");
_Static_assert(offsetof(tce_esp32c3_rtc, swd_wprotect) == 0xB0, "SWD");
_Static_assert(offsetof(tce_esp32c3_timer_group, wdtconfig) == 0x48, "TIMG_WDTCONFIG0");
_Static_assert(offsetof(tce_esp32c3_timer_group, wdtwprotect) == 0x64, "TIMG_WDTWPROTECT");
_Static_assert(offsetof(tce_esp32c3_systimer, unit0_value_hi) == 0x40, "SYSTIMER_UNIT0_VALUE_HI");
_Static_assert(offsetof(tce_esp32c3_systimer, int_ena) == 0x64, "SYSTIMER_INT_ENA");
_Static_assert(offsetof(tce_esp32c3_i2s, rx_conf) == 0x20 && offsetof(tce_esp32c3_i2s, rx_tdm_ctrl) == 0x50, "I2S");
_Static_assert(offsetof(tce_esp32c3_i2s, rxeof_num) == 0x64, "I2S_RXEOF_NUM");
_Static_assert(offsetof(tce_esp32c3_gdma, in_conf0) == 0x70 && offsetof(tce_esp32c3_gdma, in_peri_sel) == 0xA0, "GDMA");
_Static_assert(offsetof(tce_esp32c3_system, sysclk_conf) == 0x58, "SYSTEM_SYSCLK_CONF");
_Static_assert(offsetof(tce_esp32c3_interrupts, int_enable) == 0x104, "INTERRUPT_CORE0_CPU_INT_ENABLE");
_Static_assert(offsetof(tce_esp32c3_interrupts, threshold) == 0x194, "INTERRUPT_CORE0_CPU_INT_THRESH");

/* Interrupt sources, and the core's interrupts that they are given. */
enum {
    TCE_ESP32C3_SOURCE_UART0 = 21,
    TCE_ESP32C3_SOURCE_SYSTIMER0 = 37,
    TCE_ESP32C3_SOURCE_DMA0 = 44,
    TCE_ESP32C3_INTERRUPT_UART0 = 1,
    TCE_ESP32C3_INTERRUPT_SYSTIMER0 = 2,
    TCE_ESP32C3_INTERRUPT_DMA0 = 3
};

/* Pins: the serial line is where the ROM has left it (GPIO20, GPIO21); the microphone takes these. */
enum { TCE_ESP32C3_PIN_BCK = 4, TCE_ESP32C3_PIN_WS = 5, TCE_ESP32C3_PIN_SD = 6 };

enum { TCE_ESP32C3_XTAL_HZ = 40000000, TCE_ESP32C3_CPU_MHZ = 160 };

/* Flash is one memory at two places: code is fetched from the one, and every constant is read from the other, since the
 * bus of the first gives whole words only. */
#define TCE_ESP32C3_FLASH_CODE 0x42000000U
#define TCE_ESP32C3_FLASH_DATA 0x3C000000U

/* Functions of the boot ROM, at addresses that every ESP32-C3 has. */
#define TCE_ROM_UPDATE_CPU_FREQUENCY ((void (*)(uint32_t mhz))0x40000588U)
#define TCE_ROM_FLASH_ERASE_SECTOR   ((int (*)(uint32_t sector))0x40000128U)
#define TCE_ROM_FLASH_WRITE          ((int (*)(uint32_t offset, const uint32_t *words, int32_t bytes))0x4000012CU)
#define TCE_ROM_FLASH_CONFIG                                                                                           \
    ((int (*)(uint32_t id, uint32_t bytes, uint32_t block, uint32_t sector, uint32_t page, uint32_t mask))0x40000134U)
#define TCE_ROM_FLASH_UNLOCK     ((int (*)(void))0x40000140U)
#define TCE_ROM_CACHE_INVALIDATE ((void (*)(uint32_t address, uint32_t bytes))0x400004D4U)
#define TCE_ROM_CACHE_SUSPEND    ((uint32_t (*)(void))0x40000524U)
#define TCE_ROM_CACHE_RESUME     ((void (*)(uint32_t autoload))0x40000528U)
#define TCE_ROM_ANALOG_WRITE     ((void (*)(uint8_t block, uint8_t host, uint8_t reg, uint8_t value))0x4000195CU)
#define TCE_ROM_ANALOG_WRITE_FIELD                                                                                     \
    ((void (*)(uint8_t block, uint8_t host, uint8_t reg, uint8_t msb, uint8_t lsb, uint8_t value))0x40001960U)

/* Interrupts off, and what they were before; back to that. */
static inline uint32_t tce_esp32c3_lock(void) {
    uint32_t status;
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrrci %0, mstatus, 8\n"
                     ".option pop"
                     : "=r"(status)
                     :
                     : "memory");
    return status;
}

static inline void tce_esp32c3_unlock(uint32_t status) {
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrs mstatus, %0\n"
                     ".option pop"
                     :
                     : "r"(status & 8U)
                     : "memory");
}

/* tce_esp32c3_clocks.c: the boot's watchdogs off, the core at 160 MHz, peripherals with a clock. */
void tce_esp32c3_start_clocks(void);

/* tce_esp32c3_uart.c: the line at 115,200 baud. */
void tce_esp32c3_uart_open(void);

/* tce_esp32c3_board.c: a source of interrupts gets one of the core's. */
void tce_esp32c3_connect(uint32_t source, uint32_t interrupt);

/* Called by the vector table. */
void tce_esp32c3_uart_interrupt(void);
void tce_esp32c3_systimer_interrupt(void);
void tce_esp32c3_dma_interrupt(void);

#endif
