/* A device for the tests: the link, its commands and the label slots over a simulated NOR flash, as a shared library.
 *
 * The flash obeys what flash obeys: programming only clears bits, a unit is programmed once after an erase, and the
 * power may be cut in the middle of any operation, which then leaves part of its work. */
#include <stdlib.h>
#include <string.h>

#include "tce_commands.h"

enum { POWER_LOST = -100, BROKEN_RULE = -101, OUT_BYTES = 1 << 16 };

typedef struct {
    tce_flash flash;
    uint8_t *memory;
    uint8_t *programmed; /* by unit: programmed since its erase */
    uint32_t bytes;
    int32_t operations_left; /* until the power is cut; negative: never */
    uint32_t operations;     /* erases and programmings since the start */
    uint32_t seed;           /* of what a cut leaves */
    int broken_rules;
    tce_flash_background background;
    uint32_t polls, polls_left; /* looks at an erase in the background until it has ended */
    uint32_t erasing;           /* bytes of the sector that is being erased, else 0 */
    uint32_t erasing_at;
} nor;

typedef struct {
    nor nor;
    tce_label_slots_config slots_config;
    tce_label_slots slots;
    tce_commands_config commands_config;
    tce_commands commands;
    tce_link_config link_config;
    tce_link link;
    uint8_t encoder_id[8], frontend_id[8];
    uint8_t *image;
    uint8_t out[OUT_BYTES];
    uint32_t out_bytes, text_bytes;
    int16_t scores[TCE_LABELS_COUNT_MAX];
} device;

static uint32_t draw(nor *n) {
    n->seed = n->seed * 1664525U + 1013904223U;
    return n->seed >> 8;
}

/* 1 when the power is cut during this operation, -1 when it is off already. */
static int cut(nor *n) {
    if (n->operations_left == 0) {
        return -1;
    }
    n->operations++;
    if (n->operations_left > 0 && --n->operations_left == 0) {
        return 1;
    }
    return 0;
}

static int erase(void *context, uint32_t offset) {
    nor *n = context;
    const uint32_t sector = n->flash.sector_bytes;
    if (offset % sector != 0 || offset >= n->bytes) {
        n->broken_rules++;
        return BROKEN_RULE;
    }
    const int lost = cut(n);
    if (lost < 0) {
        return POWER_LOST;
    }
    for (uint32_t i = 0; i < sector; ++i) { /* a cut erase leaves some bytes erased, some half, some as they were */
        const uint32_t luck = lost == 0 ? 0 : draw(n) % 3U;
        n->memory[offset + i] |= (uint8_t)(luck == 0 ? 0xFF : luck == 1 ? draw(n) : 0);
    }
    memset(n->programmed + offset / n->flash.program_bytes, lost == 0 ? 0 : 1, sector / n->flash.program_bytes);
    return lost == 0 ? 0 : POWER_LOST;
}

/* An erase that goes on by itself: until it has ended its sector holds anything, and nothing may be programmed. */
static int erase_begin(void *context, uint32_t offset) {
    nor *n = context;
    const int erased = erase(context, offset);
    if (erased == 0) {
        n->broken_rules += n->erasing != 0;
        n->erasing = n->flash.sector_bytes;
        n->erasing_at = offset;
        n->polls_left = n->polls;
        for (uint32_t i = 0; i < n->erasing; ++i) {
            n->memory[offset + i] = (uint8_t)draw(n);
        }
    }
    return erased;
}

static int erase_goes_on(void *context) {
    nor *n = context;
    if (n->operations_left == 0) {
        return POWER_LOST;
    }
    if (n->erasing != 0 && n->polls_left > 0) {
        n->polls_left--;
        return 1;
    }
    memset(n->memory + n->erasing_at, 0xFF, n->erasing);
    n->erasing = 0;
    return 0;
}

