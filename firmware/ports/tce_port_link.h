/* What a port gives beside sound and text where it can: bytes to and from a host while the board listens, and flash
 * that keeps labels. A port without either opens nothing, and the application listens all the same. */
#ifndef TCE_PORT_LINK_H
#define TCE_PORT_LINK_H

#include <stdint.h>

#include "tce_flash.h"
#include "tce_port.h"

enum { TCE_PORT_SOUND = 1, TCE_PORT_BYTES = 2, TCE_PORT_TICK = 4, TCE_PORT_TICK_MS = 100 };

/* The application owns it; the port keeps no other state. */
typedef struct {
    intptr_t bytes;  /* handle of the link, negative without one */
    intptr_t events; /* handle of what waits for either */
    intptr_t flash;
} tce_port_link;

/* Opens what is there. *flash gets slot_sectors = 0 where labels cannot be kept. */
void tce_port_link_open(tce_port_link *link, tce_flash *flash);

/* Sleeps until something is to be done, and says what:
 *   TCE_PORT_BYTES   bytes have come over the link
 *   TCE_PORT_SOUND   with `sound`: a half has been taken since this was last said. Where sound is a file: one is taken
 *                    now (tce_port_pull.h)
 *   TCE_PORT_TICK    nothing came for TCE_PORT_TICK_MS; only where there is a link
 * or 0 when neither sound nor bytes can come any more. A port with interrupts looks at audio->heard and at its receive
 * buffer with interrupts off, sleeps (WFI) and turns them on again, so that no half is slept over. Without a link it
 * waits for sound alone. Without `sound` halves are taken all the same, and nobody is woken for them. */
int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound);

/* A clock that runs on while the board computes, from anywhere; it wraps at 2^32. */
uint32_t tce_port_link_microseconds(void);

/* Bytes that have come, at most `capacity`, without waiting; how many. Closes the link when the host has gone. */
int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity);

/* Sends bytes to the host, behind the text that was written before. */
void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count);

#endif
