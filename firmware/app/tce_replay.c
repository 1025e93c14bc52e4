#include "tce_replay.h"

#include <stddef.h>

#include "tce_crc32.h"
#include "tce_logmel.h"

enum { STAGE_FRONTEND = 0, STAGE_ENCODER = 1, STAGE_SCORES = 2 };
enum { LOGMEL_ROW = 0, NETWORK_INPUT = 1, ARENA = 2, EMBEDDING = 3, SCORES = 4 };
enum { READ_BYTES = 256, RUN_MICROSECONDS = 400000 };

_Static_assert(4 + 2 * TCE_REPLAY_SAMPLES <= TCE_FRAME_PAYLOAD_MAX, "a request of samples is too long");
_Static_assert((int)READ_BYTES <= (int)TCE_FRAME_PAYLOAD_MAX, "an answer is too long");

static tce_link_outcome done(uint32_t bytes) {
    return (tce_link_outcome){.bytes = bytes};
}

static tce_link_outcome refused(tce_link_error error, uint32_t detail) {
    return (tce_link_outcome){.error = error, .detail = (int32_t)detail};
}

/* Samples from the first frame's begin to the end of that of row `rows`. */
static uint32_t samples_of(uint32_t rows) {
    return (uint32_t)TCE_LOGMEL_WINDOW + (rows - 1U) * (uint32_t)TCE_LOGMEL_HOP;
}

/* Samples that may have come: those of a window; of a stream, until a row would take the place of one not read yet. */
static uint32_t samples_allowed(const tce_replay *replay) {
    const tce_replay_config *config = replay->config;
    return samples_of(config->row_count + (config->follow != NULL ? replay->taken : 0U));
}

/* Where row n stands. */
static int8_t *row_at(const tce_replay *replay, uint32_t row) {
    return replay->config->rows + row % replay->config->row_count * (uint32_t)TCE_LOGMEL_MELS;
}

static uint32_t label_count(const tce_replay *replay) {
    uint32_t labels = 0;
    (void)replay->config->scores(replay->config->context, &labels);
    return labels;
}

static uint32_t crc_of_row_q8(uint32_t crc, const int16_t *row) {
    for (int32_t i = 0; i < TCE_LOGMEL_MELS; ++i) {
        uint8_t value[2];
        tce_link_put_u16(value, (uint32_t)(uint16_t)row[i]);
        crc = tce_crc32(crc, value, 2);
    }
    return crc;
}

