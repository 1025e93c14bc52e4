/* tce_port over semihosting: PCM from the host's file "pcm.bin", text to ":tt", exit code to the emulator.
 * The same image runs in unicorn (calls answered in memory), in QEMU (real files) and under a debugger. */
#include "tce_port.h"
#include "tce_semihost.h"

static const char pcm_name[] = "pcm.bin";
static const char console_name[] = ":tt";

static intptr_t open_file(const char *name, uintptr_t mode, uintptr_t length) {
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return tce_semihost_call(TCE_SYS_OPEN, arguments);
}

int tce_port_open(tce_port *port) {
    port->console = open_file(console_name, TCE_OPEN_WRITE, sizeof console_name - 1U);
    if (port->console < 0) {
        return TCE_PORT_ERR_CONSOLE;
    }
    port->audio = open_file(pcm_name, TCE_OPEN_READ_BINARY, sizeof pcm_name - 1U);
    return port->audio < 0 ? TCE_PORT_ERR_AUDIO : TCE_PORT_OK;
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    port->capture = audio;
    return TCE_PORT_OK;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    const uint32_t wanted =
        (uint32_t)count * (uint32_t)sizeof(int16_t); /* both cores are little-endian, as the file is */
    uint32_t done = 0;
    while (done < wanted) {
        const uintptr_t arguments[3] = {(uintptr_t)port->audio, (uintptr_t)pcm + done, wanted - done};
        const uint32_t missing = (uint32_t)tce_semihost_call(TCE_SYS_READ, arguments);
        if (missing >= wanted - done) { /* nothing came: the end of the file, or an error reported as "all missing" */
            break;
        }
        done = wanted - missing;
    }
    return (int32_t)(done / (uint32_t)sizeof(int16_t));
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    const uintptr_t arguments[3] = {(uintptr_t)port->console, (uintptr_t)text, length};
    (void)tce_semihost_call(TCE_SYS_WRITE, arguments);
}

/* The command line is words between spaces; the wanted one is `name`, '=', decimal digits. */
int32_t tce_port_setting(const char *name, int32_t otherwise) {
    char line[128] = {0}; /* a longer command line is refused by the host, and the defaults stand */
    uintptr_t arguments[2] = {(uintptr_t)line, sizeof line - 1U};
    if (tce_semihost_call(TCE_SYS_GET_CMDLINE, arguments) != 0) {
        return otherwise;
    }
    for (const char *word = line; *word != '\0';) {
        uint32_t at = 0;
        while (name[at] != '\0' && word[at] == name[at]) {
            ++at;
        }
        if (name[at] == '\0' && word[at] == '=') {
            int32_t value = 0;
            for (const char *digit = word + at + 1; *digit >= '0' && *digit <= '9' && value < 100000000; ++digit) {
                value = value * 10 + (*digit - '0');
            }
            return value;
        }
        while (*word != '\0' && *word != ' ') {
            ++word;
        }
        while (*word == ' ') {
            ++word;
        }
    }
    return otherwise;
}

uint32_t tce_port_cycles(void) {
    return 0; /* whoever emulates counts instructions from outside */
}

_Noreturn void tce_port_exit(int32_t code) {
    const uintptr_t arguments[2] = {TCE_STOPPED_APPLICATION_EXIT, (uintptr_t)code};
    (void)tce_semihost_call(TCE_SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}
