#include "tce_monitor.h"

enum {
    STATUS_BYTES = 80,
    SETTINGS_BYTES = 4,
    NOTIFY_SCORES = 1,
    NOTIFY_EVENTS = 2,
    CAPTURE_HEADER_BYTES = 8,
    CAPTURE_SAMPLES = 128, /* of one answer */
    SCORES_HEADER_BYTES = 10,
    SCORES_LABELS = 127, /* of one notification */
    EVENT_HEADER_BYTES = 11
};

_Static_assert((int)STATUS_BYTES <= (int)TCE_FRAME_PAYLOAD_MAX, "STATUS is too long");
_Static_assert(CAPTURE_HEADER_BYTES + 2 * CAPTURE_SAMPLES <= TCE_FRAME_PAYLOAD_MAX, "CAPTURE is too long");
_Static_assert(SCORES_HEADER_BYTES + 2 * SCORES_LABELS <= TCE_FRAME_PAYLOAD_MAX, "SCORES is too long");
_Static_assert(EVENT_HEADER_BYTES + TCE_LABELS_NAME_MAX <= TCE_FRAME_PAYLOAD_MAX, "EVENT is too long");

static tce_link_outcome done(uint32_t bytes) {
    return (tce_link_outcome){.bytes = bytes};
}

static tce_link_outcome refused(tce_link_error error, uint32_t detail) {
    return (tce_link_outcome){.error = error, .detail = (int32_t)detail};
}

static tce_link_outcome status(const tce_monitor *monitor, uint32_t count, uint8_t *answer) {
    const tce_monitor_config *config = monitor->config;
    if (count != 0U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const tce_counters counters = config->counters(config->context);
    answer[0] = (uint8_t)config->health->safe;
    answer[1] = (uint8_t)config->health->cause;
    answer[2] = config->health->resets;
    answer[3] = config->health->in_a_row;
    const uint32_t words[] = {
        (uint32_t)config->health->detail,
        config->capture->came,
        config->capture->dropped,
        config->capture->audio.overruns,
        counters.rows,
        counters.windows,
        counters.missed,
        config->events->count,
        counters.stack_bytes,
        counters.damaged,
        counters.repeated,
        config->capture->filled,
        counters.frontend.microseconds,
        counters.encoder.microseconds,
        counters.scoring.microseconds,
        counters.frontend.cycles,
        counters.encoder.cycles,
        counters.scoring.cycles,
        counters.shut,
    };
    _Static_assert(4U + sizeof words == STATUS_BYTES, "STATUS has other fields");
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
        tce_link_put_u32(answer + 4U + 4U * i, words[i]);
    }
    return done(STATUS_BYTES);
}

/* nothing, or u8 smoothing, u8 refractory windows, i16 hysteresis -> the settings as they are */
static tce_link_outcome settings(const tce_monitor *monitor, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    tce_events_settings *known = &monitor->config->events->settings;
    if (count != 0U && count != SETTINGS_BYTES) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    if (count != 0U) {
        const uint32_t hysteresis = tce_link_get_u16(payload + 2);
        if (payload[0] > TCE_EVENTS_SMOOTHING_MAX || hysteresis > INT16_MAX) {
            return refused(TCE_LINK_ERR_RANGE, payload[0] > TCE_EVENTS_SMOOTHING_MAX ? 0 : 2);
        }
        *known = (tce_events_settings){payload[0], payload[1], (int16_t)hysteresis};
    }
    answer[0] = known->smoothing;
    answer[1] = known->refractory;
    tce_link_put_u16(answer + 2, (uint32_t)known->hysteresis);
    return done(SETTINGS_BYTES);
}

