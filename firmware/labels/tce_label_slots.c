#include "tce_label_slots.h"

#include "tce_crc32.h"

enum {
    HEADER_BYTES = 48,
    COMMIT_BYTES = 8,
    VERSION = 1,
    MAGIC = 0x53434C54,  /* "TLCS" */
    COMMIT = 0x4B4F4354, /* "TCOK" */
    CRC_BYTES = 4
};

static uint32_t read_u32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value) {
    for (uint32_t i = 0; i < 4; ++i) {
        at[i] = (uint8_t)(value >> 8U * i);
    }
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        to[i] = from[i];
    }
}

static int same(const uint8_t *a, const uint8_t *b, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) {
            return 0;
        }
    }
    return 1;
}

/* Up to whole units of programming. */
static uint32_t units(const tce_flash *flash, uint32_t bytes) {
    return (bytes + flash->program_bytes - 1U) & ~(flash->program_bytes - 1U);
}

static uint32_t slot_bytes(const tce_flash *flash) {
    return flash->sector_bytes * flash->slot_sectors;
}

/* Header, commit word and pack stand in units of their own, since a unit is programmed once. */
static uint32_t commit_at(const tce_flash *flash) {
    return units(flash, HEADER_BYTES);
}

static uint32_t pack_at(const tce_flash *flash) {
    return commit_at(flash) + units(flash, COMMIT_BYTES);
}

/* The checksum that tells one image's pack from another's: its last field. */
static uint32_t image_checksum(const tce_label_slots_config *config) {
    return config->image_pack_bytes < CRC_BYTES ? 0
                                                : read_u32(config->image_pack + config->image_pack_bytes - CRC_BYTES);
}

static void make_header(const tce_label_slots *slots, uint8_t header[HEADER_BYTES]) {
    write_u32(header, MAGIC);
    write_u32(header + 4, VERSION | HEADER_BYTES << 16);
    write_u32(header + 8, slots->target_generation);
    write_u32(header + 12, slots->target_bytes);
    write_u32(header + 16, slots->target_checksum);
    write_u32(header + 20, image_checksum(slots->config));
    copy(header + 24, slots->config->encoder_id, TCE_LABELS_ID_BYTES);
    copy(header + 32, slots->config->frontend_id, TCE_LABELS_ID_BYTES);
    write_u32(header + 40, 0);
    write_u32(header + 44, tce_crc32(0, header, HEADER_BYTES - CRC_BYTES));
}

static void make_commit(uint32_t header_checksum, uint8_t commit[COMMIT_BYTES]) {
    write_u32(commit, COMMIT);
    write_u32(commit + 4, header_checksum);
}

/* Opens a pack and checks that it is for this encoder and front end. */
static int open_pack(const tce_label_slots_config *config, const uint8_t *pack, uint32_t bytes, tce_labels *labels) {
    const int opened = tce_labels_open(pack, bytes, labels);
    if (opened != TCE_LABELS_OK) {
        return opened;
    }
    if (labels->dim != config->dim) {
        return TCE_ERR_LABELS_FOREIGN;
    }
    return tce_labels_match(labels, config->encoder_id, config->frontend_id);
}

/* Takes a slot into use if it is valid and, where another one is in use already, newer. */
static void consider(tce_label_slots *slots, int32_t slot) {
    const tce_label_slots_config *config = slots->config;
    const tce_flash *flash = config->flash;
    const uint8_t *header = flash->memory + (uint32_t)slot * slot_bytes(flash);
    uint8_t commit[COMMIT_BYTES];
    make_commit(read_u32(header + 44), commit);
    if (read_u32(header) != MAGIC || read_u32(header + 4) != (VERSION | HEADER_BYTES << 16) ||
        read_u32(header + 44) != tce_crc32(0, header, HEADER_BYTES - CRC_BYTES) ||
        !same(header + commit_at(flash), commit, COMMIT_BYTES)) {
        return;
    }
    const uint32_t generation = read_u32(header + 8);
    const uint32_t bytes = read_u32(header + 12);
    const int older = slots->slot != TCE_LABEL_SLOTS_IMAGE && (int32_t)(generation - slots->generation) < 0;
    if (older || bytes > tce_label_slots_capacity(slots) || read_u32(header + 20) != image_checksum(config)) {
        return;
    }
    tce_labels labels;
    const uint8_t *pack = header + pack_at(flash);
    if (open_pack(config, pack, bytes, &labels) != TCE_LABELS_OK ||
        read_u32(pack + bytes - CRC_BYTES) != read_u32(header + 16)) {
        return;
    }
    slots->labels = labels;
    slots->pack = pack;
    slots->pack_bytes = bytes;
    slots->slot = slot;
    slots->generation = generation;
}

