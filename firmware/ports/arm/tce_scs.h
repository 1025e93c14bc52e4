/* Registers that every Cortex-M has, as far as the ports use them. Arm DDI 0403E (ARMv7-M), B3. */
#ifndef TCE_SCS_H
#define TCE_SCS_H

#include <stdint.h>

#define TCE_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define TCE_NVIC_ISER(word)   TCE_REGISTER(0xE000E100U + 4U * (word)) /* writing 1 enables an interrupt */
#define TCE_SCB_VTOR          TCE_REGISTER(0xE000ED08U)               /* address of the vector table */
#define TCE_DWT_CTRL          TCE_REGISTER(0xE0001000U)               /* bit 0: CYCCNT counts */
#define TCE_DWT_CYCCNT        TCE_REGISTER(0xE0001004U)
#define TCE_DEMCR             TCE_REGISTER(0xE000EDFCU) /* bit 24: DWT is on */

enum { TCE_DWT_COUNTS = 1U << 0, TCE_DEMCR_TRACE = 1U << 24 };

static inline void tce_interrupt_enable(uint32_t number) {
    TCE_NVIC_ISER(number / 32U) = 1U << (number % 32U);
}

static inline void tce_interrupts_off(void) {
    __asm__ volatile("cpsid i" ::: "memory");
}

static inline void tce_interrupts_on(void) {
    __asm__ volatile("cpsie i\n"
                     "isb" ::
                         : "memory");
}

/* Until an interrupt is pending, even one that is not taken since interrupts are off. */
static inline void tce_sleep(void) {
    __asm__ volatile("dsb\n"
                     "wfi" ::
                         : "memory");
}

/* What was stored before is there before anything behind it. */
static inline void tce_barrier(void) {
    __asm__ volatile("dsb\n"
                     "isb" ::
                         : "memory");
}

/* Waits until the masked bits of a register have a value, but not for ever: a clock that never starts must not hold up
 * a board that can run without it. 1 when they have it. */
static inline int tce_await(const volatile uint32_t *where, uint32_t mask, uint32_t value) {
    for (uint32_t looks = 0; looks < 1000000U; ++looks) {
        if ((*where & mask) == value) {
            return 1;
        }
    }
    return 0;
}

#endif
