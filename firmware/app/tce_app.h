/* The application: audio source -> ring buffer -> log-mel -> encoder -> scores -> events. tce_app.c reads in this
 * order.
 *
 *   halves of PCM, 16 kHz int16 --tce_capture--> ring of samples --frame--> row of TCE_LOGMEL_MELS int16 --quantise-->
 *   ring of TCE_APP_ROWS int8 rows --every hop_frames rows: encoder--> embedding [r] --labels--> scores [labels]
 *   --tce_events: smoothing, thresholds, refractory time, background row--> events
 *
 * Beside it the link (docs/protocol.md): requests of a host are answered whenever the pipeline waits, and between two
 * rows of the encoder; a label pack that it pushes is in use from the next window on. Text of a host is MLPerf Tiny's.
 * Where the board cannot do its work it is in safe mode (tce_health.h): it only answers.
 *
 * All state is in the caller's tce_app and the caller's buffers; nothing is allocated.
 *
 * Text it writes (fields are separated by one space):
 *   TCE <version> board=<name> encoder=<id> frontend=<id> labels=<n>
 *   W <index> E <embedding, two hex digits an entry> S <score,score,...>     scores: cosine in Q15, decimal
 *   EVENT <index> <score> <name>                            the smoothed score with which a label begins in this window
 *   LABELS <n>                                              the labels were changed: the scores behind it are theirs
 *   SAFE <reason> <detail>                                  it does not listen, and answers the link
 *   END windows=<n> stack=<bytes>
 *   ERROR <what> <code>                                     instead of the rest, where there is no link to answer */
#ifndef TCE_APP_H
#define TCE_APP_H

#include <stdint.h>

#include "tce_capture.h"
#include "tce_commands.h"
#include "tce_encoder.h"
#include "tce_events.h"
#include "tce_gate.h"
#include "tce_health.h"
#include "tce_label_slots.h"
#include "tce_link.h"
#include "tce_logmel.h"
#include "tce_mlperf.h"
#include "tce_monitor.h"
#include "tce_port.h"
#include "tce_port_link.h"
#include "tce_replay.h"
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

#ifdef TCE_ENCODER_FIRST_ROWS /* an encoder without end, which pads nothing */
enum { TCE_APP_FIRST_ROWS = TCE_ENCODER_FIRST_ROWS };
#else
enum { TCE_APP_FIRST_ROWS = TCE_APP_ROWS };
#endif

enum {
    TCE_APP_OK = 0,
    TCE_APP_ERR_SAFE = -1 /* safe mode without a link: nobody could ask why */
};

/* What an image is built with; see main.c and tce_config.h of the project. */
typedef struct {
    const char *version, *board;
    const char *encoder_id, *frontend_id; /* 2 * TCE_LABELS_ID_BYTES hexadecimal digits each */
    int32_t hop_frames;                   /* rows between two windows, >= 1 */
    int32_t input_multiplier;             /* log-mel (1/256 dB) to the network's int8: see tce_logmel_quantize_row */
    int input_shift;
    int32_t input_zero_point;
    const uint8_t *label_pack;
    uint32_t label_pack_bytes;
    tce_events_settings events;
    int32_t gate; /* 0: the encoder runs on every window, whatever a power gate says */
    uint32_t watchdog_ms;
    uint8_t *arena;                           /* TCE_APP_ARENA_BYTES, 16-byte aligned */
    int16_t *ring, *halves;                   /* see tce_capture_open */
    uint32_t ring_samples, static_ring_bytes; /* a power of two, at least a frame and a hop; bytes of both buffers */
} tce_app_config;

typedef struct {
    const tce_app_config *config;
    tce_port port;
    tce_text text;
    tce_health health;

    /* The pipeline, in its order. */
    tce_capture capture;
    uint32_t stream;                            /* capture.streams when the newest row was made */
    int16_t pcm[TCE_LOGMEL_WINDOW];             /* the newest frame, oldest sample first */
    tce_logmel logmel;                          /* scratch */
    int16_t row_q8[TCE_LOGMEL_MELS];            /* its features, 1/256 dB */
    int8_t rows[TCE_APP_ROWS][TCE_LOGMEL_MELS]; /* ring; the oldest row stands at next_row once it is full */
#if TCE_GATE
    uint16_t gate_columns[TCE_APP_ROWS][TCE_GATE_COLUMNS]; /* of the same rows */
#endif
    int32_t next_row;
    int32_t rows_free;         /* rows that may be overwritten: all, but while the encoder reads them */
    int32_t rows_until_window; /* rows that must still come before the encoder runs */
    int8_t embedding[TCE_ENCODER_OUTPUT_BYTES];
    int16_t scores[TCE_APP_LABELS_MAX]; /* Q15 */
    tce_events events;
    tce_counters counters;

    /* The labels, and the host. */
    uint8_t encoder_id[TCE_LABELS_ID_BYTES], frontend_id[TCE_LABELS_ID_BYTES];
    tce_flash flash;
    tce_label_slots_config slots_config;
    tce_label_slots slots;   /* the labels in use */
    uint32_t scored_changes; /* slots.changes when scores were computed */
    uint32_t told_changes;   /* slots.changes when LABELS was written */
    tce_port_link port_link;
    int32_t serving; /* 1 while requests are answered, so that none is within another */
    tce_link_config link_config;
    tce_link link;
    tce_commands_config commands_config;
    tce_commands commands;
    tce_monitor_config monitor_config;
    tce_monitor monitor;
    tce_replay_config replay_config;
    tce_replay replay;
    tce_mlperf_config mlperf_config;
    tce_mlperf mlperf;
} tce_app;

/* Opens the port and the label pack, writes the banner and begins to listen; TCE_APP_OK in safe mode too. Otherwise
 * TCE_PORT_ERR_CONSOLE, or TCE_APP_ERR_SAFE, whose reason it has written. *app must be zero. */
int tce_app_open(tce_app *app, const tce_app_config *config);

/* Answers what came over the link, takes the next frame, and does what it makes possible: 1 to go on, 0 when the sound
 * has ended and the link, if there is one, is closed, TCE_APP_ERR_* on an error. */
int tce_app_step(tce_app *app);

/* Writes the END line. */
void tce_app_close(tce_app *app);

/* The stages, for whoever drives them otherwise: a benchmark, a replay of the host's sound.
 * tce_app_row: app->pcm -> app->row_q8 -> one row, [TCE_LOGMEL_MELS]
 * tce_app_score: app->embedding -> app->scores; TCE_LABELS_OK or TCE_ERR_LABELS_* */
void tce_app_row(tce_app *app, int8_t *row);
int tce_app_score(tce_app *app);

/* Ring -> frame -> row, for the encoder, which lets sound in between two of its rows: 1, or 0 when no whole frame waits
 * or no row may be overwritten. */
int tce_app_listen(tce_app *app);

/* Time since `begin`; since zero, a time to begin at. Costs nothing where nobody can ask for it. */
tce_stage_time tce_app_since(const tce_app *app, tce_stage_time begin);

#endif
