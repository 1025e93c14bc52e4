/* The application's parts that listen, without the application: the ring, events, health and the host's view of them,
 * as a shared library for the tests. The port is what the test says. */
#include <stdlib.h>
#include <string.h>

#include "tce_monitor.h"

enum { HALF = 16, OUT_BYTES = 1 << 16 };

typedef struct {
    tce_capture capture;
    tce_events events;
    tce_health health;
    tce_label_slots slots;
    tce_monitor_config config;
    tce_monitor monitor;
    int16_t *ring, halves[2 * HALF];
    uint8_t out[OUT_BYTES];
    uint32_t out_bytes, now;
} parts;

/* -- the port ------------------------------------------------------------------------------------------------------ */

static tce_port_reset cause;
static uint16_t kept;
static uint32_t feeds, started_ms;

tce_port_reset tce_port_reset_cause(void) {
    return cause;
}

uint16_t tce_port_kept(void) {
    return kept;
}

void tce_port_keep(uint16_t value) {
    kept = value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    started_ms = milliseconds;
}

void tce_port_watchdog_feed(void) {
    feeds++;
}

/* -- the board ----------------------------------------------------------------------------------------------------- */

static tce_counters counters(void *context) {
    (void)context;
    return (tce_counters){.rows = 11,
                          .windows = 12,
                          .missed = 13,
                          .shut = 23,
                          .frontend = {14, 15},
                          .encoder = {16, 17},
                          .scoring = {18, 19},
                          .damaged = 20,
                          .repeated = 21,
                          .stack_bytes = 22};
}

static uint32_t microseconds(void *context) {
    return ((parts *)context)->now;
}

static void write_out(void *context, const uint8_t *bytes, uint32_t count) {
    parts *p = context;
    memcpy(p->out + p->out_bytes, bytes, count);
    p->out_bytes += count;
}

parts *parts_new(uint32_t ring_samples, const uint8_t *pack, uint32_t pack_bytes) {
    parts *p = calloc(1, sizeof *p);
    p->ring = calloc(ring_samples, sizeof *p->ring);
    tce_capture_open(&p->capture, p->ring, ring_samples, p->halves, HALF);
    if (pack_bytes != 0 && tce_labels_open(pack, pack_bytes, &p->slots.labels) != TCE_LABELS_OK) {
        abort();
    }
    p->config = (tce_monitor_config){.capture = &p->capture,
                                     .events = &p->events,
                                     .health = &p->health,
                                     .slots = &p->slots,
                                     .rate_hz = 16000,
                                     .context = p,
                                     .counters = counters,
                                     .microseconds = microseconds,
                                     .write = write_out};
    p->monitor = (tce_monitor){.config = &p->config};
    return p;
}

void parts_free(parts *p) {
    free(p->ring);
    free(p);
}

void parts_time(parts *p, uint32_t now) {
    p->now = now;
    tce_monitor_tick(&p->monitor);
}

/* A half, as the port's interrupt gives it. */
void parts_take(parts *p, const int16_t *samples, uint32_t count) {
    p->capture.audio.taken(p->capture.audio.context, samples, count);
}

void parts_mode(parts *p, uint32_t mode) {
    tce_capture_set(&p->capture, (tce_capture_mode)mode);
}

/* What waits to be read. */
uint32_t parts_read(parts *p, int16_t *samples) {
    const uint32_t count = tce_capture_unread(&p->capture);
    tce_capture_peek(&p->capture, samples, count);
    tce_capture_skip(&p->capture, count);
    return count;
}

uint32_t parts_dropped(const parts *p) {
    return p->capture.dropped;
}

uint32_t parts_mode_now(const parts *p) {
    return p->capture.mode;
}

/* Bytes of the answer, or minus the error. */
int32_t parts_command(parts *p, uint8_t command, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const tce_link_outcome outcome = tce_monitor_run(&p->monitor, command, payload, count, answer);
    return outcome.error == TCE_LINK_DONE ? (int32_t)outcome.bytes : -(int32_t)outcome.error;
}

void parts_hello(parts *p) {
    tce_monitor_end(&p->monitor);
}

typedef struct {
    parts *p;
    uint8_t *begins; /* [labels] */
    uint32_t window;
} one_window;

static void event(void *context, int32_t label) {
    one_window *w = context;
    w->begins[label]++;
    tce_monitor_event(&w->p->monitor, w->window, label);
}

/* One window: smoothed [labels], begins [labels]. */
void parts_window(parts *p, uint32_t window, const int16_t *scores, int16_t *smoothed, uint8_t *begins) {
    const int32_t labels = p->slots.labels.count;
    memset(begins, 0, (size_t)labels);
    one_window w = {p, begins, window};
    tce_events_take(&p->events, &p->slots.labels, scores, event, &w);
    tce_monitor_scores(&p->monitor, window);
    for (int32_t i = 0; i < labels; ++i) {
        smoothed[i] = p->events.labels[i].score;
    }
}

/* Takes what was sent to the host; its length. */
uint32_t parts_sent(parts *p, uint8_t *out) {
    const uint32_t count = p->out_bytes;
    memcpy(out, p->out, count);
    p->out_bytes = 0;
    return count;
}

/* -- health -------------------------------------------------------------------------------------------------------- */

/* A start for that reason: why it is in safe mode. The watchdog is started where there is no reason. */
int32_t health_start(parts *p, uint32_t reset_cause) {
    cause = (tce_port_reset)reset_cause;
    started_ms = 0;
    tce_health_open(&p->health);
    tce_health_watch(&p->health, 8000);
    return (int32_t)p->health.safe;
}

void health_forget(void) {
    kept = 0xABCD;
}

/* How often the watchdog was fed in this step. */
uint32_t health_step(parts *p, uint32_t samples, uint32_t rows, uint32_t windows) {
    feeds = 0;
    tce_health_advance(&p->health, samples, rows, windows);
    return feeds;
}

uint32_t health_started_ms(void) {
    return started_ms;
}
