/* A label pack and what may happen to it: the power is cut in the middle of every erase and every write of an update,
 * and again of the next one; every bit is flipped, and every byte may be the last.
 *
 *   label_cuts OLD NEW NEXT SECTOR_BYTES SLOT_SECTORS UNIT_BYTES ROOM_BYTES     power cuts, on a flash of that geometry
 *   label_cuts PACK                                                             damage
 *
 * The packs are files, all for one encoder. Prints one JSON object. The flash obeys what flash obeys: programming only
 * clears bits, a unit is programmed once after an erase, and a cut leaves part of the operation's work. With room for a
 * pack its erases go on in the background: until one has ended, its sector holds anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tce_label_slots.h"

enum { LOST = -100, CHUNK = 256, LOOKS = 2 /* that find an erase going on */ };

typedef struct {
    uint8_t *bytes;
    uint32_t count;
} file;

typedef struct {
    tce_flash flash;
    tce_flash_background background;
    uint8_t *memory, *programmed, *erasing; /* the sector that is being erased, or NULL */
    uint32_t looks;
    uint32_t bytes, operations, cut_at, seed, broken_rules;
    tce_label_slots_config config;
    tce_label_slots slots;
} device;

static uint32_t draw(device *d) {
    d->seed = d->seed * 1664525U + 1013904223U;
    return d->seed >> 8;
}

/* 1 when the power goes in the middle of this operation, -1 when it has gone before. */
static int cut(device *d) {
    d->operations++;
    return d->cut_at == 0 || d->operations < d->cut_at ? 0 : d->operations == d->cut_at ? 1 : -1;
}

static int erase(void *context, uint32_t offset) {
    device *d = context;
    const uint32_t sector = d->flash.sector_bytes;
    const int lost = cut(d);
    if (lost < 0) {
        return LOST;
    }
    d->broken_rules += offset % sector != 0 || offset >= d->bytes;
    for (uint32_t i = 0; i < sector; ++i) { /* half done: some bytes erased, some in between, some as they were */
        const uint32_t luck = lost == 0 ? 0 : draw(d) % 3U;
        d->memory[offset + i] |= (uint8_t)(luck == 0 ? 0xFFU : luck == 1 ? draw(d) : 0U);
    }
    memset(d->programmed + offset / d->flash.program_bytes, lost, sector / d->flash.program_bytes);
    return lost == 0 ? 0 : LOST;
}

static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    device *d = context;
    const uint32_t unit = d->flash.program_bytes;
    const int lost = cut(d);
    d->broken_rules += d->erasing != NULL;
    if (lost < 0) {
        return LOST;
    }
    d->broken_rules += count == 0 || offset % unit != 0 || count % unit != 0 || offset + count > d->bytes;
    const uint32_t reached = lost == 0 ? count : draw(d) % (count + 1U); /* half done: up to some bit of some byte */
    for (uint32_t i = 0; i < count; ++i) {
        d->broken_rules += i % unit == 0 && d->programmed[(offset + i) / unit]++ != 0;
        const uint32_t kept = i < reached ? 0U : i == reached ? draw(d) : 0xFFU;
        d->memory[offset + i] &= (uint8_t)(bytes[i] | kept);
    }
    return lost == 0 ? 0 : LOST;
}

static int erase_begin(void *context, uint32_t offset) {
    device *d = context;
    const int erased = erase(context, offset);
    if (erased == 0) {
        d->broken_rules += d->erasing != NULL;
        d->erasing = d->memory + offset;
        d->looks = LOOKS;
        for (uint32_t i = 0; i < d->flash.sector_bytes; ++i) {
            d->erasing[i] = (uint8_t)draw(d);
        }
    }
    return erased;
}

static int erase_goes_on(void *context) {
    device *d = context;
    if (d->erasing != NULL && d->looks != 0) {
        d->looks--;
        return 1;
    }
    if (d->erasing != NULL) {
        memset(d->erasing, 0xFF, d->flash.sector_bytes);
        d->erasing = NULL;
    }
    return 0;
}

static file load(const char *path) {
    FILE *in = fopen(path, "rb");
    file read = {malloc(TCE_LABELS_BYTES_MAX), 0};
    if (in == NULL || read.bytes == NULL) {
        exit(2);
    }
    read.count = (uint32_t)fread(read.bytes, 1, TCE_LABELS_BYTES_MAX, in);
    (void)fclose(in);
    return read;
}

/* A reset: the flash stays. The power goes in operation `cut_at` from 1 on; 0: it stays. */
static void start(device *d, uint32_t cut_at, uint32_t seed) {
    d->operations = 0;
    d->cut_at = cut_at;
    d->seed = seed;
    d->erasing = NULL;
    if (tce_label_slots_open(&d->slots, &d->config) != TCE_LABEL_SLOTS_OK) {
        exit(3);
    }
}

