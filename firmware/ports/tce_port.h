/* What the application needs from the world: sound in halves of a double buffer, text out, a watchdog, clocks, an end.
 *
 * A port is one directory under ports/ that implements these functions, those of tce_port_link.h, and the start-up
 * code. Its memory is the application's tce_port; beside it a port keeps only what its interrupts must
 * find, and handles. */
#ifndef TCE_PORT_H
#define TCE_PORT_H

#include <stdint.h>

enum {
    TCE_PORT_OK = 0,
    TCE_PORT_ERR_CONSOLE = -1, /* the text output cannot be opened */
    TCE_PORT_ERR_AUDIO = -2    /* the PCM source cannot be opened */
};

/* A double buffer: while one half is filled, by DMA or by an interrupt, the other one is taken. The application owns
 * it and fills in the first four fields; it must outlive the port.
 *
 * When a half is full the port calls taken(context, half, count), from its interrupt where it has one, and so once a
 * half, in order: `taken` copies the samples away and returns within microseconds. A port that finds a whole half
 * overwritten before it could call (its interrupt came late) counts an overrun and goes on with the newest half. */
typedef struct {
    int16_t *halves;  /* [2][samples], aligned to 32 bytes, in the section .bss.tce_dma; mono, the front end's rate */
    uint32_t samples; /* of one half */
    void *context;
    void (*taken)(void *context, const int16_t *half, uint32_t count); /* count < samples only at a recording's end */

    volatile uint32_t overruns; /* times that the hardware or its driver lost sound: the port counts */
    volatile uint32_t heard;    /* halves taken since the last tce_port_link_wait said TCE_PORT_SOUND: the port's own */
    volatile uint32_t ended;    /* 1 when no more sound can come: a recording's end; never on a microphone */
} tce_port_audio;

typedef struct {
    intptr_t console; /* handle of the text output */
    intptr_t audio;   /* handle of the PCM source */
    tce_port_audio *capture;
} tce_port;

/* Opens console and audio; TCE_PORT_OK or TCE_PORT_ERR_*. With TCE_PORT_ERR_AUDIO text can be written all the same. */
int tce_port_open(tce_port *port);

/* Starts the capture into the halves of `audio`, which it keeps in port->capture: TCE_PORT_OK or TCE_PORT_ERR_AUDIO. */
int tce_port_audio_start(tce_port *port, tce_port_audio *audio);

/* Only where sound is a file, as in an emulator: reads up to `count` samples and waits for them. Returns the whole
 * samples read; fewer than `count` only when the source has ended. tce_port_pull.h makes halves of it. */
int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count);

/* Writes `length` bytes of text to the console. Never waits longer than the line takes for them. */
void tce_port_write(const tce_port *port, const char *text, uint32_t length);

/* A number that the host gives this run as "name=value"; `otherwise` where it gives none, or where there is no host. */
int32_t tce_port_setting(const char *name, int32_t otherwise);

/* Bytes of stack that have been touched since start-up (painted at reset). */
uint32_t tce_port_stack_bytes(void);

/* A counter of core cycles that wraps (DWT CYCCNT, mcycle), running from tce_port_open on; 0 where there is none. */
uint32_t tce_port_cycles(void);

typedef enum {
    TCE_PORT_RESET_POWER = 0, /* power-up or brown-out; whatever the chip cannot tell apart from it */
    TCE_PORT_RESET_PIN = 1,
    TCE_PORT_RESET_SOFTWARE = 2, /* a debugger's too */
    TCE_PORT_RESET_WATCHDOG = 3
} tce_port_reset;

/* Why the core started; the same answer however often it is asked. */
tce_port_reset tce_port_reset_cause(void);

/* 16 bits that outlive a reset by the watchdog: a backup or scratch register, or memory that start-up leaves alone.
 * What they hold after power-up does not matter. */
uint16_t tce_port_kept(void);
void tce_port_keep(uint16_t value);

/* Starts the watchdog: unless it is fed at least every `milliseconds` (or the next longer time that the chip can do)
 * the chip is reset. Not called in safe mode, nor twice. A port without a watchdog does nothing. */
void tce_port_watchdog_start(uint32_t milliseconds);
void tce_port_watchdog_feed(void);

/* Ends the run: 0 is success. On a board without a host it halts. */
_Noreturn void tce_port_exit(int32_t code);

/* The application, called by the start-up code once memory is initialised; the result is the exit code. */
int tce_app_main(void);

#endif
