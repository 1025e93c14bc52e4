/* The application's side of the link and of the benchmark: what a request needs to know of it, and when requests are
 * answered. */
#ifndef TCE_APP_LINK_H
#define TCE_APP_LINK_H

#include "tce_app.h"

/* Puts the link over the port's bytes; the labels must be open. */
void tce_app_link_open(tce_app *app);

/* MLPerf Tiny's text protocol, and its lines at a reset; only where there is a link, since nobody else could drive it.
 */
void tce_app_mlperf_open(tce_app *app);

/* Answers what has come over the link, without waiting, and tells on the console when that changed the labels. Does
 * nothing within itself. */
void tce_app_link_serve(tce_app *app);

#endif
