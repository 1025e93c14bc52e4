#include "tce_commands.h"

enum {
    ID = TCE_LABELS_ID_BYTES,
    HELLO_BYTES = 68, /* before the two texts */
    SHOW_HEADER_BYTES = 4,
    SHOW_LABEL_BYTES = 6,
    NO_SCORE = -32768,
    FLAG_BACKGROUND = 1
};

_Static_assert(HELLO_BYTES + 2 * (1 + TCE_COMMANDS_TEXT_MAX) <= TCE_FRAME_PAYLOAD_MAX, "HELLO is too long");
_Static_assert(SHOW_HEADER_BYTES + SHOW_LABEL_BYTES + TCE_LABELS_NAME_MAX <= TCE_FRAME_PAYLOAD_MAX, "no label fits");
_Static_assert(4 + TCE_COMMANDS_DATA_BYTES <= TCE_FRAME_PAYLOAD_MAX, "data are too long");
_Static_assert(TCE_COMMANDS_DATA_BYTES % TCE_FLASH_PROGRAM_MAX == 0, "data are no whole units of programming");

static void copy(uint8_t *to, const uint8_t *from, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

static tce_link_outcome done(uint32_t bytes) {
    return (tce_link_outcome){.bytes = bytes};
}

static tce_link_outcome refused(tce_link_error error, uint32_t detail) {
    return (tce_link_outcome){.error = error, .detail = (int32_t)detail};
}

/* A length byte, then the text, cut at TCE_COMMANDS_TEXT_MAX. Returns the bytes written. */
static uint32_t put_text(uint8_t *at, const char *text) {
    uint32_t length = 0;
    while (length < TCE_COMMANDS_TEXT_MAX && text[length] != '\0') {
        at[1 + length] = (uint8_t)text[length];
        ++length;
    }
    at[0] = (uint8_t)length;
    return 1U + length;
}

/* The pack's own checksum, its last field: what tells one pack from another. */
static uint32_t pack_checksum(const tce_label_slots *slots) {
    return slots->pack_bytes < 4U ? 0U : tce_link_get_u32(slots->pack + slots->pack_bytes - 4U);
}

static tce_link_outcome hello(const tce_commands *commands, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const tce_commands_config *config = commands->config;
    const tce_label_slots *slots = commands->slots;
    if (count != 4U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const tce_marks marks = config->marks(config->context);
    copy(answer, payload, 4);
    answer[4] = TCE_LINK_PROTOCOL;
    answer[5] = (uint8_t)(slots->slot + 1); /* 0: the image's pack */
    tce_link_put_u16(answer + 6, TCE_COMMANDS_DATA_BYTES);
    copy(answer + 8, config->encoder_id, ID);
    copy(answer + 16, config->frontend_id, ID);
    tce_link_put_u32(answer + 24, tce_label_slots_capacity(slots));
    tce_link_put_u32(answer + 28, slots->generation);
    tce_link_put_u32(answer + 32, slots->pack_bytes);
    tce_link_put_u32(answer + 36, pack_checksum(slots));
    tce_link_put_u16(answer + 40, (uint32_t)slots->labels.count);
    tce_link_put_u16(answer + 42, (uint32_t)slots->config->dim);
    tce_link_put_u32(answer + 44, marks.arena_bytes);
    tce_link_put_u32(answer + 48, marks.static_bytes);
    tce_link_put_u32(answer + 52, marks.stack_bytes);
    tce_link_put_u32(answer + 56, marks.windows);
    tce_link_put_u32(answer + 60, marks.damaged);
    tce_link_put_u32(answer + 64, slots->changes);
    uint32_t used = HELLO_BYTES;
    used += put_text(answer + used, config->version);
    used += put_text(answer + used, config->board);
    return done(used);
}

/* The outcome of a step of an update. */
static tce_link_outcome of_slots(const tce_label_slots *slots, int code, uint32_t bytes) {
    switch (code) {
    case TCE_LABEL_SLOTS_OK:
        return done(bytes);
    case TCE_LABEL_SLOTS_LATER:
        return refused(TCE_LINK_LATER, 0);
    case TCE_ERR_SLOTS_NO_FLASH:
        return refused(TCE_LINK_ERR_NO_FLASH, 0);
    case TCE_ERR_SLOTS_TOO_LARGE:
        return refused(TCE_LINK_ERR_TOO_LARGE, tce_label_slots_capacity(slots));
    case TCE_ERR_LABELS_FOREIGN:
        return refused(TCE_LINK_ERR_FOREIGN, 0);
    case TCE_ERR_SLOTS_STATE:
        return refused(TCE_LINK_ERR_STATE, 0);
    case TCE_ERR_SLOTS_OFFSET:
        return refused(TCE_LINK_ERR_OFFSET, slots->written);
    case TCE_ERR_SLOTS_FLASH:
        return refused(TCE_LINK_ERR_FLASH, slots->written);
    case TCE_ERR_SLOTS_CHECKSUM:
        return refused(TCE_LINK_ERR_CHECKSUM, 0);
    default:
        return refused(TCE_LINK_ERR_PACK, (uint32_t)code);
    }
}

/* u32 bytes, u32 checksum, encoder id, front-end id -> u8 slot */
static tce_link_outcome labels_begin(const tce_commands *commands, const uint8_t *payload, uint32_t count,
                                     uint8_t *answer) {
    if (count != 8U + 2U * ID) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    tce_label_slots *slots = commands->slots;
    const int code = tce_label_slots_begin(slots, tce_link_get_u32(payload), tce_link_get_u32(payload + 4), payload + 8,
                                           payload + 8 + ID);
    answer[0] = (uint8_t)(slots->target + 1);
    return of_slots(slots, code, 1);
}

/* u32 offset, bytes -> u32 bytes written so far */
static tce_link_outcome labels_data(const tce_commands *commands, const uint8_t *payload, uint32_t count,
                                    uint8_t *answer) {
    if (count <= 4U || count > 4U + TCE_COMMANDS_DATA_BYTES) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    tce_label_slots *slots = commands->slots;
    const int code = tce_label_slots_write(slots, tce_link_get_u32(payload), payload + 4, count - 4U);
    tce_link_put_u32(answer, slots->written);
    return of_slots(slots, code, 4);
}

/* nothing -> u8 slot, u32 generation, u32 checksum */
static tce_link_outcome labels_commit(const tce_commands *commands, const uint8_t *payload, uint32_t count,
                                      uint8_t *answer) {
    (void)payload;
    if (count != 0U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    tce_label_slots *slots = commands->slots;
    const int code = tce_label_slots_commit(slots);
    answer[0] = (uint8_t)(slots->slot + 1);
    tce_link_put_u32(answer + 1, slots->generation);
    tce_link_put_u32(answer + 5, pack_checksum(slots));
    return of_slots(slots, code, 9);
}

/* u32 offset, u16 count -> u32 checksum of the pack in use, its bytes from there, fewer at the end */
static tce_link_outcome labels_read(const tce_commands *commands, const uint8_t *payload, uint32_t count,
                                    uint8_t *answer) {
    if (count != 6U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const tce_label_slots *slots = commands->slots;
    const uint32_t offset = tce_link_get_u32(payload);
    if (offset > slots->pack_bytes) {
        return refused(TCE_LINK_ERR_OFFSET, slots->pack_bytes);
    }
    const uint32_t left = slots->pack_bytes - offset;
    uint32_t wanted = tce_link_get_u16(payload + 4);
    wanted = wanted > TCE_COMMANDS_DATA_BYTES ? TCE_COMMANDS_DATA_BYTES : wanted;
    wanted = wanted > left ? left : wanted;
    tce_link_put_u32(answer, pack_checksum(slots));
    copy(answer + 4, slots->pack + offset, wanted);
    return done(4U + wanted);
}

/* u16 first -> u16 labels in all, u16 first, then as many as fit: i16 threshold, i16 score, u8 flags, u8 bytes, name */
static tce_link_outcome show(const tce_commands *commands, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    if (count != 2U) {
        return refused(TCE_LINK_ERR_LENGTH, count);
    }
    const tce_commands_config *config = commands->config;
    const tce_labels *labels = &commands->slots->labels;
    const int16_t *scores = config->scores(config->context);
    const int32_t first = (int32_t)tce_link_get_u16(payload);
    tce_link_put_u16(answer, (uint32_t)labels->count);
    tce_link_put_u16(answer + 2, (uint32_t)first);
    uint32_t used = SHOW_HEADER_BYTES;
    for (int32_t label = first; label < labels->count; ++label) {
        int32_t length = 0;
        const char *name = tce_labels_name(labels, label, &length);
        if (used + SHOW_LABEL_BYTES + (uint32_t)length > TCE_FRAME_PAYLOAD_MAX) {
            break;
        }
        uint8_t *at = answer + used;
        tce_link_put_u16(at, (uint32_t)tce_labels_threshold(labels, label));
        tce_link_put_u16(at + 2, scores == NULL ? (uint32_t)NO_SCORE : (uint32_t)scores[label]);
        at[4] = label == labels->background ? FLAG_BACKGROUND : 0;
        at[5] = (uint8_t)length;
        copy(at + SHOW_LABEL_BYTES, (const uint8_t *)name, (uint32_t)length);
        used += SHOW_LABEL_BYTES + (uint32_t)length;
    }
    return done(used);
}

tce_link_outcome tce_commands_run(const tce_commands *commands, uint8_t command, const uint8_t *payload, uint32_t count,
                                  uint8_t *answer) {
    switch (command) {
    case TCE_LINK_HELLO:
        return hello(commands, payload, count, answer);
    case TCE_LINK_LABELS_BEGIN:
        return labels_begin(commands, payload, count, answer);
    case TCE_LINK_LABELS_DATA:
        return labels_data(commands, payload, count, answer);
    case TCE_LINK_LABELS_COMMIT:
        return labels_commit(commands, payload, count, answer);
    case TCE_LINK_LABELS_READ:
        return labels_read(commands, payload, count, answer);
    case TCE_LINK_SHOW:
        return show(commands, payload, count, answer);
    default:
        return refused(TCE_LINK_ERR_COMMAND, command);
    }
}
