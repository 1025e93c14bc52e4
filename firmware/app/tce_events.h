/* From the scores of windows to events: smoothing, each label's threshold with hysteresis, a refractory time, and the
 * background row, which keeps silent whatever it beats. docs/protocol.md states the rule in integers;
 * tinyclap_edge/device/events.py is its twin. */
#ifndef TCE_EVENTS_H
#define TCE_EVENTS_H

#include <stdint.h>

#include "tce_labels.h"

enum { TCE_EVENTS_SMOOTHING_MAX = 7 };

typedef struct {
    uint8_t smoothing;  /* a score moves by 1 / 2^smoothing of its distance a window; 0: at once */
    uint8_t refractory; /* windows after an event of a label in which none of it follows */
    int16_t hysteresis; /* Q15, >= 0: how far below its threshold a label ends */
} tce_events_settings;

typedef struct {
    int16_t score; /* smoothed, Q15 */
    uint8_t rest;  /* windows until the label may be an event again */
    uint8_t heard; /* 1 while it is above its threshold, less the hysteresis */
} tce_event_state;

typedef struct {
    tce_events_settings settings;
    uint32_t count; /* events since the start */
    uint32_t begun; /* 1 once there are smoothed scores */
    tce_event_state labels[TCE_LABELS_COUNT_MAX];
} tce_events;

/* Forgets what was heard: the next window is the first one. */
void tce_events_restart(tce_events *events);

/* Takes one window's scores, [labels->count] in Q15, and calls event(context, label) for each label that begins,
 * in order of the labels. */
void tce_events_take(tce_events *events, const tce_labels *labels, const int16_t *scores,
                     void (*event)(void *context, int32_t label), void *context);

#endif
