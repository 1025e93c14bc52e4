#include "tce_cache.h"

#include "tce_scs.h"

#define MPU_CTRL TCE_REGISTER(0xE000ED94U)
#define MPU_RNR  TCE_REGISTER(0xE000ED98U)
#define MPU_RBAR TCE_REGISTER(0xE000ED9CU)
#define MPU_RASR TCE_REGISTER(0xE000EDA0U)
#define SCB_CCR  TCE_REGISTER(0xE000ED14U)
#define CCSIDR   TCE_REGISTER(0xE000ED80U)
#define CSSELR   TCE_REGISTER(0xE000ED84U)
#define ICIALLU  TCE_REGISTER(0xE000EF50U) /* forgets all instructions */
#define DCIMVAC  TCE_REGISTER(0xE000EF5CU) /* forgets the data line of an address */
#define DCISW    TCE_REGISTER(0xE000EF60U) /* forgets the data line of a set and way */

enum {
    LINE_BYTES = 32,
    SRAM4 = 0x38000000,
    RASR_64_KB = 15U << 1 | 1U,      /* 2^(15 + 1) bytes, enabled */
    RASR_NORMAL_UNCACHED = 1U << 19, /* TEX 1, C 0, B 0 */
    RASR_SHARED = 1U << 18,
    RASR_READ_WRITE = 3U << 24,
    RASR_NO_CODE = 1U << 28,
    MPU_ON_WITH_DEFAULTS = 1U << 0 | 1U << 2,
    CCR_DATA = 1U << 16,
    CCR_INSTRUCTIONS = 1U << 17
};

void tce_cache_open(void) {
    MPU_RNR = 0;
    MPU_RBAR = SRAM4;
    MPU_RASR = RASR_NO_CODE | RASR_READ_WRITE | RASR_NORMAL_UNCACHED | RASR_SHARED | RASR_64_KB;
    MPU_CTRL = MPU_ON_WITH_DEFAULTS;
    tce_barrier();
    ICIALLU = 0;
    tce_barrier();
    SCB_CCR |= CCR_INSTRUCTIONS;
    if ((SCB_CCR & CCR_DATA) == 0U) { /* after power-up its lines hold anything */
        CSSELR = 0;
        tce_barrier();
        const uint32_t sets = CCSIDR >> 13 & 0x7FFFU;
        const uint32_t ways = CCSIDR >> 3 & 0x3FFU;
        for (uint32_t set = 0; set <= sets; ++set) {
            for (uint32_t way = 0; way <= ways; ++way) {
                DCISW = set << 5 | way << 30;
            }
        }
        tce_barrier();
        SCB_CCR |= CCR_DATA;
    }
    tce_barrier();
}

void tce_cache_forget(const volatile void *from, uint32_t count) {
    const uint32_t end = (uint32_t)(uintptr_t)from + count;
    tce_barrier();
    for (uint32_t line = (uint32_t)(uintptr_t)from & ~(uint32_t)(LINE_BYTES - 1); line < end; line += LINE_BYTES) {
        DCIMVAC = line;
    }
    tce_barrier();
}