/* nothing -> u32 samples, u16 rows, u16 entries of a row, u16 entries of an embedding, u16 labels, u16 samples a PCM */
static tce_link_outcome begin(tce_replay *replay, uint32_t count, uint8_t *answer) {
    const tce_replay_config *config = replay->config;
    if (count != 0U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    config->hold(config->context);
    *replay = (tce_replay){.config = config, .begun = 1};
    tce_link_put_u32(answer, samples_of(config->row_count));
    tce_link_put_u16(answer + 4, config->row_count);
    tce_link_put_u16(answer + 6, TCE_LOGMEL_MELS);
    tce_link_put_u16(answer + 8, config->dim);
    tce_link_put_u16(answer + 10, label_count(replay));
    tce_link_put_u16(answer + 12, TCE_REPLAY_SAMPLES);
    return done(14);
}

/* What the next frame shares with this one moves to the front: in pieces of a hop, none of which overlaps its place. */
static void slide(int16_t *pcm) {
    for (uint32_t at = TCE_LOGMEL_HOP; at < (uint32_t)TCE_LOGMEL_WINDOW; at += TCE_LOGMEL_HOP) {
        const uint32_t left = (uint32_t)TCE_LOGMEL_WINDOW - at;
        const uint32_t count = left < (uint32_t)TCE_LOGMEL_HOP ? left : (uint32_t)TCE_LOGMEL_HOP;
        __builtin_memcpy(pcm + at - TCE_LOGMEL_HOP, pcm + at, count * (uint32_t)sizeof(int16_t));
    }
}

/* One sample; the last of a frame makes a row. */
static void take(tce_replay *replay, int16_t sample) {
    const tce_replay_config *config = replay->config;
    if (replay->filled == (uint32_t)TCE_LOGMEL_WINDOW) {
        replay->filled = (uint32_t)TCE_LOGMEL_WINDOW - (uint32_t)TCE_LOGMEL_HOP;
        slide(config->pcm);
    }
    config->pcm[replay->filled++] = sample;
    replay->samples++;
    if (replay->filled == (uint32_t)TCE_LOGMEL_WINDOW) {
        int8_t *row = row_at(replay, replay->rows);
        config->hear(config->context, row);
        if (replay->rows == replay->taken) { /* what the encoder has read lies behind it */
            replay->first = replay->taken;
        }
        replay->rows++;
        replay->logmel_crc = crc_of_row_q8(replay->logmel_crc, config->row_q8);
        replay->input_crc = tce_crc32(replay->input_crc, (const uint8_t *)row, TCE_LOGMEL_MELS);
    }
}

/* u32 first sample, i16 samples -> u32 samples, u16 rows, u32 CRC of log-mel rows, u32 CRC of network input */
static tce_link_outcome pcm(tce_replay *replay, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    if (count < 6U || count > 4U + 2U * TCE_REPLAY_SAMPLES || count % 2U != 0U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    if (tce_link_get_u32(payload) != replay->samples) {
        return refused(TCE_LINK_ERR_OFFSET, replay->samples);
    }
    if ((count - 4U) / 2U > samples_allowed(replay) - replay->samples) {
        return refused(TCE_LINK_ERR_TOO_LARGE, samples_allowed(replay));
    }
    for (uint32_t at = 4; at < count; at += 2U) {
        take(replay, (int16_t)(uint16_t)tce_link_get_u16(payload + at));
    }
    tce_link_put_u32(answer, replay->samples);
    tce_link_put_u16(answer + 4, replay->rows);
    tce_link_put_u32(answer + 6, replay->logmel_crc);
    tce_link_put_u32(answer + 10, replay->input_crc);
    return done(14);
}

static void run_stage(tce_replay *replay, uint32_t stage) {
    const tce_replay_config *config = replay->config;
    if (stage == STAGE_FRONTEND) { /* the newest frame again: it gives the same row */
        config->hear(config->context, row_at(replay, replay->rows - 1U));
    } else if (stage == STAGE_ENCODER && config->follow != NULL) {
        config->follow(config->context, replay->first, replay->rows - replay->first);
        replay->taken = replay->rows;
    } else if (stage == STAGE_ENCODER) {
        config->encode(config->context);
    } else {
        config->score(config->context);
    }
}

/* u8 stage, u16 times -> u32 cycles, u32 microseconds of all of them, u16 times: no further one is begun after
 * RUN_MICROSECONDS, so that a host cannot hold the board up for long */
static tce_link_outcome run(tce_replay *replay, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const tce_replay_config *config = replay->config;
    if (count != 3U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const uint32_t stage = payload[0];
    const uint32_t times = tce_link_get_u16(payload + 1);
    const uint32_t rows_wanted = stage == STAGE_FRONTEND || config->follow != NULL ? 1U : config->row_count;
    if (stage > STAGE_SCORES || times == 0U || times > TCE_REPLAY_TIMES) {
        return refused(TCE_LINK_ERR_RANGE, stage > STAGE_SCORES ? 0U : 1U);
    }
    if (replay->rows < rows_wanted) {
        return refused(TCE_LINK_ERR_STATE, replay->rows);
    }
    const uint32_t microseconds = config->microseconds();
    const uint32_t cycles = config->cycles();
    uint32_t run_times = 0;
    do {
        run_stage(replay, stage);
        ++run_times;
    } while (run_times < times && config->microseconds() - microseconds < RUN_MICROSECONDS);
    tce_link_put_u32(answer, config->cycles() - cycles);
    tce_link_put_u32(answer + 4, config->microseconds() - microseconds);
    tce_link_put_u16(answer + 8, run_times);
    return done(10);
}

/* `count` bytes of 16-bit values from byte `offset` on, low byte first. */
static void copy_words(uint8_t *to, const int16_t *from, uint32_t offset, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t at = offset + i;
        to[i] = (uint8_t)((uint32_t)(uint16_t)from[at / 2U] >> (at % 2U * 8U));
    }
}

static void copy_bytes(uint8_t *to, const uint8_t *from, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

/* u8 what, u32 offset, u16 bytes -> its bytes from there, fewer at the end */
static tce_link_outcome read(const tce_replay *replay, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const tce_replay_config *config = replay->config;
    if (count != 7U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const uint32_t what = payload[0];
    const uint32_t offset = tce_link_get_u32(payload + 1);
    uint32_t labels = 0;
    const int16_t *scores = config->scores(config->context, &labels);
    const uint32_t sizes[] = {2U * TCE_LOGMEL_MELS, config->row_count * TCE_LOGMEL_MELS, config->arena_bytes,
                              config->dim, 2U * labels};
    if (what > SCORES) {
        return refused(TCE_LINK_ERR_RANGE, 0);
    }
    if (offset > sizes[what]) {
        return refused(TCE_LINK_ERR_OFFSET, sizes[what]);
    }
    uint32_t wanted = tce_link_get_u16(payload + 5);
    wanted = wanted > READ_BYTES ? READ_BYTES : wanted;
    wanted = wanted > sizes[what] - offset ? sizes[what] - offset : wanted;
    if (what == LOGMEL_ROW) {
        copy_words(answer, config->row_q8, offset, wanted);
    } else if (what == SCORES) {
        copy_words(answer, scores, offset, wanted);
    } else {
        const uint8_t *from = what == NETWORK_INPUT ? (const uint8_t *)config->rows
                              : what == ARENA       ? config->arena
                                                    : (const uint8_t *)config->embedding(config->context);
        copy_bytes(answer, from + offset, wanted);
    }
    return done(wanted);
}

int tce_replay_knows(uint8_t command) {
    return command >= TCE_LINK_REPLAY_BEGIN && command <= TCE_LINK_REPLAY_READ;
}

tce_link_outcome tce_replay_run(tce_replay *replay, uint8_t command, const uint8_t *payload, uint32_t count,
                                uint8_t *answer) {
    if (replay->config->idle(replay->config->context) == 0 ||
        (command != TCE_LINK_REPLAY_BEGIN && replay->begun == 0)) {
        return refused(TCE_LINK_ERR_STATE, 0);
    }
    switch (command) {
    case TCE_LINK_REPLAY_BEGIN:
        return begin(replay, count, answer);
    case TCE_LINK_REPLAY_PCM:
        return pcm(replay, payload, count, answer);
    case TCE_LINK_REPLAY_RUN:
        return run(replay, payload, count, answer);
    case TCE_LINK_REPLAY_READ:
        return read(replay, payload, count, answer);
    default:
        return refused(TCE_LINK_ERR_COMMAND, command);
    }
}

void tce_replay_end(tce_replay *replay) {
    replay->begun = 0;
}
