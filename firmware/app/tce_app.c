#include "tce_app.h"

#include "tce_app_encoder.h"
#include "tce_app_link.h"
#include "tce_app_start.h"

_Static_assert(TCE_APP_ROWS *TCE_LOGMEL_MELS == TCE_ENCODER_INPUT_BYTES,
               "the encoder's input is not whole log-mel rows");
_Static_assert(TCE_LOGMEL_HOP <= TCE_LOGMEL_WINDOW, "frames that do not overlap would drop samples");
#if TCE_GATE && defined(TCE_ENCODER_FIRST_ROWS)
#error "an encoder without end computes each row once: no gate can spare it a window"
#endif

/* Another stream of samples: nothing of the rows, of what the encoder remembers and of the smoothed scores goes on. */
static void tce_app_restart(tce_app *app) {
    app->stream = app->capture.streams;
    app->rows_until_window = TCE_APP_FIRST_ROWS;
    tce_app_encoder_start(app);
    tce_events_restart(&app->events);
}

/* Frame -> log-mel -> one row of the network's input. */
void tce_app_row(tce_app *app, int8_t *row) {
    const tce_app_config *config = app->config;
    tce_logmel_frame(&app->logmel, app->pcm, app->row_q8);
    tce_logmel_quantize_row(app->row_q8, row, TCE_LOGMEL_MELS, config->input_multiplier, config->input_shift,
                            config->input_zero_point);
}

/* Ring buffer -> frame -> row -> ring of rows. */
int tce_app_listen(tce_app *app) {
    if (app->capture.mode != TCE_CAPTURE_LISTEN || app->rows_free == 0 ||
        tce_capture_unread(&app->capture) < (uint32_t)TCE_LOGMEL_WINDOW) {
        return 0;
    }
    if (app->stream != app->capture.streams) {
        tce_app_restart(app);
    }
    const tce_stage_time begin = tce_app_since(app, (tce_stage_time){0});
    tce_capture_peek(&app->capture, app->pcm, TCE_LOGMEL_WINDOW);
    tce_capture_skip(&app->capture, TCE_LOGMEL_HOP);
    tce_app_row(app, app->rows[app->next_row]);
#if TCE_GATE
    if (app->config->gate != 0) {
        tce_gate_columns(app->row_q8, TCE_LOGMEL_MELS, TCE_LOGMEL_FLOOR_Q8, app->gate_columns[app->next_row]);
    }
#endif
    app->next_row = app->next_row + 1 == TCE_APP_ROWS ? 0 : app->next_row + 1;
    app->rows_free -= app->rows_free < TCE_APP_ROWS;
    app->rows_until_window--;
    app->counters.rows++;
    app->counters.frontend = tce_app_since(app, begin);
    tce_app_encoder_row(app);
    return 1;
}

/* Embedding -> scores. */
int tce_app_score(tce_app *app) {
    if (app->scored_changes != app->slots.changes) { /* other labels: their scores have no past */
        tce_events_restart(&app->events);
    }
    app->scored_changes = app->slots.changes;
    return tce_labels_score(&app->slots.labels, app->embedding, TCE_ENCODER_OUTPUT_ZERO_POINT, app->scores);
}

static void tce_app_write_window(tce_app *app) {
    tce_text *text = &app->text;
    tce_text_string(text, "W ");
    tce_text_decimal(text, (int32_t)app->counters.windows);
    tce_text_string(text, " E ");
    tce_text_hex(text, app->embedding, TCE_ENCODER_OUTPUT_BYTES);
    tce_text_string(text, " S ");
    for (int32_t i = 0; i < app->slots.labels.count; ++i) {
        if (i != 0) {
            tce_text_string(text, ",");
        }
        tce_text_decimal(text, app->scores[i]);
    }
    tce_text_line(text);
}

