/* What the requests of the link do: who the device is, what it hears, and its labels. docs/protocol.md lists every
 * field. */
#ifndef TCE_COMMANDS_H
#define TCE_COMMANDS_H

#include <stdint.h>

#include "tce_label_slots.h"
#include "tce_link.h"

enum { TCE_COMMANDS_DATA_BYTES = 256 /* of a pack in one LABELS_DATA or LABELS_READ */ };

/* Memory marks and counters of HELLO. */
typedef struct {
    uint32_t arena_bytes;  /* the encoder's working memory */
    uint32_t static_bytes; /* the application's state, link and label slots included */
    uint32_t stack_bytes;  /* touched since the start; 0 where the port cannot tell */
    uint32_t windows;      /* scored since the start */
    uint32_t damaged;      /* frames since the start that came damaged */
} tce_marks;

typedef struct {
    const char *version, *board;             /* zero-terminated, up to TCE_COMMANDS_TEXT_MAX bytes of each are sent */
    const uint8_t *encoder_id, *frontend_id; /* [TCE_LABELS_ID_BYTES] */
    void *context;
    tce_marks (*marks)(void *context);
    /* The newest score of each label in Q15, or NULL when there is none for the labels in use. */
    const int16_t *(*scores)(void *context);
} tce_commands_config;

enum { TCE_COMMANDS_TEXT_MAX = 63 };

typedef struct {
    const tce_commands_config *config;
    tce_label_slots *slots;
} tce_commands;

/* Carries out one command: tce_link_config.command with a tce_commands for its context. */
tce_link_outcome tce_commands_run(const tce_commands *commands, uint8_t command, const uint8_t *payload, uint32_t count,
                                  uint8_t *answer);

#endif
