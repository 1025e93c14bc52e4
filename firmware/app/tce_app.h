/* The application: PCM -> log-mel rows -> a ring of rows -> encoder -> scores, one line of text a window.
 *
 *   PCM, 16 kHz int16 --frame--> row of TCE_LOGMEL_MELS int16 --quantise--> ring of TCE_APP_ROWS int8 rows
 *                                                                  |  every hop_frames rows, once the ring is full
 *                                                                  v
 *                                                       encoder -> embedding [r] -> scores [labels]
 *
 * Beside it the link: requests of a host are answered while no sound is due and between two rows of the encoder, and a
 * label pack that it pushes is in use from the next window on (docs/protocol.md). Text of a host is MLPerf Tiny's.
 *
 * All state is in the caller's tce_app and the caller's arena; nothing is allocated.
 *
 * Text it writes (fields are separated by one space):
 *   TCE <version> board=<name> encoder=<id> frontend=<id> labels=<n>
 *   W <index> E <embedding, two hex digits an entry> S <score,score,...>     scores: cosine in Q15, decimal
 *   LABELS <n>                                              the labels were changed: the scores behind it are theirs
 *   END windows=<n> stack=<bytes>
 *   ERROR <what> <code>                                                      instead of the rest */
#ifndef TCE_APP_H
#define TCE_APP_H

#include <stdint.h>

#include "tce_commands.h"
#include "tce_encoder.h"
#include "tce_label_slots.h"
#include "tce_link.h"
#include "tce_logmel.h"
#include "tce_mlperf.h"
#include "tce_port.h"
#include "tce_port_link.h"
#include "tce_text.h"

enum {
    TCE_APP_ROWS = TCE_ENCODER_INPUT_BYTES / TCE_LOGMEL_MELS, /* time steps of the network's input */
    TCE_APP_LABELS_MAX = TCE_LABELS_COUNT_MAX
};

#ifdef TCE_ENCODER_PUSH_ARENA_BYTES /* the encoder takes rows as they come */
#define TCE_APP_ARENA_BYTES TCE_ENCODER_PUSH_ARENA_BYTES
#else
#define TCE_APP_ARENA_BYTES TCE_ENCODER_ARENA_BYTES
#endif

enum {
    TCE_APP_OK = 0,
    TCE_APP_ERR_LABELS = -1, /* the label pack is damaged, or made for another encoder */
    TCE_APP_ERR_SCORE = -2   /* scoring refused the embedding */
};

/* What an image is built with; see tce_config.h of the project. */
typedef struct {
    const char *version, *board;
    const char *encoder_id, *frontend_id; /* 2 * TCE_LABELS_ID_BYTES hexadecimal digits each */
    int32_t hop_frames;                   /* rows between two windows, >= 1 */
    int32_t input_multiplier;             /* log-mel (1/256 dB) to the network's int8: see tce_logmel_quantize_row */
    int input_shift;
    int32_t input_zero_point;
    const uint8_t *label_pack;
    uint32_t label_pack_bytes;
} tce_app_config;

typedef struct {
    const tce_app_config *config;
    uint8_t *arena; /* TCE_APP_ARENA_BYTES, 16-byte aligned */
    tce_port port;
    tce_text text;
    tce_logmel logmel;

    uint8_t encoder_id[TCE_LABELS_ID_BYTES], frontend_id[TCE_LABELS_ID_BYTES];
    tce_flash flash;
    tce_label_slots_config slots_config;
    tce_label_slots slots; /* the labels in use */
    tce_port_link port_link;
    tce_commands_config commands_config;
    tce_commands commands;
    tce_link_config link_config;
    tce_link link;
    tce_mlperf_config mlperf_config;
    tce_mlperf mlperf;
    int32_t held;            /* 1 while a benchmark owns the rows: no sound is read */
    uint32_t scored_changes; /* slots.changes when scores were computed */
    uint32_t told_changes;   /* slots.changes when LABELS was written */

    int16_t pcm[TCE_LOGMEL_WINDOW];             /* the newest window of samples, oldest first */
    int32_t pcm_filled;                         /* samples in it */
    int16_t row_q8[TCE_LOGMEL_MELS];            /* 1/256 dB */
    int8_t rows[TCE_APP_ROWS][TCE_LOGMEL_MELS]; /* ring; the oldest row stands at next_row once it is full */
    int32_t next_row;
    int32_t rows_until_window; /* rows that must still come before the encoder runs */
    int32_t windows;
    int32_t sound_ended;                /* 1 when no more samples come */
    int16_t scores[TCE_APP_LABELS_MAX]; /* Q15 */
} tce_app;

/* Opens the port and the label pack and writes the banner; 0, TCE_PORT_ERR_* or TCE_APP_ERR_*, which it has also
 * written. */
int tce_app_open(tce_app *app, const tce_app_config *config, uint8_t *arena);

/* Answers what came over the link, reads one frame and does what it makes possible: 1 to go on, 0 when the sound has
 * ended and the link, if there is one, is closed, TCE_APP_ERR_* on an error. */
int tce_app_step(tce_app *app);

/* Writes the END line. */
void tce_app_close(tce_app *app);

#endif
