/* How the application begins, and how it gives up listening. */
#ifndef TCE_APP_START_H
#define TCE_APP_START_H

#include "tce_app.h"

/* Listens from now on, watched: after the start, and when what kept the board in safe mode has gone. */
void tce_app_begin(tce_app *app);

/* Safe mode, and says so: 1, or TCE_APP_ERR_SAFE where there is no link. */
int tce_app_fail(tce_app *app, tce_safe reason, int32_t detail);

#endif
