/* The encoder of an export under its three schedules: over whole maps, row by row, or without end. */
#ifndef TCE_APP_ENCODER_H
#define TCE_APP_ENCODER_H

#include "tce_app.h"

/* A stream of rows begins. */
void tce_app_encoder_start(tce_app *app);

/* Takes the newest row, which stands before next_row. Only an encoder without end does anything with it now. */
void tce_app_encoder_row(tce_app *app);

/* Leaves the embedding of the newest TCE_APP_ROWS rows in app->embedding. Where rows are pushed its input needs no room
 * of its own, and link and sound are served between them. */
void tce_app_encode(tce_app *app);

/* The same of the rows as a host has written them, from the first on: a stream of nothing else. Behind them the last
 * one is heard again until an encoder without end has its first embedding. */
void tce_app_encode_rows(tce_app *app);

#ifdef TCE_ENCODER_FIRST_ROWS
/* Takes `count` rows from row `first` on, row n as it stands in place n % TCE_APP_ROWS; row 0 begins a stream. Leaves
 * the embedding, where there is one, in app->embedding. */
void tce_app_follow_rows(tce_app *app, uint32_t first, uint32_t count);
#endif

#endif