static tce_link_outcome notify(tce_monitor *monitor, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    if (count != 1U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    if (payload[0] > (NOTIFY_SCORES | NOTIFY_EVENTS)) {
        return refused(TCE_LINK_ERR_RANGE, 0);
    }
    monitor->notify = payload[0];
    answer[0] = payload[0];
    return done(1);
}

static void freeze(tce_monitor *monitor, uint32_t wanted) {
    tce_capture *capture = monitor->config->capture;
    if (monitor->frozen == 0U) {
        monitor->frozen = 1;
        monitor->mode = (uint8_t)capture->mode;
        tce_capture_set(capture, TCE_CAPTURE_FROZEN);
    }
    monitor->captured = wanted == 0U || wanted > capture->filled ? capture->filled : wanted;
}

static void release(tce_monitor *monitor) {
    if (monitor->frozen != 0U) {
        monitor->frozen = 0;
        tce_capture_set(monitor->config->capture, (tce_capture_mode)monitor->mode);
    }
}

/* u32 offset, u32 samples wanted -> u32 samples in all, u32 rate, i16 samples from the offset on */
static tce_link_outcome capture_newest(tce_monitor *monitor, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const tce_monitor_config *config = monitor->config;
    if (count != 8U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const uint32_t offset = tce_link_get_u32(payload);
    if (offset == 0U) {
        freeze(monitor, tce_link_get_u32(payload + 4));
    }
    if (monitor->frozen == 0U) {
        return refused(TCE_LINK_ERR_STATE, 0);
    }
    monitor->asked_at = config->microseconds(config->context);
    if (monitor->captured == 0U) {
        release(monitor);
        return refused(TCE_LINK_ERR_AUDIO, 0);
    }
    if (offset >= monitor->captured) {
        return refused(TCE_LINK_ERR_OFFSET, monitor->captured);
    }
    const uint32_t left = monitor->captured - offset;
    const uint32_t samples = left > CAPTURE_SAMPLES ? CAPTURE_SAMPLES : left;
    tce_link_put_u32(answer, monitor->captured);
    tce_link_put_u32(answer + 4, config->rate_hz);
    for (uint32_t i = 0; i < samples; ++i) {
        const int16_t sample = tce_capture_back(config->capture, left - 1U - i);
        tce_link_put_u16(answer + CAPTURE_HEADER_BYTES + 2U * i, (uint32_t)(uint16_t)sample);
    }
    if (samples == left) {
        release(monitor);
    }
    return done(CAPTURE_HEADER_BYTES + 2U * samples);
}

int tce_monitor_knows(uint8_t command) {
    return (command >= TCE_LINK_STATUS && command <= TCE_LINK_NOTIFY) || command == TCE_LINK_CAPTURE;
}

tce_link_outcome tce_monitor_run(tce_monitor *monitor, uint8_t command, const uint8_t *payload, uint32_t count,
                                 uint8_t *answer) {
    switch (command) {
    case TCE_LINK_STATUS:
        return status(monitor, count, answer);
    case TCE_LINK_SETTINGS:
        return settings(monitor, payload, count, answer);
    case TCE_LINK_NOTIFY:
        return notify(monitor, payload, count, answer);
    case TCE_LINK_CAPTURE:
        return capture_newest(monitor, payload, count, answer);
    default:
        return refused(TCE_LINK_ERR_COMMAND, command);
    }
}

void tce_monitor_end(tce_monitor *monitor) {
    monitor->notify = 0;
    release(monitor);
}

void tce_monitor_tick(tce_monitor *monitor) {
    const tce_monitor_config *config = monitor->config;
    if (monitor->frozen != 0U && config->microseconds(config->context) - monitor->asked_at > TCE_MONITOR_RELEASE_US) {
        release(monitor);
    }
}

static void send(tce_monitor *monitor, tce_frame *frame, uint8_t type, uint32_t count) {
    const uint32_t bytes = tce_frame_seal(frame, type, monitor->number++, count);
    monitor->config->write(monitor->config->context, frame->bytes, bytes);
}

void tce_monitor_scores(tce_monitor *monitor, uint32_t window) {
    if ((monitor->notify & NOTIFY_SCORES) == 0U) {
        return;
    }
    const tce_label_slots *slots = monitor->config->slots;
    const uint32_t labels = (uint32_t)slots->labels.count;
    for (uint32_t first = 0; first < labels; first += SCORES_LABELS) {
        const uint32_t count = labels - first > SCORES_LABELS ? SCORES_LABELS : labels - first;
        tce_frame frame;
        uint8_t *payload = frame.bytes + TCE_FRAME_PAYLOAD_AT;
        tce_link_put_u32(payload, window);
        tce_link_put_u16(payload + 4, slots->changes);
        tce_link_put_u16(payload + 6, labels);
        tce_link_put_u16(payload + 8, first);
        for (uint32_t i = 0; i < count; ++i) {
            const int16_t score = monitor->config->events->labels[first + i].score;
            tce_link_put_u16(payload + SCORES_HEADER_BYTES + 2U * i, (uint32_t)(uint16_t)score);
        }
        send(monitor, &frame, TCE_LINK_SCORES, SCORES_HEADER_BYTES + 2U * count);
    }
}

void tce_monitor_event(tce_monitor *monitor, uint32_t window, int32_t label) {
    if ((monitor->notify & NOTIFY_EVENTS) == 0U) {
        return;
    }
    const tce_labels *labels = &monitor->config->slots->labels;
    int32_t length = 0;
    const char *name = tce_labels_name(labels, label, &length);
    tce_frame frame;
    uint8_t *payload = frame.bytes + TCE_FRAME_PAYLOAD_AT;
    tce_link_put_u32(payload, window);
    tce_link_put_u16(payload + 4, (uint32_t)label);
    tce_link_put_u16(payload + 6, (uint32_t)(uint16_t)monitor->config->events->labels[label].score);
    tce_link_put_u16(payload + 8, (uint32_t)(uint16_t)tce_labels_threshold(labels, label));
    payload[10] = (uint8_t)length;
    for (int32_t i = 0; i < length; ++i) {
        payload[EVENT_HEADER_BYTES + i] = (uint8_t)name[i];
    }
    send(monitor, &frame, TCE_LINK_EVENT, EVENT_HEADER_BYTES + (uint32_t)length);
}