static int update(device *d, const file *pack) {
    const uint8_t *end = pack->bytes + pack->count - 4U;
    const uint32_t checksum =
        (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    int code = tce_label_slots_begin(&d->slots, pack->count, checksum, pack->bytes + 8, pack->bytes + 16);
    for (uint32_t at = 0; code == 0 && at < pack->count; at += CHUNK) {
        const uint32_t left = pack->count - at;
        code = tce_label_slots_write(&d->slots, at, pack->bytes + at, left < CHUNK ? left : CHUNK);
    }
    if (code != 0) {
        return code;
    }
    do {
        code = tce_label_slots_commit(&d->slots);
    } while (code == TCE_LABEL_SLOTS_LATER);
    return code;
}

static int in_use(const device *d, const file *pack) {
    return d->slots.pack_bytes == pack->count && memcmp(d->slots.pack, pack->bytes, pack->count) == 0;
}

typedef struct {
    unsigned long cuts, old, new, neither, repaired; /* repaired: operations of the flash while the device started */
} outcomes;

static void count(outcomes *o, device *d, const file *old, const file *new) {
    o->cuts++;
    start(d, 0, 1);
    o->repaired += d->operations;
    if (in_use(d, new)) {
        o->new++;
    } else if (in_use(d, old)) {
        o->old++;
    } else {
        o->neither++;
    }
}

static void print(const char *name, const outcomes *o) {
    printf("\"%s\": {\"cuts\": %lu, \"old\": %lu, \"new\": %lu, \"neither\": %lu, \"repaired\": %lu}", name, o->cuts,
           o->old, o->new, o->neither, o->repaired);
}

static int cuts(const file *old, const file *new, const file *next, const uint32_t geometry[4]) {
    const uint32_t sector = geometry[0], sectors = geometry[1], unit = geometry[2], room = geometry[3];
    static device d;
    d.bytes = 2U * sector * sectors;
    d.memory = malloc(d.bytes);
    d.programmed = calloc(d.bytes / unit, 1);
    uint8_t *before = malloc(d.bytes), *between = malloc(d.bytes);
    d.background = (tce_flash_background){erase_begin, erase_goes_on, malloc(room + 1U), room};
    if (d.background.room == NULL || d.memory == NULL || d.programmed == NULL || before == NULL || between == NULL) {
        return 2;
    }
    memset(d.memory, 0xFF, d.bytes);
    d.flash = (tce_flash){&d, d.memory, sector, sectors, unit, erase, program, room == 0 ? NULL : &d.background};
    tce_labels labels;
    if (tce_labels_open(old->bytes, old->count, &labels) != TCE_LABELS_OK) {
        return 2;
    }
    d.config =
        (tce_label_slots_config){&d.flash, old->bytes, old->count, labels.encoder_id, labels.frontend_id, labels.dim};
    start(&d, 0, 1);
    if (update(&d, next) != 0 || update(&d, old) != 0) { /* both slots have been in use: the update erases one */
        return 2;
    }
    outcomes first = {0}, second = {0};
    memcpy(before, d.memory, d.bytes);
    for (uint32_t at = 1;; ++at) {
        memcpy(d.memory, before, d.bytes);
        start(&d, at, at);
        if (update(&d, new) == 0) {
            break; /* the power stayed until the end */
        }
        count(&first, &d, old, new);
        const file *held = in_use(&d, new) ? new : old;
        memcpy(between, d.memory, d.bytes);
        for (uint32_t again = 1;; ++again) {
            memcpy(d.memory, between, d.bytes);
            start(&d, again, 1000U * at + again);
            if (update(&d, next) == 0) {
                break;
            }
            count(&second, &d, held, next);
        }
    }
    printf("{");
    print("first", &first);
    printf(", ");
    print("second", &second);
    printf(", \"broken_rules\": %u}\n", d.broken_rules);
    return 0;
}

static int damage(const file *pack) {
    tce_labels labels;
    const int whole = tce_labels_open(pack->bytes, pack->count, &labels) == TCE_LABELS_OK;
    uint8_t *copy = malloc(pack->count);
    if (copy == NULL) {
        return 2;
    }
    unsigned long truncated = 0, flipped = 0;
    for (uint32_t bytes = 0; bytes < pack->count; ++bytes) {
        truncated += tce_labels_open(pack->bytes, bytes, &labels) == TCE_LABELS_OK;
    }
    memcpy(copy, pack->bytes, pack->count);
    for (uint32_t bit = 0; bit < 8U * pack->count; ++bit) {
        copy[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
        flipped += tce_labels_open(copy, pack->count, &labels) == TCE_LABELS_OK;
        copy[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
    }
    printf("{\"bytes\": %u, \"whole_accepted\": %d, \"truncations\": %u, \"truncations_accepted\": %lu, \"flips\": %u, "
           "\"flips_accepted\": %lu}\n",
           pack->count, whole, pack->count, truncated, 8U * pack->count, flipped);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2) {
        const file pack = load(argv[1]);
        return damage(&pack);
    }
    if (argc != 8) {
        return 2;
    }
    const file old = load(argv[1]), new = load(argv[2]), next = load(argv[3]);
    uint32_t geometry[4];
    for (int i = 0; i < 4; ++i) {
        geometry[i] = (uint32_t)strtoul(argv[4 + i], NULL, 10);
    }
    return cuts(&old, &new, &next, geometry);
}