static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    nor *n = context;
    const uint32_t unit = n->flash.program_bytes;
    n->broken_rules += n->erasing != 0;
    if (count == 0 || offset % unit != 0 || count % unit != 0 || offset + count > n->bytes) {
        n->broken_rules++;
        return BROKEN_RULE;
    }
    const int lost = cut(n);
    if (lost < 0) {
        return POWER_LOST;
    }
    const uint32_t reached = lost == 0 ? count : draw(n) % (count + 1U); /* a cut write stops somewhere, in mid-byte */
    for (uint32_t i = 0; i < count; ++i) {
        if (i % unit == 0 && n->programmed[(offset + i) / unit]++ != 0) {
            n->broken_rules++;
        }
        const uint8_t kept = i < reached ? 0 : i == reached ? (uint8_t)draw(n) : 0xFF;
        n->memory[offset + i] &= (uint8_t)(bytes[i] | kept);
    }
    return lost == 0 ? 0 : POWER_LOST;
}

static tce_marks marks(void *context) {
    const device *d = context;
    return (tce_marks){
        .arena_bytes = 1000, .static_bytes = 2000, .stack_bytes = 300, .windows = 7, .damaged = d->link.damaged};
}

static const int16_t *scores(void *context) {
    return ((device *)context)->scores;
}

static tce_link_outcome command(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    return tce_commands_run(&((device *)context)->commands, code, payload, count, answer);
}

static void write_out(void *context, const uint8_t *bytes, uint32_t count) {
    device *d = context;
    if (d->out_bytes + count <= OUT_BYTES) {
        memcpy(d->out + d->out_bytes, bytes, count);
        d->out_bytes += count;
    }
}

static void text(void *context, const uint8_t *bytes, uint32_t count) {
    (void)bytes;
    ((device *)context)->text_bytes += count;
}

/* A device with erased flash. image: the pack that it was built with; its ids are the device's. */
device *device_new(const uint8_t *image, uint32_t image_bytes, int32_t dim, uint32_t sector_bytes,
                   uint32_t slot_sectors, uint32_t program_bytes) {
    device *d = calloc(1, sizeof *d);
    nor *n = &d->nor;
    n->bytes = 2U * sector_bytes * slot_sectors;
    n->memory = malloc(n->bytes + 1U);
    memset(n->memory, 0xFF, n->bytes);
    n->programmed = calloc(n->bytes / program_bytes + 1U, 1);
    n->operations_left = -1;
    n->flash = (tce_flash){n, n->memory, sector_bytes, slot_sectors, program_bytes, erase, program, NULL};
    d->image = malloc(image_bytes);
    memcpy(d->image, image, image_bytes);
    memcpy(d->encoder_id, image + 8, 8);
    memcpy(d->frontend_id, image + 16, 8);
    d->slots_config = (tce_label_slots_config){
        slot_sectors == 0 ? NULL : &n->flash, d->image, image_bytes, d->encoder_id, d->frontend_id, dim};
    d->commands_config = (tce_commands_config){"0.1.0", "a-board", d->encoder_id, d->frontend_id, d, marks, scores};
    d->commands = (tce_commands){&d->commands_config, &d->slots};
    d->link_config = (tce_link_config){d, command, write_out, text};
    return d;
}

/* Erases go on in the background from now on, with room for a pack of so many bytes. */
void device_background(device *d, uint32_t room_bytes, uint32_t polls) {
    nor *n = &d->nor;
    n->background = (tce_flash_background){erase_begin, erase_goes_on, malloc(room_bytes), room_bytes};
    n->flash.background = &n->background;
    n->polls = polls;
}

void device_free(device *d) {
    free(d->nor.background.room);
    free(d->nor.memory);
    free(d->nor.programmed);
    free(d->image);
    free(d);
}

/* A reset: everything but the flash is gone. Returns what opening the labels says. The power comes back, and is cut
 * again in the middle of operation number `cut_at` of the flash (from 1); 0: never. */
int device_start(device *d, int32_t cut_at, uint32_t seed) {
    d->nor.operations_left = cut_at > 0 ? cut_at : -1;
    d->nor.operations = 0;
    d->nor.seed = seed;
    d->nor.erasing = 0;
    d->out_bytes = 0;
    tce_link_open(&d->link, &d->link_config);
    return tce_label_slots_open(&d->slots, &d->slots_config);
}

