#include "tce_app_link.h"

#include <stddef.h>

#include "tce_app_encoder.h"
#include "tce_app_start.h"

enum { LINK_READ_BYTES = 64 };

/* -- what requests need to know ------------------------------------------------------------------------------------ */

static tce_marks marks(void *context) {
    const tce_app *app = context;
    return (tce_marks){
        .arena_bytes = TCE_APP_ARENA_BYTES,
        .static_bytes = (uint32_t)sizeof *app + app->config->static_ring_bytes,
        .stack_bytes = tce_port_stack_bytes(),
        .windows = app->counters.windows,
        .damaged = app->link.damaged,
    };
}

static tce_counters counters(void *context) {
    const tce_app *app = context;
    tce_counters now = app->counters;
    now.damaged = app->link.damaged;
    now.repeated = app->link.repeated;
    now.stack_bytes = tce_port_stack_bytes();
    return now;
}

static const int16_t *newest_scores(void *context) {
    const tce_app *app = context;
    return app->counters.windows != 0 && app->scored_changes == app->slots.changes ? app->scores : NULL;
}

static const int16_t *all_scores(void *context, int32_t *count) {
    const tce_app *app = context;
    *count = app->slots.labels.count;
    return app->scores;
}

static const int16_t *replay_scores(void *context, uint32_t *count) {
    const tce_app *app = context;
    *count = (uint32_t)app->slots.labels.count;
    return app->scores;
}

static const int8_t *embedding(void *context) {
    return ((const tce_app *)context)->embedding;
}

static int idle(void *context) {
    return ((const tce_app *)context)->rows_free == TCE_APP_ROWS;
}

static uint32_t microseconds(void *context) {
    (void)context;
    return tce_port_link_microseconds();
}

tce_stage_time tce_app_since(const tce_app *app, tce_stage_time begin) {
    if (app->port_link.bytes < 0) {
        return (tce_stage_time){0};
    }
    return (tce_stage_time){tce_port_link_microseconds() - begin.microseconds, tce_port_cycles() - begin.cycles};
}

/* -- what requests do ---------------------------------------------------------------------------------------------- */

/* A host fills the rows, from the first on: no sound is read until the next HELLO. */
static void hold(void *context) {
    tce_app *app = context;
    tce_monitor_end(&app->monitor);
    tce_capture_set(&app->capture, TCE_CAPTURE_RECORD);
    app->next_row = 0;
}

static void hear(void *context, int8_t *row) {
    tce_app_row(context, row);
}

static void encode(void *context) {
    tce_app *app = context;
    tce_app_encode_rows(app);
    tce_health_hold(&app->health);
}

#ifdef TCE_ENCODER_FIRST_ROWS
static void follow(void *context, uint32_t first, uint32_t count) {
    tce_app *app = context;
    tce_app_follow_rows(app, first, count);
    tce_health_hold(&app->health);
}
#endif

static void score(void *context) {
    (void)tce_app_score(context);
}

static void infer(void *context) {
    encode(context);
    score(context);
}

/* HELLO: whoever measured, replayed or watched has gone, and the sound is the board's again. */
static void begin_session(tce_app *app) {
    tce_monitor_end(&app->monitor);
    tce_replay_end(&app->replay);
    if (app->health.safe == TCE_SAFE_NONE && app->capture.mode != TCE_CAPTURE_LISTEN) {
        tce_capture_set(&app->capture, TCE_CAPTURE_LISTEN);
    }
}

static tce_link_outcome run_command(void *context, uint8_t command, const uint8_t *payload, uint32_t count,
                                    uint8_t *answer) {
    tce_app *app = context;
    if (command == TCE_LINK_HELLO) {
        begin_session(app);
    }
    if (tce_monitor_knows(command)) {
        return tce_monitor_run(&app->monitor, command, payload, count, answer);
    }
    if (tce_replay_knows(command)) {
        return tce_replay_run(&app->replay, command, payload, count, answer);
    }
    return tce_commands_run(&app->commands, command, payload, count, answer);
}

