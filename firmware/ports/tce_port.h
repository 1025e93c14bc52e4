/* What the application needs from the world: PCM in, text out, an end, and its own stack's high-water mark.
 *
 * A port is one directory under ports/ that implements these functions and the start-up code.
 * The application owns the tce_port context; the port keeps no other state. */
#ifndef TCE_PORT_H
#define TCE_PORT_H

#include <stdint.h>

enum {
    TCE_PORT_OK = 0,
    TCE_PORT_ERR_CONSOLE = -1, /* the text output cannot be opened */
    TCE_PORT_ERR_AUDIO = -2    /* the PCM source cannot be opened */
};

typedef struct {
    intptr_t console; /* handle of the text output */
    intptr_t audio;   /* handle of the PCM source */
} tce_port;

/* Opens console and audio; TCE_PORT_OK or TCE_PORT_ERR_*. */
int tce_port_open(tce_port *port);

/* Reads up to `count` samples (int16, mono, the front end's rate) and waits for them.
 * Returns the whole samples read; fewer than `count` only when the source has ended. */
int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count);

/* Writes `length` bytes of text to the console. */
void tce_port_write(const tce_port *port, const char *text, uint32_t length);

/* A number that the host gives this run as "name=value"; `otherwise` where it gives none, or where there is no host. */
int32_t tce_port_setting(const char *name, int32_t otherwise);

/* Bytes of stack that have been touched since start-up (painted at reset). */
uint32_t tce_port_stack_bytes(void);

/* Ends the run: 0 is success. On a board without a host it halts. */
_Noreturn void tce_port_exit(int32_t code);

/* The application, called by the start-up code once memory is initialised; the result is the exit code. */
int tce_app_main(void);

#endif