int tce_label_slots_open(tce_label_slots *slots, const tce_label_slots_config *config) {
    *slots = (tce_label_slots){.config = config, .slot = TCE_LABEL_SLOTS_IMAGE, .target = TCE_LABEL_SLOTS_IMAGE};
    if (tce_label_slots_capacity(slots) != 0) {
        consider(slots, 0);
        consider(slots, 1);
    }
    if (slots->slot != TCE_LABEL_SLOTS_IMAGE) {
        return TCE_LABEL_SLOTS_OK;
    }
    slots->pack = config->image_pack;
    slots->pack_bytes = config->image_pack_bytes;
    return open_pack(config, config->image_pack, config->image_pack_bytes, &slots->labels);
}

uint32_t tce_label_slots_capacity(const tce_label_slots *slots) {
    const tce_flash *flash = slots->config->flash;
    if (flash == NULL || slot_bytes(flash) <= pack_at(flash)) {
        return 0;
    }
    const uint32_t room = slot_bytes(flash) - pack_at(flash);
    return room > (uint32_t)TCE_LABELS_BYTES_MAX ? (uint32_t)TCE_LABELS_BYTES_MAX : room;
}

/* Programs whole units, the last one filled up with FF, and reads them back. `at`: in the target slot. */
static int program(const tce_label_slots *slots, uint32_t at, const uint8_t *bytes, uint32_t count) {
    const tce_flash *flash = slots->config->flash;
    const uint32_t offset = (uint32_t)slots->target * slot_bytes(flash) + at;
    const uint32_t whole = count & ~(flash->program_bytes - 1U);
    int failed = whole != 0 && flash->program(flash->context, offset, bytes, whole) != 0;
    if (!failed && whole != count) {
        uint8_t unit[TCE_FLASH_PROGRAM_MAX];
        for (uint32_t i = 0; i < flash->program_bytes; ++i) {
            unit[i] = whole + i < count ? bytes[whole + i] : 0xFF;
        }
        failed = flash->program(flash->context, offset + whole, unit, flash->program_bytes) != 0;
    }
    return failed || !same(flash->memory + offset, bytes, count) ? TCE_ERR_SLOTS_FLASH : TCE_LABEL_SLOTS_OK;
}

static int fail(tce_label_slots *slots, int error) {
    slots->target = TCE_LABEL_SLOTS_IMAGE;
    return error;
}

static int program_header(tce_label_slots *slots) {
    uint8_t header[HEADER_BYTES];
    make_header(slots, header);
    return program(slots, 0, header, HEADER_BYTES);
}

int tce_label_slots_erasing(const tce_label_slots *slots) {
    if (slots->waits == 0U) {
        return 0;
    }
    const tce_flash *flash = slots->config->flash;
    return flash->background->goes_on(flash->context) > 0;
}

/* Erases the sectors that the pack needs: what lies behind it is never looked at, and an erase may take 100 ms. */
static int erase(tce_label_slots *slots) {
    const tce_flash *flash = slots->config->flash;
    const tce_flash_background *background = flash->background;
    const uint32_t begin = (uint32_t)slots->target * slot_bytes(flash);
    const uint32_t needed = pack_at(flash) + slots->target_bytes;
    if (background != NULL && needed <= flash->sector_bytes && slots->target_bytes <= background->room_bytes) {
        slots->waits = 1;
        return background->begin(flash->context, begin);
    }
    for (uint32_t at = 0; at < needed; at += flash->sector_bytes) {
        const int failed = flash->erase(flash->context, begin + at);
        if (failed != 0) {
            return failed;
        }
    }
    return 0;
}

