/* Caches of the Cortex-M7, and the region that DMA writes to beside them. Arm DDI 0403E, B3.5 (MPU); PM0253. */
#ifndef TCE_CACHE_H
#define TCE_CACHE_H

#include <stdint.h>

/* Both caches on; SRAM4, where the linker script has DMA's buffers, is not cached. */
void tce_cache_open(void);

/* Forgets what the data cache holds of some bytes: behind a change of flash. */
void tce_cache_forget(const volatile void *from, uint32_t count);

#endif
