/* Requests of a host that means no good, behind right checksums, with resets, sound and windows between them: no answer
 * is too long, nothing is read behind a request, nothing is written outside of the slot that is not in use, and the
 * labels in use are whole at every moment.
 *
 * The input is records: a byte of kind, a byte of length, then that many bytes. Kinds below 0x80 are frames of that
 * type with a number of their own (the body's first byte); those from RAW on are listed below. The commands are handed
 * out as firmware/app/tce_app_link.c does. */
#include "fuzz_device.h"
#include "tce_commands.h"
#include "tce_logmel.h"
#include "tce_monitor.h"
#include "tce_replay.h"

enum {
    RAW = 0xF0, /* bytes on the line, as they come */
    RESET,
    NEXT,  /* a request that the link lets through; the body begins with its type. It costs half of what a frame does */
    SOUND, /* a half of the double buffer */
    WINDOW, /* scores of a window */
    TIME,   /* microseconds pass: little endian */
    BUSY    /* whether a window is being computed */
};

enum { RING_SAMPLES = 32, HALF_SAMPLES = 16, ROWS = 3, ARENA_BYTES = 24, DIM = 1 };

typedef struct {
    fuzz_device device;
    tce_commands_config commands_config;
    tce_commands commands;
    int16_t halves[2 * HALF_SAMPLES], ring[RING_SAMPLES];
    tce_capture capture;
    tce_events events;
    tce_health health;
    tce_monitor_config monitor_config;
    tce_monitor monitor;
    int16_t pcm[TCE_LOGMEL_WINDOW], row_q8[TCE_LOGMEL_MELS];
    int8_t rows[ROWS * TCE_LOGMEL_MELS], embedding[DIM];
    uint8_t arena[ARENA_BYTES];
    tce_replay_config replay_config;
    tce_replay replay;
    tce_link_config link_config;
    tce_link link;
    int16_t scores[TCE_LABELS_COUNT_MAX];
    uint32_t windows, scored_changes, changes, now;
    int busy;
} board;

static board b, fresh;

/* -- what the commands ask of the application ---------------------------------------------------------------------- */

static tce_marks marks(void *context) {
    (void)context;
    return (tce_marks){.windows = b.windows, .damaged = b.link.damaged};
}

static tce_counters counters(void *context) {
    (void)context;
    return (tce_counters){.windows = b.windows, .damaged = b.link.damaged, .repeated = b.link.repeated};
}

static const int16_t *newest_scores(void *context) {
    (void)context;
    return b.windows != 0 && b.scored_changes == b.device.slots.changes ? b.scores : NULL;
}

static const int16_t *replay_scores(void *context, uint32_t *count) {
    (void)context;
    *count = (uint32_t)b.device.slots.labels.count;
    return b.scores;
}

static const int8_t *embedding(void *context) {
    (void)context;
    return b.embedding;
}

static int idle(void *context) {
    (void)context;
    return b.busy == 0;
}

static void hold(void *context) {
    (void)context;
    tce_monitor_end(&b.monitor);
    tce_capture_set(&b.capture, TCE_CAPTURE_RECORD);
}

static void hear(void *context, int8_t *row) {
    (void)context;
    fuzz_require(row >= b.rows && row + TCE_LOGMEL_MELS <= b.rows + sizeof b.rows);
    for (int i = 0; i < TCE_LOGMEL_MELS; ++i) {
        b.row_q8[i] = b.pcm[i];
        row[i] = (int8_t)(b.pcm[i] & 0x7F);
    }
}

static void encode(void *context) {
    (void)context;
    b.embedding[0] = b.rows[0];
}

static void score(void *context) {
    (void)context;
    b.scored_changes = b.device.slots.changes;
    fuzz_require(tce_labels_score(&b.device.slots.labels, b.embedding, 3, b.scores) == TCE_LABELS_OK);
}

static uint32_t cycles(void) {
    return b.now;
}

static uint32_t microseconds(void *context) {
    (void)context;
    return b.now;
}

static void write_out(void *context, const uint8_t *bytes, uint32_t count) {
    (void)context;
    fuzz_require(count >= 10 && count <= TCE_FRAME_BYTES_MAX && bytes[0] == 0 && bytes[count - 1U] == 0);
}

/* -- the board ----------------------------------------------------------------------------------------------------- */

static tce_link_outcome hand_out(uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    if (code == TCE_LINK_HELLO) {
        tce_monitor_end(&b.monitor);
        tce_replay_end(&b.replay);
        if (b.capture.mode != TCE_CAPTURE_LISTEN) {
            tce_capture_set(&b.capture, TCE_CAPTURE_LISTEN);
        }
    }
    return tce_monitor_knows(code)  ? tce_monitor_run(&b.monitor, code, payload, count, answer)
           : tce_replay_knows(code) ? tce_replay_run(&b.replay, code, payload, count, answer)
                                    : tce_commands_run(&b.commands, code, payload, count, answer);
}

