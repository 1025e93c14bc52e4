/* Sound from the host, stage by stage: REPLAY of docs/protocol.md. The host sends a window of samples, compares what
 * every stage makes of it with its reference, and has each stage timed. An encoder without end is sent a stream.
 *
 * It uses the application's own buffers, which is why the sound stops: nothing of a window that was heard is left. */
#ifndef TCE_REPLAY_H
#define TCE_REPLAY_H

#include <stdint.h>

#include "tce_link.h"

enum {
    TCE_REPLAY_SAMPLES = 128, /* of one REPLAY_PCM at most */
    TCE_REPLAY_TIMES = 4096   /* of one REPLAY_RUN at most */
};

typedef struct {
    void *context;
    int16_t *pcm;         /* [TCE_LOGMEL_WINDOW] the newest samples, oldest first */
    int16_t *row_q8;      /* [TCE_LOGMEL_MELS] the newest log-mel row, 1/256 dB */
    int8_t *rows;         /* [row_count][TCE_LOGMEL_MELS] the network's input, row n in place n % row_count */
    const uint8_t *arena; /* [arena_bytes] of the encoder */
    uint32_t row_count, arena_bytes, dim;
    int (*idle)(void *context);                /* 1 while no window is being computed */
    void (*hold)(void *context);               /* the sound stops until the next HELLO: the buffers are the host's */
    void (*hear)(void *context, int8_t *to);   /* pcm -> row_q8 -> one row of the network's input */
    void (*encode)(void *context);             /* rows, the first one oldest -> embedding; the link is not served */
    void (*score)(void *context);              /* embedding -> scores */
    const int8_t *(*embedding)(void *context); /* [dim] */
    const int16_t *(*scores)(void *context, uint32_t *count); /* Q15 */
    uint32_t (*cycles)(void); /* of the core, from anywhere; always 0 without a counter */
    uint32_t (*microseconds)(void);
    /* Instead of encode, of an encoder without end, whose sound may go on for ever: NULL for one of windows. Row
     * `first` and the `count` rows behind it have come, row 0 begins a stream -> embedding, once it has one. */
    void (*follow)(void *context, uint32_t first, uint32_t count);
} tce_replay_config;

/* All zero but `config` before the first command. */
typedef struct {
    const tce_replay_config *config;
    uint8_t begun;
    uint32_t samples;    /* that have come since BEGIN */
    uint32_t filled;     /* of them still in pcm */
    uint32_t rows;       /* that they made */
    uint32_t first;      /* of them, the first that the encoder reads when it runs */
    uint32_t taken;      /* rows that an encoder without end has read: others may stand in their place */
    uint32_t logmel_crc; /* of all log-mel rows so far */
    uint32_t input_crc;  /* of all rows of network input so far */
} tce_replay;

/* Whether the command is one of REPLAY's. */
int tce_replay_knows(uint8_t command);

/* Carries one out: as tce_link_config.command. */
tce_link_outcome tce_replay_run(tce_replay *replay, uint8_t command, const uint8_t *payload, uint32_t count,
                                uint8_t *answer);

/* HELLO: the sound is the microphone's again. */
void tce_replay_end(tce_replay *replay);

#endif
