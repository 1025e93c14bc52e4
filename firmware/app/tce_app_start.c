#include "tce_app_start.h"

#include "tce_app_link.h"

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

void tce_app_begin(tce_app *app) {
    app->health.safe = TCE_SAFE_NONE;
    app->health.detail = 0;
    tce_capture_set(&app->capture, TCE_CAPTURE_LISTEN);
    tce_health_watch(&app->health, app->config->watchdog_ms);
}

int tce_app_fail(tce_app *app, tce_safe reason, int32_t detail) {
    const int linked = app->port_link.bytes >= 0;
    tce_health_fail(&app->health, reason, detail);
    tce_capture_set(&app->capture, TCE_CAPTURE_RECORD);
    tce_text_string(&app->text, linked ? "SAFE " : "ERROR ");
    tce_text_string(&app->text, tce_health_word(app->health.safe));
    tce_text_string(&app->text, " ");
    tce_text_decimal(&app->text, app->health.detail);
    tce_text_line(&app->text);
    return linked ? 1 : TCE_APP_ERR_SAFE;
}

int tce_app_open(tce_app *app, const tce_app_config *config) {
    app->config = config;
    app->rows_free = TCE_APP_ROWS;
    app->rows_until_window = TCE_APP_FIRST_ROWS;
    app->events.settings = config->events;
    tce_capture_open(&app->capture, config->ring, config->ring_samples, config->halves, TCE_LOGMEL_HOP);
    int audio = tce_port_open(&app->port);
    tce_text_init(&app->text, &app->port);
    if (audio == TCE_PORT_ERR_CONSOLE) {
        return audio;
    }
    tce_port_link_open(&app->port_link, &app->flash);
    tce_health_open(&app->health);
    const int labels = open_labels(app);
    if (audio == TCE_PORT_OK) {
        audio = tce_port_audio_start(&app->port, &app->capture.audio);
    }
    tce_app_link_open(app);
    write_banner(app);
    tce_app_mlperf_open(app);
    int going = 1;
    if (labels != TCE_LABELS_OK) {
        going = tce_app_fail(app, labels == TCE_ERR_LABELS_FOREIGN ? TCE_SAFE_FOREIGN : TCE_SAFE_LABELS, labels);
    } else if (audio != TCE_PORT_OK) {
        going = tce_app_fail(app, TCE_SAFE_AUDIO, audio);
    } else if (app->health.safe != TCE_SAFE_NONE) {
        going = tce_app_fail(app, app->health.safe, app->health.detail);
    } else {
        tce_app_begin(app);
    }
    return going > 0 ? TCE_APP_OK : going;
}
