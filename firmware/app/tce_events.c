#include "tce_events.h"

void tce_events_restart(tce_events *events) {
    events->begun = 0;
}

static void tce_events_smooth(tce_events *events, const int16_t *scores, int32_t count) {
    const uint32_t shift = events->settings.smoothing;
    const int32_t half = (1 << shift) >> 1;
    for (int32_t i = 0; i < count; ++i) {
        tce_event_state *state = &events->labels[i];
        if (events->begun == 0U) {
            *state = (tce_event_state){.score = scores[i]};
        } else {
            state->score = (int16_t)(state->score + ((scores[i] - state->score + half) >> shift));
        }
    }
    events->begun = 1;
}

void tce_events_take(tce_events *events, const tce_labels *labels, const int16_t *scores,
                     void (*event)(void *context, int32_t label), void *context) {
    tce_events_smooth(events, scores, labels->count);
    for (int32_t i = 0; i < labels->count; ++i) {
        tce_event_state *state = &events->labels[i];
        const int32_t threshold = tce_labels_threshold(labels, i);
        const int resting = state->rest != 0U;
        state->rest = (uint8_t)(state->rest - resting);
        if (i == labels->background) {
            continue;
        }
        if (state->heard != 0U) {
            state->heard = state->score >= threshold - events->settings.hysteresis;
        } else if (!resting && state->score >= threshold &&
                   (labels->background < 0 || state->score > events->labels[labels->background].score)) {
            state->heard = 1;
            state->rest = events->settings.refractory;
            events->count++;
            event(context, i);
        }
    }
}
