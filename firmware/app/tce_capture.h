/* The ring buffer between the microphone and the front end: halves come in by the port's interrupt, frames go out.
 *
 * One writer (tce_capture_take, in the interrupt) and one reader (the rest, outside of it), which need no lock: each
 * moves a position of its own. The samples that were read stay until they are overwritten, so that a host can look at
 * the newest ones. */
#ifndef TCE_CAPTURE_H
#define TCE_CAPTURE_H

#include <stdint.h>

#include "tce_port.h"

typedef enum {
    TCE_CAPTURE_LISTEN, /* unread samples are kept; what finds no room is dropped and counted */
    TCE_CAPTURE_RECORD, /* nobody reads: the newest overwrite the oldest */
    TCE_CAPTURE_FROZEN  /* the ring stays as it is */
} tce_capture_mode;

typedef struct {
    tce_port_audio audio; /* the double buffer that the port fills */
    int16_t *ring;        /* [size] */
    uint32_t size;        /* a power of two */
    volatile uint32_t mode;
    volatile uint32_t written; /* samples put; the newest stands at (written - 1) % size */
    volatile uint32_t read;    /* samples behind the reader */
    volatile uint32_t filled;  /* samples that the ring holds, read or not */
    volatile uint32_t came;    /* samples that the port gave since the start */
    volatile uint32_t dropped; /* of them, those that found no room */
    uint32_t streams;          /* times that it began to listen: nothing is shared by what was read before and after */
} tce_capture;

/* ring: [ring_samples], a power of two   halves: [2][half_samples], see tce_port_audio. It begins by recording. */
void tce_capture_open(tce_capture *capture, int16_t *ring, uint32_t ring_samples, int16_t *halves,
                      uint32_t half_samples);

/* Another mode. To listen begins a new stream: nothing is unread. */
void tce_capture_set(tce_capture *capture, tce_capture_mode mode);

/* Samples that wait to be read. */
uint32_t tce_capture_unread(const tce_capture *capture);

/* Copies the oldest unread samples; count <= tce_capture_unread. */
void tce_capture_peek(const tce_capture *capture, int16_t *samples, uint32_t count);

/* Goes on behind them. */
void tce_capture_skip(tce_capture *capture, uint32_t count);

/* The sample `back` samples before the newest one, 0 <= back < filled; only while the ring is frozen. */
int16_t tce_capture_back(const tce_capture *capture, uint32_t back);

#endif
