#include "tce_app.h"

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
    tce_text_decimal(text, app->labels.count);
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

/* TCE_LABELS_OK when the image's label pack is whole and made for its encoder and front end. */
static int open_labels(tce_app *app) {
    const tce_app_config *config = app->config;
    const int opened = tce_labels_open(config->label_pack, config->label_pack_bytes, &app->labels);
    if (opened != TCE_LABELS_OK) {
        return opened;
    }
    uint8_t encoder[TCE_LABELS_ID_BYTES], frontend[TCE_LABELS_ID_BYTES];
    read_id(config->encoder_id, encoder);
    read_id(config->frontend_id, frontend);
    if (app->labels.dim != TCE_ENCODER_OUTPUT_BYTES) {
        return TCE_ERR_LABELS_FOREIGN;
    }
    return tce_labels_match(&app->labels, encoder, frontend);
}

int tce_app_open(tce_app *app, const tce_app_config *config, uint8_t *arena) {
    app->config = config;
    app->arena = arena;
    app->pcm_filled = 0;
    app->next_row = 0;
    app->rows_until_window = TCE_APP_ROWS;
    app->windows = 0;
    const int opened = tce_port_open(&app->port);
    tce_text_init(&app->text, &app->port);
    if (opened != TCE_PORT_OK) {
        return opened == TCE_PORT_ERR_CONSOLE ? opened : stop(app, "audio", opened);
    }
    const int labels = open_labels(app);
    if (labels != TCE_LABELS_OK) {
        (void)stop(app, "labels", labels);
        return TCE_APP_ERR_LABELS;
    }
    write_banner(app);
    return TCE_APP_OK;
}

/* The ring, oldest row first, through the network. Where rows can be pushed its input needs no room of its own. */
static void encode(const tce_app *app) {
#ifdef TCE_ENCODER_PUSH_ARENA_BYTES
    tce_encoder_start(app->arena);
    for (int32_t i = app->next_row; i < TCE_APP_ROWS; ++i) {
        tce_encoder_push(app->arena, app->rows[i]);
    }
    for (int32_t i = 0; i < app->next_row; ++i) {
        tce_encoder_push(app->arena, app->rows[i]);
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

static int run_window(tce_app *app) {
    encode(app);
    const int8_t *embedding = tce_encoder_output(app->arena);
    const int scored = tce_labels_score(&app->labels, embedding, TCE_ENCODER_OUTPUT_ZERO_POINT, app->scores);
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
    for (int32_t i = 0; i < app->labels.count; ++i) {
        if (i != 0) {
            tce_text_string(text, ",");
        }
        tce_text_decimal(text, app->scores[i]);
    }
    tce_text_line(text);
    app->windows++;
    return 1;
}

int tce_app_step(tce_app *app) {
    if (app->pcm_filled == TCE_LOGMEL_WINDOW) { /* keep what the next frame shares with this one */
        app->pcm_filled = TCE_LOGMEL_WINDOW - TCE_LOGMEL_HOP;
        __builtin_memmove(app->pcm, app->pcm + TCE_LOGMEL_HOP, (uint32_t)app->pcm_filled * (uint32_t)sizeof(int16_t));
    }
    const int32_t wanted = TCE_LOGMEL_WINDOW - app->pcm_filled;
    if (tce_port_read_pcm(&app->port, app->pcm + app->pcm_filled, wanted) < wanted) {
        return 0;
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
