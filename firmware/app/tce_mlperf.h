/* MLPerf Tiny's text protocol, so that its runner drives this firmware as it is: commands that end with '%', answers in
 * lines of which "m-ready" is the last. They stand in the stream where no frame does.
 *
 *   name%  profile%  timestamp%  db load N%  db HEX%  db print%  infer N W%  results%  help%
 *
 * The model is an encoder with its labels: its input is the int8 log-mel picture, row after row; its results are the
 * labels' scores, (1 + cosine) / 2, so that they are positive. A board that is measured does not listen: `db load`
 * stops the sound until the next HELLO.
 *
 * A command is kept when it comes and carried out by tce_mlperf_run, since an inference must not begin within another;
 * what comes before it has been answered is dropped, as the protocol's host waits for the answer. */
#ifndef TCE_MLPERF_H
#define TCE_MLPERF_H

#include <stdint.h>

#include "tce_text.h"

enum { TCE_MLPERF_COMMAND_BYTES = 80 /* what is longer is cut */ };

typedef struct {
    void *context;
    tce_text *text;
    int8_t *input; /* [input_bytes] of the encoder; `db` fills it */
    uint32_t input_bytes;
    void (*hold)(void *context);                             /* the sound stops: the input is the host's now */
    void (*infer)(void *context);                            /* the encoder on the input, and the scores */
    const int16_t *(*scores)(void *context, int32_t *count); /* of the last `infer`, Q15 */
    uint32_t (*microseconds)(void *context);
} tce_mlperf_config;

typedef struct {
    const tce_mlperf_config *config;
    char command[TCE_MLPERF_COMMAND_BYTES]; /* the one that is coming, zero-terminated when it is whole */
    uint32_t used;
    int32_t whole;             /* 1 from its '%' until it has been carried out */
    uint32_t expected, filled; /* bytes of `db load`, and those that have come */
    int32_t inferred;          /* 1 once there are results */
} tce_mlperf;

/* Starts, and writes what the protocol wants at a reset. */
void tce_mlperf_open(tce_mlperf *mlperf, const tce_mlperf_config *config);

/* Takes bytes of the host until a command is whole. */
void tce_mlperf_push(tce_mlperf *mlperf, const uint8_t *bytes, uint32_t count);

/* Carries out the command that has come, if it is whole. */
void tce_mlperf_run(tce_mlperf *mlperf);

#endif
