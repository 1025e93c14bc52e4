/* Whether the board does its work: when the watchdog is fed, what its resets teach, and why the board is in safe mode.
 *
 * A board that hangs is reset. One that hangs three times in a row, never having come eight windows far, stays in safe
 * mode: it does not listen, and answers the link. docs/protocol.md lists the reasons. */
#ifndef TCE_HEALTH_H
#define TCE_HEALTH_H

#include <stdint.h>

#include "tce_port.h"

typedef enum {
    TCE_SAFE_NONE = 0,
    TCE_SAFE_LABELS = 1,   /* no pack is whole; detail: TCE_ERR_LABELS_* */
    TCE_SAFE_FOREIGN = 2,  /* the pack is for another encoder or front end */
    TCE_SAFE_AUDIO = 3,    /* no sound comes; detail: TCE_PORT_ERR_AUDIO, or the resets in a row */
    TCE_SAFE_WATCHDOG = 4, /* reset again and again; detail: the resets in a row */
    TCE_SAFE_SCORE = 5     /* the scores refuse the embedding */
} tce_safe;

typedef struct {
    tce_safe safe;
    int32_t detail;
    tce_port_reset cause;
    uint8_t resets, in_a_row; /* by the watchdog since power-up, 255: or more; without eight windows between, to 127 */
    uint8_t sound;            /* 1 once a sample came */
    uint8_t watched;          /* 1 while the watchdog runs */
    uint32_t samples, rows;   /* when it was last fed */
} tce_health;

/* Reads why the core started, and enters safe mode after three resets in a row. */
void tce_health_open(tce_health *health);

/* Safe mode, unless there is a reason already. */
void tce_health_fail(tce_health *health, tce_safe reason, int32_t detail);

/* Starts the watchdog, outside of safe mode. */
void tce_health_watch(tce_health *health, uint32_t milliseconds);

/* Feeds it when samples and rows have both advanced since it was last fed. samples, rows, windows: since the start. */
void tce_health_advance(tce_health *health, uint32_t samples, uint32_t rows, uint32_t windows);

/* Feeds it: the host holds the sound, and is answered. */
void tce_health_hold(const tce_health *health);

/* The reason's word on the console. */
const char *tce_health_word(tce_safe reason);

#endif