int tce_label_slots_begin(tce_label_slots *slots, uint32_t bytes, uint32_t checksum, const uint8_t *encoder_id,
                          const uint8_t *frontend_id) {
    const tce_label_slots_config *config = slots->config;
    slots->target = TCE_LABEL_SLOTS_IMAGE;
    if (tce_label_slots_capacity(slots) == 0) {
        return TCE_ERR_SLOTS_NO_FLASH;
    }
    if (bytes > tce_label_slots_capacity(slots)) {
        return TCE_ERR_SLOTS_TOO_LARGE;
    }
    if (!same(encoder_id, config->encoder_id, TCE_LABELS_ID_BYTES) ||
        !same(frontend_id, config->frontend_id, TCE_LABELS_ID_BYTES)) {
        return TCE_ERR_LABELS_FOREIGN;
    }
    while (tce_label_slots_erasing(slots) != 0) { /* for the update that is given up; a second or two at most */
    }
    slots->waits = 0;
    slots->target = slots->slot == 0 ? 1 : 0;
    slots->target_bytes = bytes;
    slots->target_checksum = checksum;
    slots->target_generation = slots->generation + 1U;
    slots->written = 0;
    if (erase(slots) != 0) {
        return fail(slots, TCE_ERR_SLOTS_FLASH);
    }
    const int programmed = slots->waits != 0U ? TCE_LABEL_SLOTS_OK : program_header(slots);
    return programmed == TCE_LABEL_SLOTS_OK ? TCE_LABEL_SLOTS_OK : fail(slots, programmed);
}

int tce_label_slots_write(tce_label_slots *slots, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    if (slots->target == TCE_LABEL_SLOTS_IMAGE) {
        return TCE_ERR_SLOTS_STATE;
    }
    if (offset != slots->written) {
        return TCE_ERR_SLOTS_OFFSET;
    }
    if (count == 0 || count > slots->target_bytes - slots->written) {
        return TCE_ERR_SLOTS_STATE;
    }
    if (count % TCE_FLASH_PROGRAM_MAX != 0 && count != slots->target_bytes - slots->written) {
        return TCE_ERR_SLOTS_OFFSET;
    }
    const tce_flash *flash = slots->config->flash;
    if (slots->waits != 0U) {
        copy(flash->background->room + offset, bytes, count);
    } else {
        const int programmed = program(slots, pack_at(flash) + offset, bytes, count);
        if (programmed != TCE_LABEL_SLOTS_OK) {
            return fail(slots, programmed);
        }
    }
    slots->written += count;
    return TCE_LABEL_SLOTS_OK;
}

/* Behind an erase in the background: header, and the pack that has come meanwhile. */
static int program_waiting(tce_label_slots *slots) {
    const tce_flash *flash = slots->config->flash;
    const int going = flash->background->goes_on(flash->context);
    if (going > 0) {
        return TCE_LABEL_SLOTS_LATER;
    }
    slots->waits = 0;
    int code = going < 0 ? TCE_ERR_SLOTS_FLASH : program_header(slots);
    for (uint32_t at = 0; at < slots->target_bytes && code == TCE_LABEL_SLOTS_OK; at += TCE_FLASH_PROGRAM_MAX) {
        const uint32_t left = slots->target_bytes - at;
        const uint32_t count = left < TCE_FLASH_PROGRAM_MAX ? left : TCE_FLASH_PROGRAM_MAX;
        code = program(slots, pack_at(flash) + at, flash->background->room + at, count);
    }
    return code;
}

int tce_label_slots_commit(tce_label_slots *slots) {
    if (slots->target == TCE_LABEL_SLOTS_IMAGE || slots->written != slots->target_bytes) {
        return TCE_ERR_SLOTS_STATE;
    }
    if (slots->waits != 0U) {
        const int written = program_waiting(slots);
        if (written != TCE_LABEL_SLOTS_OK) {
            return written == TCE_LABEL_SLOTS_LATER ? written : fail(slots, written);
        }
    }
    const tce_flash *flash = slots->config->flash;
    const uint8_t *header = flash->memory + (uint32_t)slots->target * slot_bytes(flash);
    const uint8_t *pack = header + pack_at(flash);
    tce_labels labels;
    const int opened = open_pack(slots->config, pack, slots->target_bytes, &labels);
    if (opened != TCE_LABELS_OK) {
        return fail(slots, opened);
    }
    if (read_u32(pack + slots->target_bytes - CRC_BYTES) != slots->target_checksum) {
        return fail(slots, TCE_ERR_SLOTS_CHECKSUM);
    }
    uint8_t commit[COMMIT_BYTES];
    make_commit(read_u32(header + 44), commit);
    const int programmed = program(slots, commit_at(flash), commit, COMMIT_BYTES);
    if (programmed != TCE_LABEL_SLOTS_OK) {
        return fail(slots, programmed);
    }
    slots->labels = labels;
    slots->pack = pack;
    slots->pack_bytes = slots->target_bytes;
    slots->slot = slots->target;
    slots->generation = slots->target_generation;
    slots->changes++;
    slots->target = TCE_LABEL_SLOTS_IMAGE;
    return TCE_LABEL_SLOTS_OK;
}