/* Request and answer in objects of their own, whose ends are guarded: in the link they lie inside of larger ones. */
static tce_link_outcome command(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    static uint8_t request[TCE_FRAME_PAYLOAD_MAX], room[TCE_FRAME_PAYLOAD_MAX];
    (void)context;
    uint8_t *at = request + sizeof request - count;
    memcpy(at, payload, count);
    const tce_link_outcome outcome = hand_out(code, at, count, room);
    fuzz_require(outcome.bytes <= TCE_FRAME_PAYLOAD_MAX);
    memcpy(answer, room, outcome.bytes);
    if (b.changes != b.device.slots.changes) {
        b.changes = b.device.slots.changes;
        fuzz_check(&b.device);
    }
    return outcome;
}

/* A reset: everything but the flash is gone. */
static void start(void) {
    fuzz_start(&b.device);
    fuzz_check(&b.device);
    b.changes = b.device.slots.changes;
    b.windows = b.scored_changes = 0;
    b.busy = 0;
    b.commands_config =
        (tce_commands_config){"0.1.0", "board", fuzz_image + 8, fuzz_image + 16, &b, marks, newest_scores};
    b.commands = (tce_commands){&b.commands_config, &b.device.slots};
    tce_capture_open(&b.capture, b.ring, RING_SAMPLES, b.halves, HALF_SAMPLES);
    memset(&b.events, 0, sizeof b.events);
    b.monitor_config = (tce_monitor_config){&b.capture, &b.events, &b.health,    &b.device.slots, 16000,
                                            &b,         counters,  microseconds, write_out};
    b.monitor = (tce_monitor){.config = &b.monitor_config};
    b.replay_config =
        (tce_replay_config){&b,   b.pcm, b.row_q8, b.rows, b.arena,   ROWS,          ARENA_BYTES, DIM,   idle,
                            hold, hear,  encode,   score,  embedding, replay_scores, cycles,      cycles};
    b.replay = (tce_replay){.config = &b.replay_config};
    b.link_config = (tce_link_config){&b, command, write_out, NULL};
    tce_link_open(&b.link, &b.link_config);
}

static void push_frame(uint8_t type, uint8_t sequence, const uint8_t *payload, uint32_t count) {
    static tce_frame frame;
    memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, payload, count);
    tce_link_push(&b.link, frame.bytes, tce_frame_seal(&frame, type, sequence, count));
}

static void hear_half(const uint8_t *bytes, uint32_t count) {
    const uint32_t samples = count / 2U < HALF_SAMPLES ? count / 2U : HALF_SAMPLES;
    memcpy(b.halves, bytes, 2U * samples);
    b.capture.audio.taken(b.capture.audio.context, b.halves, samples);
    const uint32_t unread = tce_capture_unread(&b.capture);
    fuzz_require(b.capture.filled <= RING_SAMPLES);
    fuzz_require(b.capture.mode != TCE_CAPTURE_LISTEN || unread <= RING_SAMPLES);
    if (b.capture.mode == TCE_CAPTURE_LISTEN && unread >= HALF_SAMPLES) {
        static int16_t frame[HALF_SAMPLES];
        tce_capture_peek(&b.capture, frame, HALF_SAMPLES);
        tce_capture_skip(&b.capture, HALF_SAMPLES);
    }
}

static void tell(void *context, int32_t label) {
    (void)context;
    fuzz_require(label >= 0 && label < b.device.slots.labels.count);
    tce_monitor_event(&b.monitor, b.windows, label);
}

static void hear_window(const uint8_t *bytes, uint32_t count) {
    if (b.scored_changes != b.device.slots.changes) {
        tce_events_restart(&b.events);
    }
    b.scored_changes = b.device.slots.changes;
    for (int32_t i = 0; i < b.device.slots.labels.count; ++i) {
        const uint32_t at = 2U * (uint32_t)i;
        b.scores[i] = at + 2U <= count ? (int16_t)(uint16_t)tce_link_get_u16(bytes + at) : 0;
    }
    tce_events_take(&b.events, &b.device.slots.labels, b.scores, tell, NULL);
    tce_monitor_scores(&b.monitor, b.windows++);
}

static void take_record(uint8_t kind, const uint8_t *body, uint32_t length) {
    if (kind == RAW) {
        tce_link_push(&b.link, body, length);
    } else if (kind == RESET) {
        start();
    } else if (kind == SOUND) {
        hear_half(body, length);
    } else if (kind == WINDOW) {
        hear_window(body, length);
    } else if (kind == TIME) {
        b.now += length < 4 ? 1U : tce_link_get_u32(body);
        tce_monitor_tick(&b.monitor);
    } else if (kind == BUSY) {
        b.busy = length != 0;
    } else if (kind == NEXT && length != 0) {
        static uint8_t answer[TCE_FRAME_PAYLOAD_MAX];
        (void)command(NULL, body[0], body + 1, length - 1U, answer);
    } else if (length != 0) {
        push_frame(kind, body[0], body + 1, length - 1U);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (fresh.link.config == NULL) { /* the board after its first start, copied for each input */
        memset(b.device.memory, 0xFF, sizeof b.device.memory);
        start();
        fresh = b;
    }
    b = fresh;
    for (size_t at = 0; at + 2 <= size;) {
        const size_t left = size - at - 2;
        const size_t length = data[at + 1] < left ? data[at + 1] : left;
        take_record(data[at], data + at + 2, (uint32_t)length);
        at += 2 + length;
    }
    if (b.device.operations != 0) {
        start();
    }
    return 0;
}
