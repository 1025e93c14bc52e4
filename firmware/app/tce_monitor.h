/* What a host may see of the listening: counters, the newest samples, and scores and events as they come. The commands
 * STATUS, SETTINGS, NOTIFY and CAPTURE and the notifications of docs/protocol.md. */
#ifndef TCE_MONITOR_H
#define TCE_MONITOR_H

#include <stdint.h>

#include "tce_capture.h"
#include "tce_events.h"
#include "tce_health.h"
#include "tce_label_slots.h"
#include "tce_link.h"

enum { TCE_MONITOR_RELEASE_US = 2000000 /* without a CAPTURE the board listens again */ };

/* What one stage took; cycles is 0 where the core counts none. */
typedef struct {
    uint32_t microseconds, cycles;
} tce_stage_time;

/* Counters since the start. */
typedef struct {
    uint32_t rows, windows;
    uint32_t missed;            /* windows that came due and were left out */
    uint32_t shut;              /* windows on which the power gate stayed shut */
    tce_stage_time frontend;    /* of the newest row */
    tce_stage_time encoder;     /* of the newest window */
    tce_stage_time scoring;     /* its scores and events */
    uint32_t damaged, repeated; /* frames and requests, see tce_link */
    uint32_t stack_bytes;
} tce_counters;

typedef struct {
    tce_capture *capture;
    tce_events *events;
    const tce_health *health;
    const tce_label_slots *slots;
    uint32_t rate_hz;
    void *context;
    tce_counters (*counters)(void *context);
    uint32_t (*microseconds)(void *context);
    void (*write)(void *context, const uint8_t *bytes, uint32_t count);
} tce_monitor_config;

/* All zero but `config` before the first command. */
typedef struct {
    const tce_monitor_config *config;
    uint8_t notify;    /* bits of NOTIFY */
    uint8_t number;    /* of the next notification */
    uint8_t frozen;    /* 1 while a host reads the ring */
    uint8_t mode;      /* tce_capture_mode that the ring goes back to */
    uint32_t captured; /* samples that the host may read, the newest ones */
    uint32_t asked_at; /* microseconds of the last CAPTURE */
} tce_monitor;

/* Whether the command is one of these. */
int tce_monitor_knows(uint8_t command);

/* Carries one out: as tce_link_config.command. */
tce_link_outcome tce_monitor_run(tce_monitor *monitor, uint8_t command, const uint8_t *payload, uint32_t count,
                                 uint8_t *answer);

/* HELLO: no notifications, and the ring is the board's again. */
void tce_monitor_end(tce_monitor *monitor);

/* Lets a ring go that the host has forgotten. */
void tce_monitor_tick(tce_monitor *monitor);

/* The smoothed scores of a window, and an event, to a host that asked for them. */
void tce_monitor_scores(tce_monitor *monitor, uint32_t window);
void tce_monitor_event(tce_monitor *monitor, uint32_t window, int32_t label);

#endif