/* A label begins. */
static void tce_app_event(void *context, int32_t label) {
    tce_app *app = context;
    int32_t length = 0;
    const char *name = tce_labels_name(&app->slots.labels, label, &length);
    tce_text_string(&app->text, "EVENT ");
    tce_text_decimal(&app->text, (int32_t)app->counters.windows);
    tce_text_string(&app->text, " ");
    tce_text_decimal(&app->text, app->events.labels[label].score);
    tce_text_string(&app->text, " ");
    tce_text_bytes(&app->text, name, length);
    tce_text_line(&app->text);
    tce_monitor_event(&app->monitor, app->counters.windows, label);
}

/* Ring of rows -> embedding. Where a power gate stays shut the encoder does not run: an embedding of zeros, which
 * scores 0 for every label. */
static void tce_app_embed(tce_app *app) {
#if TCE_GATE
    if (app->config->gate != 0 && tce_gate_opens(app->gate_columns[0], TCE_APP_ROWS, app->next_row) == 0) {
        __builtin_memset(app->embedding, TCE_ENCODER_OUTPUT_ZERO_POINT, TCE_ENCODER_OUTPUT_BYTES);
        app->counters.shut++;
        return;
    }
#endif
    tce_app_encode(app);
}

/* Ring of rows -> encoder -> scores -> events. */
static int tce_app_window(tce_app *app) {
    app->rows_until_window += app->config->hop_frames;
    while (app->rows_until_window <= 0) { /* the one after it is due already */
        app->rows_until_window += app->config->hop_frames;
        app->counters.missed++;
    }
    tce_stage_time begin = tce_app_since(app, (tce_stage_time){0});
    tce_app_embed(app);
    app->counters.encoder = tce_app_since(app, begin);
    if (tce_label_slots_erasing(&app->slots)) { /* the labels lie in flash that cannot be read meanwhile */
        app->counters.missed++;
        return 1;
    }
    begin = tce_app_since(app, (tce_stage_time){0});
    const int scored = tce_app_score(app);
    app->counters.scoring = tce_app_since(app, begin);
    if (scored != TCE_LABELS_OK) {
        return tce_app_fail(app, TCE_SAFE_SCORE, scored);
    }
    tce_app_write_window(app);
    tce_events_take(&app->events, &app->slots.labels, app->scores, tce_app_event, app);
    tce_monitor_scores(&app->monitor, app->counters.windows);
    app->counters.windows++;
    return 1;
}

/* Sleeps until sound or bytes have come: 1, or 0 when neither can come any more. */
static int tce_app_await(tce_app *app) {
    const int listens = app->capture.mode == TCE_CAPTURE_LISTEN || app->health.safe != TCE_SAFE_NONE;
    const int sound = listens && app->port.capture != NULL && app->capture.audio.ended == 0U;
    const int events = tce_port_link_wait(&app->port_link, &app->port, sound);
    if (app->capture.mode != TCE_CAPTURE_LISTEN) {
        tce_health_hold(&app->health);
    }
    tce_monitor_tick(&app->monitor);
    return events != 0;
}

int tce_app_step(tce_app *app) {
    tce_app_link_serve(app);
    tce_mlperf_run(&app->mlperf);
    if (app->stream != app->capture.streams) {
        tce_app_restart(app);
    }
    const int due = app->rows_until_window <= 0; /* while the one before was computed */
    if (app->capture.mode != TCE_CAPTURE_LISTEN || (!due && tce_app_listen(app) == 0)) {
        return tce_app_await(app);
    }
    const int going = app->rows_until_window > 0 ? 1 : tce_app_window(app);
    tce_health_advance(&app->health, app->capture.came, app->counters.rows, app->counters.windows);
    return going;
}

void tce_app_close(tce_app *app) {
    tce_text_string(&app->text, "END windows=");
    tce_text_decimal(&app->text, (int32_t)app->counters.windows);
    tce_text_string(&app->text, " stack=");
    tce_text_decimal(&app->text, (int32_t)tce_port_stack_bytes());
    tce_text_line(&app->text);
}
