/* tce_port on a PC: PCM from the file "pcm.bin" of the working directory, text to standard output.
 * The same application as on a board, for the `host` target: settings come as arguments, "hop=128". */
#include "tce_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int argument_count;
static char **arguments;

int tce_port_open(tce_port *port) {
    FILE *audio = fopen("pcm.bin", "rb");
    port->console = (intptr_t)stdout;
    port->audio = (intptr_t)audio;
    if (audio != NULL) { /* no buffer, so that whoever waits for samples sees those that are there */
        (void)setvbuf(audio, NULL, _IONBF, 0);
    }
    return audio == NULL ? TCE_PORT_ERR_AUDIO : TCE_PORT_OK;
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    port->capture = audio;
    return TCE_PORT_OK;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    return (int32_t)fread(pcm, sizeof(int16_t), (size_t)count, (FILE *)port->audio); /* PCs here are little-endian */
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)fwrite(text, 1, length, (FILE *)port->console);
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    const size_t length = strlen(name);
    for (int i = 1; i < argument_count; ++i) {
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') {
            return (int32_t)strtol(arguments[i] + length + 1, NULL, 10);
        }
    }
    return otherwise;
}

uint32_t tce_port_stack_bytes(void) {
    return 0; /* a PC's stack says nothing about a board's */
}

uint32_t tce_port_cycles(void) {
    return 0;
}

/* A process that hangs is the host's to end: there is no watchdog, and nothing is kept. */
tce_port_reset tce_port_reset_cause(void) {
    return TCE_PORT_RESET_POWER;
}

uint16_t tce_port_kept(void) {
    return 0;
}

void tce_port_keep(uint16_t value) {
    (void)value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    (void)milliseconds;
}

void tce_port_watchdog_feed(void) {}

_Noreturn void tce_port_exit(int32_t code) {
    exit(code);
}

int main(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    return tce_app_main();
}
