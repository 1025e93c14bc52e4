/* Halves of a double buffer where sound is pulled, from a file or over a line, instead of coming by interrupts. */
#ifndef TCE_PORT_PULL_H
#define TCE_PORT_PULL_H

#include "tce_port.h"

/* Reads the next half and has it taken; 0 when the sound has ended with none. */
static inline int tce_port_pull(const tce_port *port) {
    tce_port_audio *audio = port->capture;
    if (audio->ended != 0U) {
        return 0;
    }
    const int32_t count = tce_port_read_pcm(port, audio->halves, (int32_t)audio->samples);
    audio->ended = count < (int32_t)audio->samples;
    if (count > 0) {
        audio->taken(audio->context, audio->halves, (uint32_t)count);
    }
    return count > 0;
}

#endif
