/* A host that means no good, to the application as it runs on a board: frames, text, resets, sound and power cuts of
 * the labels' flash, over a port of this file. Nothing is read behind a request or written behind an answer, nothing is
 * written outside of the slot that is not in use, and the labels in use are whole at every moment.
 *
 * The input is records: a byte of kind, a byte of length, then that many bytes. Kinds below 0x80 are frames of that
 * type with a number of their own (the body's first byte); those from RAW on are listed below. */
#include <setjmp.h>

#include "fuzz_device.h"
#include "tce_app.h"
#include "tce_app_link.h"

enum {
    RAW = 0xF0, /* bytes on the line, as they come */
    RESET,      /* with a body: bit 0 into a firmware whose encoder has no end, bit 1 with erases in the background */
    NEXT,  /* a request that the link lets through; the body begins with its type. It costs half of what a frame does */
    SOUND, /* samples */
    WINDOW, /* a window of samples that rise by the body's first byte */
    TIME,   /* microseconds pass: little endian */
    BUSY    /* bytes on the line, which come while the next window is computed */
};

enum {
    RING_SAMPLES = 32,
    WINDOW_SAMPLES = TCE_LOGMEL_WINDOW + (TCE_APP_ROWS - 1) * TCE_LOGMEL_HOP,
    LATE_BYTES = 256,
    PUSHES_MAX = 3000, /* rows of the encoder in one input: MLPerf's `infer` may ask for millions of windows */
    CLOCK_STEP = 1000  /* microseconds from one look at the clock to the next */
};

typedef struct {
    fuzz_flash flash;
    tce_app app;
    tce_app_config config;
    tce_link_outcome (*dispatch)(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer);
    int16_t ring[RING_SAMPLES], halves[2 * TCE_LOGMEL_HOP];
    uint8_t arena[TCE_APP_ARENA_BYTES];
    const uint8_t *line; /* bytes that have come and were not read yet */
    uint32_t line_bytes;
    uint8_t late[LATE_BYTES];
    uint32_t late_bytes;
    uint32_t now, changes, pushes;
    uint16_t kept;
    uint8_t slept, background;
} board;

static board b, fresh;
static jmp_buf enough;

/* -- the port ------------------------------------------------------------------------------------------------------ */

int tce_port_open(tce_port *port) {
    *port = (tce_port){0};
    return TCE_PORT_OK;
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    port->capture = audio;
    return TCE_PORT_OK;
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    fuzz_require(length != 0 && length <= TCE_TEXT_BYTES && memchr(text, 0, length) == NULL);
}

uint32_t tce_port_stack_bytes(void) {
    return 1;
}

uint32_t tce_port_cycles(void) {
    return b.now;
}

tce_port_reset tce_port_reset_cause(void) {
    return TCE_PORT_RESET_PIN;
}

uint16_t tce_port_kept(void) {
    return b.kept;
}

void tce_port_keep(uint16_t value) {
    b.kept = value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    (void)milliseconds;
}

void tce_port_watchdog_feed(void) {}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    static const tce_flash_background background = {fuzz_erase_begin, fuzz_erase_goes_on, b.flash.room, ROOM_BYTES};
    *link = (tce_port_link){0};
    *flash = fuzz_open(&b.flash, &b.app.slots);
    flash->background = b.background != 0 ? &background : NULL;
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    (void)link;
    (void)port;
    (void)sound;
    b.slept = 1;
    return TCE_PORT_TICK;
}

uint32_t tce_port_link_microseconds(void) {
    return b.now += CLOCK_STEP;
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    const uint32_t count = b.line_bytes < (uint32_t)capacity ? b.line_bytes : (uint32_t)capacity;
    if (count != 0) {
        memcpy(bytes, b.line, count);
        b.line += count;
        b.line_bytes -= count;
    }
    return (int32_t)count;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    fuzz_require(count >= 10 && count <= TCE_FRAME_BYTES_MAX && bytes[0] == 0 && bytes[count - 1U] == 0);
}

/* -- front end and encoder ----------------------------------------------------------------------------------------- */

void tce_logmel_frame(tce_logmel *ctx, const int16_t *pcm, int16_t *out_q8) {
    (void)ctx;
    for (int i = 0; i < TCE_LOGMEL_MELS; ++i) {
        out_q8[i] = (int16_t)(pcm[i] ^ pcm[TCE_LOGMEL_WINDOW - 1 - i]);
    }
}

void tce_encoder_start(uint8_t *arena) {
    memset(arena, 0, TCE_APP_ARENA_BYTES);
}

void tce_encoder_push(uint8_t *arena, const int8_t *row) {
    const int8_t *rows = (const int8_t *)b.app.rows;
    fuzz_require(row >= rows && row + TCE_LOGMEL_MELS <= rows + sizeof b.app.rows);
    if (++b.pushes > PUSHES_MAX) {
        longjmp(enough, 1);
    }
    arena[0] = (uint8_t)(arena[0] + (uint8_t)row[0]);
    if (b.late_bytes != 0 && b.line_bytes == 0) {
        b.line = b.late;
        b.line_bytes = b.late_bytes;
        b.late_bytes = 0;
    }
}

const int8_t *tce_encoder_output(const uint8_t *arena) {
    return (const int8_t *)arena;
}

static void follow(void *context, uint32_t first, uint32_t count) {
    tce_app *app = context;
    fuzz_require(count <= TCE_APP_ROWS);
    for (uint32_t row = first; row < first + count; ++row) {
        app->embedding[0] = (int8_t)(app->embedding[0] ^ app->rows[row % TCE_APP_ROWS][0]);
    }
}

