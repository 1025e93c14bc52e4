#include "tce_app.h"
#include "tce_app_link.h"

_Static_assert(TCE_APP_ROWS *TCE_LOGMEL_MELS == TCE_ENCODER_INPUT_BYTES,
               "the encoder's input is not whole log-mel rows");
_Static_assert(TCE_LOGMEL_HOP <= TCE_LOGMEL_WINDOW, "frames that do not overlap would drop samples");

static int stop(tce_app *app, const char *what, int code) {
    tce_text_string(&app->text, "ERROR ");
    tce_text_string(&app->text, what);
    tce_text_string(&app->text, " ");
    tce_text_decimal(&app->text, code);
    tce_text_line(&app->text);
    return code;
}

static void write_banner(tce_app *app) {
    tce_text *text = &app->text;
    tce_text_string(text, "TCE ");
    tce_text_string(text, app->config->version);
    tce_text_string(text, " board=");
    tce_text_string(text, app->config->board);
    tce_text_string(text, " encoder=");
    tce_text_string(text, app->config->encoder_id);
    tce_text_string(text, " frontend=");
    tce_text_string(text, app->config->frontend_id);
    tce_text_string(text, " labels=");
    tce_text_decimal(text, app->slots.labels.count);
    tce_text_line(text);
}

/* 2 * TCE_LABELS_ID_BYTES hexadecimal digits to bytes. */
static void read_id(const char *digits, uint8_t id[TCE_LABELS_ID_BYTES]) {
    for (int i = 0; i < TCE_LABELS_ID_BYTES; ++i) {
        uint32_t byte = 0;
        for (int j = 0; j < 2; ++j) {
            const uint32_t c = (uint32_t)(unsigned char)digits[2 * i + j];
            byte = (byte << 4) | (c <= '9' ? c - '0' : c - 'a' + 10U);
        }
        id[i] = (uint8_t)byte;
    }
}

static int open_labels(tce_app *app) {
    const tce_app_config *config = app->config;
    read_id(config->encoder_id, app->encoder_id);
    read_id(config->frontend_id, app->frontend_id);
    app->slots_config = (tce_label_slots_config){
        .flash = &app->flash,
        .image_pack = config->label_pack,
        .image_pack_bytes = config->label_pack_bytes,
        .encoder_id = app->encoder_id,
        .frontend_id = app->frontend_id,
        .dim = TCE_ENCODER_OUTPUT_BYTES,
    };
    return tce_label_slots_open(&app->slots, &app->slots_config);
}

/* The ring, oldest row first, through the network. Where rows can be pushed its input needs no room of its own, and the
 * link is served between them. */
static void encode(tce_app *app) {
#ifdef TCE_ENCODER_PUSH_ARENA_BYTES
    tce_encoder_start(app->arena);
    for (int32_t i = app->next_row; i < TCE_APP_ROWS; ++i) {
        tce_encoder_push(app->arena, app->rows[i]);
        tce_app_link_serve(app);
    }
    for (int32_t i = 0; i < app->next_row; ++i) {
        tce_encoder_push(app->arena, app->rows[i]);
        tce_app_link_serve(app);
    }
#else
    int8_t *input = tce_encoder_input(app->arena); /* [rows][mels] */
    const uint32_t newer =
        (uint32_t)(app->next_row * TCE_LOGMEL_MELS); /* bytes from the ring's start to the oldest row */
    __builtin_memcpy(input, app->rows[app->next_row], TCE_ENCODER_INPUT_BYTES - newer);
    __builtin_memcpy(input + TCE_ENCODER_INPUT_BYTES - newer, app->rows[0], newer);
    tce_encoder_run(app->arena);
#endif
}

static int score(tce_app *app) {
    app->scored_changes = app->slots.changes;
    return tce_labels_score(&app->slots.labels, tce_encoder_output(app->arena), TCE_ENCODER_OUTPUT_ZERO_POINT,
                            app->scores);
}

/* A benchmark's host fills the rows, from the first on. */
static void hold(void *context) {
    tce_app *app = context;
    app->held = 1;
    app->next_row = 0;
}

static void infer(void *context) {
    tce_app *app = context;
    encode(app);
    (void)score(app);
}

static const int16_t *inferred_scores(void *context, int32_t *count) {
    const tce_app *app = context;
    *count = app->slots.labels.count;
    return app->scores;
}

static uint32_t microseconds(void *context) {
    (void)context;
    return tce_port_link_microseconds();
}

