/* What the ports of RP2040 and ESP32-C3 share: a line that is received by interrupt out of a FIFO, waiting, halves of
 * the microphone, memory at start-up. The second part is the chip's. */
#ifndef TCE_BARE_H
#define TCE_BARE_H

#include "tce_port_link.h"

/* tce_bare_start.c: behind the chip's reset code, which has set and painted the stack (tce_paint.h). Copies
 * what lies in RAM, clears .bss, runs the application, and ends. */
_Noreturn void tce_bare_start(void);

/* tce_bare_link.c: a byte has come, from the line's interrupt. A full ring drops it: the frame's CRC tells the host. */
void tce_bare_received(uint8_t byte);

/* A half is full, from the microphone's interrupt; `lost`: whether sound was lost before it. */
void tce_bare_half(const int16_t *half, int lost);

/* From the linker script: where the two slots lie, and as values the bytes of a sector and of a unit of programming. */
extern const uint8_t tce_ld_labels_start[], tce_ld_labels_end[], tce_ld_labels_sector[], tce_ld_labels_unit[];

/* Both slots, as the linker script has them; none where it has none. Where the core reads them, and the two functions
 * are the chip's. */
tce_flash tce_bare_flash(void);

/* The chip's: interrupts off, and what they were before; back to that. */
uint32_t tce_bare_lock(void);
void tce_bare_unlock(uint32_t before);

/* Sends a byte as soon as the line has room. */
void tce_bare_send(uint8_t byte);

/* Wakes a sleeping core in so many microseconds; a new alarm replaces the old one. */
void tce_bare_alarm(uint32_t microseconds);

/* Starts the microphone: TCE_PORT_OK or TCE_PORT_ERR_AUDIO. */
int tce_bare_microphone_start(tce_port_audio *audio);

#endif
