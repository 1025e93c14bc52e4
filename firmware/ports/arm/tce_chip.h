/* What a chip gives to the port of all bare Cortex-M boards, tce_port_arm.c. Beside these functions a chip's folder has
 * its vector table and, from tce_port.h, the watchdog and the 16 bits that are kept. */
#ifndef TCE_CHIP_H
#define TCE_CHIP_H

#include "tce_flash.h"
#include "tce_port.h"

/* Of the microphone's driver: nanoseconds of a sample. The front end wants 62,500; not every clock divides to that. */
extern const uint32_t tce_chip_sample_ns;

/* Clocks, pins, microsecond timer, serial line; returns why the chip started, and forgets it. */
tce_port_reset tce_chip_open(void);

/* Waits until the line has taken the bytes. */
void tce_chip_serial_write(const uint8_t *bytes, uint32_t count);

/* Bytes that have come, at most `capacity`; how many. With capacity 0: whether any have (1 or 0). They come by DMA
 * or interrupt, and wake a sleeping core. */
int32_t tce_chip_serial_read(uint8_t *bytes, int32_t capacity);

/* Starts the microphone; every half goes through tce_port_arm_half. TCE_PORT_OK or TCE_PORT_ERR_AUDIO. */
int tce_chip_audio_start(tce_port_audio *audio);

/* Microseconds since tce_chip_open; wraps at 2^32. */
uint32_t tce_chip_microseconds(void);

/* Wakes a sleeping core in so many microseconds; a new alarm replaces the old one. */
void tce_chip_alarm(uint32_t microseconds);

/* One sector, `offset` counted from tce_ld_labels_start; 0 or -1. */
int tce_chip_flash_erase(void *context, uint32_t offset);

/* Whole units of programming; 0 or -1. */
int tce_chip_flash_program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count);

/* How an erase goes on by itself, or NULL where the core waits for it. */
extern const tce_flash_background *const tce_chip_flash_background;

/* A half is full, from the chip's interrupt: hands it on. `lost`: whether the hardware says that it lost samples. */
void tce_port_arm_half(const int16_t *half, int lost);

/* From the linker script: the label slots, and as values the bytes of a sector and of a unit of programming. */
extern const uint8_t tce_ld_labels_start[], tce_ld_labels_end[], tce_ld_labels_sector[], tce_ld_labels_unit[];

#endif