/* One update without the link, as far as it gets: 0, or the first error. */
int device_update(device *d, const uint8_t *pack, uint32_t bytes, uint32_t chunk) {
    uint32_t checksum = 0;
    for (uint32_t i = 0; i < 4; ++i) {
        checksum |= (uint32_t)pack[bytes - 4U + i] << 8U * i;
    }
    int code = tce_label_slots_begin(&d->slots, bytes, checksum, pack + 8, pack + 16);
    for (uint32_t at = 0; code == 0 && at < bytes; at += chunk) {
        code = tce_label_slots_write(&d->slots, at, pack + at, bytes - at < chunk ? bytes - at : chunk);
    }
    for (int again = 1; code == 0 && again != 0;) {
        code = tce_label_slots_commit(&d->slots);
        again = code == TCE_LABEL_SLOTS_LATER;
        code = again ? 0 : code;
    }
    return code;
}

void device_program(device *d, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    (void)program(&d->nor, offset, bytes, count);
}

/* Bytes from the host. */
void device_push(device *d, const uint8_t *bytes, uint32_t count) {
    tce_link_push(&d->link, bytes, count);
}

/* Takes what the device has sent, after another turn of its loop; returns its length. */
uint32_t device_take(device *d, uint8_t *out) {
    tce_link_poll(&d->link);
    const uint32_t count = d->out_bytes;
    memcpy(out, d->out, count);
    d->out_bytes = 0;
    return count;
}

uint32_t device_pack(const device *d, uint8_t *out) {
    memcpy(out, d->slots.pack, d->slots.pack_bytes);
    return d->slots.pack_bytes;
}

int32_t device_slot(const device *d) {
    return d->slots.slot;
}

uint32_t device_generation(const device *d) {
    return d->slots.generation;
}

uint32_t device_operations(const device *d) {
    return d->nor.operations;
}

int device_broken_rules(const device *d) {
    return d->nor.broken_rules;
}

uint32_t device_repeated(const device *d) {
    return d->link.repeated;
}

uint8_t *device_flash(device *d, uint32_t *bytes) {
    *bytes = d->nor.bytes;
    return d->nor.memory;
}

uint32_t device_capacity(const device *d) {
    return tce_label_slots_capacity(&d->slots);
}

/* How many of a pack, its truncations and its single-bit flips open. */
uint32_t packs_accepted(const uint8_t *pack, uint32_t count) {
    uint8_t *copy = malloc(count);
    memcpy(copy, pack, count);
    tce_labels labels;
    uint32_t opened = 0;
    for (uint32_t bytes = 0; bytes <= count; ++bytes) {
        opened += tce_labels_open(copy, bytes, &labels) == TCE_LABELS_OK;
    }
    for (uint32_t bit = 0; bit < 8U * count; ++bit) {
        copy[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
        opened += tce_labels_open(copy, count, &labels) == TCE_LABELS_OK;
        copy[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
    }
    free(copy);
    return opened;
}

/* The codec alone. */
uint32_t codec_encode(uint8_t type, uint8_t sequence, const uint8_t *payload, uint32_t count, uint8_t *out) {
    tce_frame frame;
    memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, payload, count);
    const uint32_t bytes = tce_frame_seal(&frame, type, sequence, count);
    memcpy(out, frame.bytes, bytes);
    return bytes;
}

/* Every event of a stream as a record: u8 kind, u16 bytes, the bytes (of a frame: type, sequence, payload). */
uint32_t codec_decode(const uint8_t *bytes, uint32_t count, uint8_t *out) {
    tce_frame_decoder decoder = {0};
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const tce_frame_event event = tce_frame_push(&decoder, bytes[i]);
        if (event == TCE_FRAME_NOTHING) {
            continue;
        }
        const uint32_t length = event == TCE_FRAME_TEXT    ? decoder.text_bytes
                                : event == TCE_FRAME_WHOLE ? 2U + decoder.payload_bytes
                                                           : 0U;
        out[used] = (uint8_t)event;
        out[used + 1] = (uint8_t)length;
        out[used + 2] = (uint8_t)(length >> 8);
        if (event == TCE_FRAME_TEXT) {
            memcpy(out + used + 3, decoder.text, length);
        } else if (event == TCE_FRAME_WHOLE) {
            out[used + 3] = decoder.type;
            out[used + 4] = decoder.sequence;
            memcpy(out + used + 5, decoder.payload, decoder.payload_bytes);
        }
        used += 3U + length;
    }
    return used;
}