static void write_link(void *context, const uint8_t *bytes, uint32_t count) {
    const tce_app *app = context;
    tce_port_link_write(&app->port_link, &app->port, bytes, count);
}

static void take_text(void *context, const uint8_t *bytes, uint32_t count) {
    tce_app *app = context;
    tce_mlperf_push(&app->mlperf, bytes, count);
}

/* -- the link itself ----------------------------------------------------------------------------------------------- */

void tce_app_link_open(tce_app *app) {
    app->commands_config = (tce_commands_config){
        .version = app->config->version,
        .board = app->config->board,
        .encoder_id = app->encoder_id,
        .frontend_id = app->frontend_id,
        .context = app,
        .marks = marks,
        .scores = newest_scores,
    };
    app->commands = (tce_commands){&app->commands_config, &app->slots};
    app->monitor_config = (tce_monitor_config){
        .capture = &app->capture,
        .events = &app->events,
        .health = &app->health,
        .slots = &app->slots,
        .rate_hz = TCE_LOGMEL_SAMPLE_RATE_HZ,
        .context = app,
        .counters = counters,
        .microseconds = microseconds,
        .write = write_link,
    };
    app->monitor = (tce_monitor){.config = &app->monitor_config};
    app->replay_config = (tce_replay_config){
        .context = app,
        .pcm = app->pcm,
        .row_q8 = app->row_q8,
        .rows = app->rows[0],
        .arena = app->config->arena,
        .row_count = TCE_APP_ROWS,
        .arena_bytes = TCE_APP_ARENA_BYTES,
        .dim = TCE_ENCODER_OUTPUT_BYTES,
        .idle = idle,
        .hold = hold,
        .hear = hear,
        .encode = encode,
        .score = score,
        .embedding = embedding,
        .scores = replay_scores,
        .cycles = tce_port_cycles,
        .microseconds = tce_port_link_microseconds,
#ifdef TCE_ENCODER_FIRST_ROWS
        .follow = follow,
#endif
    };
    app->replay = (tce_replay){.config = &app->replay_config};
    app->link_config =
        (tce_link_config){.context = app, .command = run_command, .write = write_link, .text = take_text};
    tce_link_open(&app->link, &app->link_config);
}

void tce_app_mlperf_open(tce_app *app) {
    app->mlperf_config = (tce_mlperf_config){
        .context = app,
        .text = &app->text,
        .input = app->rows[0],
        .input_bytes = TCE_ENCODER_INPUT_BYTES,
        .hold = hold,
        .infer = infer,
        .scores = all_scores,
        .microseconds = microseconds,
    };
    app->mlperf = (tce_mlperf){.config = &app->mlperf_config};
    if (app->port_link.bytes >= 0) {
        tce_mlperf_open(&app->mlperf, &app->mlperf_config);
    }
}

/* Other labels are in use: to safe mode they may be the cure. */
static void take_labels(tce_app *app) {
    app->told_changes = app->slots.changes;
    tce_text_string(&app->text, "LABELS ");
    tce_text_decimal(&app->text, app->slots.labels.count);
    tce_text_line(&app->text);
    if (app->health.safe == TCE_SAFE_LABELS || app->health.safe == TCE_SAFE_FOREIGN) {
        tce_app_begin(app);
    }
}

void tce_app_link_serve(tce_app *app) {
    if (app->serving != 0) {
        return;
    }
    app->serving = 1;
    uint8_t bytes[LINK_READ_BYTES];
    int32_t count = 0;
    do {
        count = tce_port_link_read(&app->port_link, bytes, LINK_READ_BYTES);
        tce_link_push(&app->link, bytes, (uint32_t)count);
    } while (count == LINK_READ_BYTES);
    tce_link_poll(&app->link);
    app->serving = 0;
    if (app->told_changes != app->slots.changes) {
        take_labels(app);
    }
}
