/* Reset of a bare Cortex-M board: FPU on, stack painted, interrupts off until the port is open. */
#include "tce_paint.h"
#include "tce_vectors.h"

__attribute__((naked)) _Noreturn void tce_reset(void) {
    __asm__ volatile(".syntax unified\n"
                     "cpsid i\n" TCE_ENABLE_FPU TCE_SET_AND_PAINT_STACK "bl tce_start\n"
                     ".ltorg\n");
}
