#include "tce_app_encoder.h"

#if defined(TCE_ENCODER_FIRST_ROWS) /* rows without end, each computed once */

void tce_app_encoder_start(tce_app *app) {
    tce_encoder_start(app->config->arena);
}

void tce_app_encoder_row(tce_app *app) {
    const int32_t newest = app->next_row == 0 ? TCE_APP_ROWS - 1 : app->next_row - 1;
    tce_encoder_push(app->config->arena, app->rows[newest]);
}

void tce_app_encode(tce_app *app) {
    (void)tce_encoder_embedding(app->config->arena, app->embedding);
}

void tce_app_follow_rows(tce_app *app, uint32_t first, uint32_t count) {
    if (first == 0U) {
        tce_encoder_start(app->config->arena);
    }
    for (uint32_t row = first; row < first + count; ++row) {
        tce_encoder_push(app->config->arena, app->rows[row % (uint32_t)TCE_APP_ROWS]);
    }
    tce_app_encode(app);
}

void tce_app_encode_rows(tce_app *app) {
    tce_app_follow_rows(app, 0, TCE_APP_ROWS);
    while (tce_encoder_embedding(app->config->arena, app->embedding) == 0) {
        tce_encoder_push(app->config->arena, app->rows[TCE_APP_ROWS - 1]);
    }
}

#else

#include "tce_app_link.h"

void tce_app_encoder_start(tce_app *app) {
    (void)app;
}

void tce_app_encoder_row(tce_app *app) {
    (void)app;
}

void tce_app_encode(tce_app *app) {
    uint8_t *arena = app->config->arena;
    const int32_t oldest = app->next_row;
#ifdef TCE_ENCODER_PUSH_ARENA_BYTES
    app->rows_free = 0;
    tce_encoder_start(arena);
    for (int32_t i = 0; i < TCE_APP_ROWS; ++i) {
        if (i != 0) {
            tce_app_link_serve(app);
            while (tce_app_listen(app) != 0) {
            }
        }
        const int32_t row = oldest + i;
        tce_encoder_push(arena, app->rows[row < TCE_APP_ROWS ? row : row - TCE_APP_ROWS]);
        app->rows_free++;
    }
    app->rows_free = TCE_APP_ROWS;
#else
    int8_t *input = tce_encoder_input(arena);                    /* [rows][mels] */
    const uint32_t newer = (uint32_t)(oldest * TCE_LOGMEL_MELS); /* bytes from the ring's start to the oldest row */
    __builtin_memcpy(input, app->rows[oldest], TCE_ENCODER_INPUT_BYTES - newer);
    __builtin_memcpy(input + TCE_ENCODER_INPUT_BYTES - newer, app->rows[0], newer);
    tce_encoder_run(arena);
#endif
    __builtin_memcpy(app->embedding, tce_encoder_output(arena), TCE_ENCODER_OUTPUT_BYTES);
}

void tce_app_encode_rows(tce_app *app) {
    app->next_row = 0;
    tce_app_encode(app);
}

#endif
