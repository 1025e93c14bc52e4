#include "tce_app_link.h"

#include <stddef.h>

enum { LINK_READ_BYTES = 64 };

static tce_marks marks(void *context) {
    const tce_app *app = context;
    return (tce_marks){
        .arena_bytes = TCE_APP_ARENA_BYTES,
        .static_bytes = sizeof *app,
        .stack_bytes = tce_port_stack_bytes(),
        .windows = (uint32_t)app->windows,
        .damaged = app->link.damaged,
    };
}

static const int16_t *newest_scores(void *context) {
    const tce_app *app = context;
    return app->windows != 0 && app->scored_changes == app->slots.changes ? app->scores : NULL;
}

static tce_link_outcome run_command(void *context, uint8_t command, const uint8_t *payload, uint32_t count,
                                    uint8_t *answer) {
    tce_app *app = context;
    if (command == TCE_LINK_HELLO) { /* whoever measured has gone: the rows are the sound's again */
        app->rows_until_window = app->held != 0 ? TCE_APP_ROWS : app->rows_until_window;
        app->held = 0;
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
    app->link_config =
        (tce_link_config){.context = app, .command = run_command, .write = write_link, .text = take_text};
    tce_link_open(&app->link, &app->link_config);
}

void tce_app_link_serve(tce_app *app) {
    uint8_t bytes[LINK_READ_BYTES];
    int32_t count = 0;
    do {
        count = tce_port_link_read(&app->port_link, bytes, LINK_READ_BYTES);
        tce_link_push(&app->link, bytes, (uint32_t)count);
    } while (count == LINK_READ_BYTES);
    if (app->told_changes != app->slots.changes) {
        app->told_changes = app->slots.changes;
        tce_text_string(&app->text, "LABELS ");
        tce_text_decimal(&app->text, app->slots.labels.count);
        tce_text_line(&app->text);
    }
}
