#include "tce_health.h"

enum {
    IN_A_ROW_MAX = 3,
    GOOD_WINDOWS = 8, /* windows from which on a run counts as good */
    /* What outlives a reset: resets, those in a row, and whether sound came. */
    IN_A_ROW_AT = 8,
    IN_A_ROW_MASK = 0x7F,
    SOUND = 0x8000
};

static void keep(const tce_health *health) {
    tce_port_keep(
        (uint16_t)(health->resets | (uint32_t)health->in_a_row << IN_A_ROW_AT | (health->sound != 0U ? SOUND : 0U)));
}

void tce_health_open(tce_health *health) {
    *health = (tce_health){.cause = tce_port_reset_cause()};
    if (health->cause == TCE_PORT_RESET_WATCHDOG) {
        const uint32_t kept = tce_port_kept();
        const uint32_t resets = kept & UINT8_MAX;
        const uint32_t in_a_row = kept >> IN_A_ROW_AT & IN_A_ROW_MASK;
        health->resets = (uint8_t)(resets + (resets < UINT8_MAX));
        health->in_a_row = (uint8_t)(in_a_row + (in_a_row < IN_A_ROW_MASK));
        if (health->in_a_row >= IN_A_ROW_MAX) {
            tce_health_fail(health, (kept & SOUND) != 0U ? TCE_SAFE_WATCHDOG : TCE_SAFE_AUDIO, health->in_a_row);
        }
    }
    keep(health);
}

void tce_health_fail(tce_health *health, tce_safe reason, int32_t detail) {
    if (health->safe == TCE_SAFE_NONE) {
        health->safe = reason;
        health->detail = detail;
    }
}

void tce_health_watch(tce_health *health, uint32_t milliseconds) {
    if (health->safe == TCE_SAFE_NONE && health->watched == 0U) {
        health->watched = 1;
        tce_port_watchdog_start(milliseconds);
    }
}

void tce_health_advance(tce_health *health, uint32_t samples, uint32_t rows, uint32_t windows) {
    const int good = windows >= GOOD_WINDOWS && health->in_a_row != 0U;
    if (good || (samples != 0U && health->sound == 0U)) {
        health->sound = 1;
        health->in_a_row = good ? 0 : health->in_a_row;
        keep(health);
    }
    if (samples != health->samples && rows != health->rows) {
        health->samples = samples;
        health->rows = rows;
        tce_health_hold(health);
    }
}

void tce_health_hold(const tce_health *health) {
    if (health->watched != 0U) {
        tce_port_watchdog_feed();
    }
}

const char *tce_health_word(tce_safe reason) {
    switch (reason) {
    case TCE_SAFE_LABELS:
        return "labels";
    case TCE_SAFE_FOREIGN:
        return "foreign";
    case TCE_SAFE_AUDIO:
        return "audio";
    case TCE_SAFE_WATCHDOG:
        return "watchdog";
    case TCE_SAFE_SCORE:
        return "score";
    case TCE_SAFE_NONE:
        break;
    }
    return "none";
}