/* Only where there is a link: nobody else could drive a benchmark. */
static void open_mlperf(tce_app *app) {
    app->mlperf_config = (tce_mlperf_config){
        .context = app,
        .text = &app->text,
        .input = app->rows[0],
        .input_bytes = TCE_ENCODER_INPUT_BYTES,
        .hold = hold,
        .infer = infer,
        .scores = inferred_scores,
        .microseconds = microseconds,
    };
    app->mlperf = (tce_mlperf){.config = &app->mlperf_config};
    if (app->port_link.bytes >= 0) {
        tce_mlperf_open(&app->mlperf, &app->mlperf_config);
    }
}

int tce_app_open(tce_app *app, const tce_app_config *config, uint8_t *arena) {
    app->config = config;
    app->arena = arena;
    app->pcm_filled = 0;
    app->next_row = 0;
    app->rows_until_window = TCE_APP_ROWS;
    app->windows = 0;
    app->sound_ended = 0;
    app->held = 0;
    app->scored_changes = 0;
    app->told_changes = 0;
    const int opened = tce_port_open(&app->port);
    tce_text_init(&app->text, &app->port);
    if (opened != TCE_PORT_OK) {
        return opened == TCE_PORT_ERR_CONSOLE ? opened : stop(app, "audio", opened);
    }
    tce_port_link_open(&app->port_link, &app->flash);
    const int labels = open_labels(app);
    if (labels != TCE_LABELS_OK) {
        (void)stop(app, "labels", labels);
        return TCE_APP_ERR_LABELS;
    }
    tce_app_link_open(app);
    write_banner(app);
    open_mlperf(app);
    return TCE_APP_OK;
}

static int run_window(tce_app *app) {
    encode(app);
    const int8_t *embedding = tce_encoder_output(app->arena);
    const int scored = score(app);
    if (scored != TCE_LABELS_OK) {
        (void)stop(app, "score", scored);
        return TCE_APP_ERR_SCORE;
    }
    tce_text *text = &app->text;
    tce_text_string(text, "W ");
    tce_text_decimal(text, app->windows);
    tce_text_string(text, " E ");
    tce_text_hex(text, embedding, TCE_ENCODER_OUTPUT_BYTES);
    tce_text_string(text, " S ");
    for (int32_t i = 0; i < app->slots.labels.count; ++i) {
        if (i != 0) {
            tce_text_string(text, ",");
        }
        tce_text_decimal(text, app->scores[i]);
    }
    tce_text_line(text);
    app->windows++;
    return 1;
}

/* Answers the link until sound can be read: 1, or 0 when neither sound nor bytes can come any more. */
static int await(tce_app *app) {
    for (;;) {
        const int sound = app->sound_ended == 0 && app->held == 0;
        const int events = tce_port_link_wait(&app->port_link, &app->port, sound);
        if ((events & TCE_PORT_BYTES) != 0) {
            tce_app_link_serve(app);
            tce_mlperf_run(&app->mlperf);
        } else if (events == 0) {
            return 0;
        }
        if ((events & TCE_PORT_SOUND) != 0 && app->held == 0) {
            tce_mlperf_run(&app->mlperf); /* what came while the encoder ran */
            return 1;
        }
    }
}

int tce_app_step(tce_app *app) {
    if (await(app) == 0) {
        return 0;
    }
    if (app->pcm_filled == TCE_LOGMEL_WINDOW) { /* keep what the next frame shares with this one */
        app->pcm_filled = TCE_LOGMEL_WINDOW - TCE_LOGMEL_HOP;
        __builtin_memmove(app->pcm, app->pcm + TCE_LOGMEL_HOP, (uint32_t)app->pcm_filled * (uint32_t)sizeof(int16_t));
    }
    const int32_t wanted = TCE_LOGMEL_WINDOW - app->pcm_filled;
    if (tce_port_read_pcm(&app->port, app->pcm + app->pcm_filled, wanted) < wanted) {
        app->sound_ended = 1;
        return 1;
    }
    app->pcm_filled = TCE_LOGMEL_WINDOW;

    tce_logmel_frame(&app->logmel, app->pcm, app->row_q8);
    tce_logmel_quantize_row(app->row_q8, app->rows[app->next_row], TCE_LOGMEL_MELS, app->config->input_multiplier,
                            app->config->input_shift, app->config->input_zero_point);
    app->next_row = app->next_row + 1 == TCE_APP_ROWS ? 0 : app->next_row + 1;
    app->rows_until_window--;
    if (app->rows_until_window > 0) {
        return 1;
    }
    app->rows_until_window = app->config->hop_frames;
    return run_window(app);
}

void tce_app_close(tce_app *app) {
    tce_text_string(&app->text, "END windows=");
    tce_text_decimal(&app->text, app->windows);
    tce_text_string(&app->text, " stack=");
    tce_text_decimal(&app->text, (int32_t)tce_port_stack_bytes());
    tce_text_line(&app->text);
}