/* -- the board ----------------------------------------------------------------------------------------------------- */

static void check(void) {
    if (b.changes != b.app.slots.changes) {
        b.changes = b.app.slots.changes;
        fuzz_check(&b.app.slots);
    }
}

/* The application's dispatch, with request and answer in objects of their own, whose ends are guarded: in the link they
 * lie inside of larger ones. */
static tce_link_outcome command(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    static uint8_t request[TCE_FRAME_PAYLOAD_MAX], room[TCE_FRAME_PAYLOAD_MAX];
    uint8_t *at = request + sizeof request - count;
    memcpy(at, payload, count);
    const tce_link_outcome outcome = b.dispatch(context, code, at, count, room);
    fuzz_require(outcome.bytes <= TCE_FRAME_PAYLOAD_MAX);
    memcpy(answer, room, outcome.bytes);
    check();
    return outcome;
}

/* A reset: everything but the flash is gone. */
static void start(uint8_t how) {
    memset(&b.app, 0, sizeof b.app);
    b.line_bytes = b.late_bytes = 0;
    b.background = how & 2U;
    b.config = (tce_app_config){
        .version = "0.1.0",
        .board = "board",
        .encoder_id = "0102030405060708",
        .frontend_id = "1112131415161718",
        .hop_frames = 2,
        .input_multiplier = 1 << 30,
        .input_shift = 30,
        .label_pack = fuzz_image,
        .label_pack_bytes = sizeof fuzz_image,
        .watchdog_ms = 8000,
        .arena = b.arena,
        .ring = b.ring,
        .halves = b.halves,
        .ring_samples = RING_SAMPLES,
    };
    fuzz_require(tce_app_open(&b.app, &b.config) == TCE_APP_OK && b.app.health.safe == TCE_SAFE_NONE);
    fuzz_check(&b.app.slots);
    b.changes = b.app.slots.changes;
    b.dispatch = b.app.link_config.command;
    b.app.link_config.command = command;
    if ((how & 1U) != 0) {
        b.app.replay_config.follow = follow;
    }
}

/* The application's loop, until it sleeps. */
static void turn(void) {
    do {
        b.slept = 0;
        fuzz_require(tce_app_step(&b.app) == 1);
    } while (b.slept == 0);
    fuzz_require(b.app.rows_free == TCE_APP_ROWS && b.app.capture.filled <= RING_SAMPLES);
    fuzz_require(b.app.capture.mode != TCE_CAPTURE_LISTEN || tce_capture_unread(&b.app.capture) <= RING_SAMPLES);
    check();
}

static void receive(const uint8_t *bytes, uint32_t count) {
    b.line = bytes;
    b.line_bytes = count;
    turn();
}

static void hear(const int16_t *samples, uint32_t count) {
    for (uint32_t at = 0; at < count; at += TCE_LOGMEL_HOP) {
        const uint32_t left = count - at < TCE_LOGMEL_HOP ? count - at : TCE_LOGMEL_HOP;
        memcpy(b.halves, samples + at, left * sizeof *samples);
        b.app.capture.audio.taken(b.app.capture.audio.context, b.halves, left);
    }
    turn();
}

static void take_record(uint8_t kind, const uint8_t *body, uint32_t length) {
    int16_t samples[128];
    if (kind == RAW) {
        receive(body, length);
    } else if (kind == RESET) {
        start(length != 0 ? body[0] : 0);
    } else if (kind == SOUND) {
        memcpy(samples, body, length & ~1U);
        hear(samples, length / 2U);
    } else if (kind == WINDOW) {
        for (uint32_t i = 0; i < WINDOW_SAMPLES; ++i) {
            samples[i] = (int16_t)(length == 0 ? 0 : (int8_t)body[0] * (int32_t)i);
        }
        hear(samples, WINDOW_SAMPLES);
    } else if (kind == TIME) {
        b.now += length < 4 ? 1U : tce_link_get_u32(body);
        turn();
    } else if (kind == BUSY) {
        memcpy(b.late, body, length);
        b.late_bytes = length;
    } else if (kind == NEXT && length != 0) {
        static uint8_t answer[TCE_FRAME_PAYLOAD_MAX];
        b.app.serving = 1; /* as in tce_app_link_serve */
        (void)command(&b.app, body[0], body + 1, length - 1U, answer);
        b.app.serving = 0;
    } else if (length != 0) {
        static tce_frame frame;
        memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, body + 1, length - 1U);
        receive(frame.bytes, tce_frame_seal(&frame, kind, body[0], length - 1U));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (fresh.dispatch == NULL) { /* the board after its first start, copied for each input */
        memset(b.flash.memory, 0xFF, sizeof b.flash.memory);
        start(0);
        fresh = b;
    }
    b = fresh;
    if (setjmp(enough) != 0) {
        return 0;
    }
    for (size_t at = 0; at + 2 <= size;) {
        const size_t left = size - at - 2;
        const size_t length = data[at + 1] < left ? data[at + 1] : left;
        take_record(data[at], data + at + 2, (uint32_t)length);
        at += 2 + length;
    }
    if (b.flash.operations != 0) { /* what the next start would find */
        static tce_label_slots slots;
        b.app.flash = fuzz_open(&b.flash, &slots);
        fuzz_require(tce_label_slots_open(&slots, &b.app.slots_config) == TCE_LABEL_SLOTS_OK);
        fuzz_check(&slots);
    }
    return 0;
}
