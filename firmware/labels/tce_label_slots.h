/* The label pack in use, and two slots in flash that let it change while the device runs.
 *
 * A slot is valid when its header, its commit word and its pack are whole and made for this encoder, this front end and
 * this image. The newest valid slot is in use; without one, the pack of the image is. An update erases and writes the
 * slot that is not in use and its commit word last, so a power cut at any moment leaves the old pack or the new one;
 * nothing is repaired at start, so a second cut finds nothing half repaired. docs/protocol.md describes a slot's bytes.
 */
#ifndef TCE_LABEL_SLOTS_H
#define TCE_LABEL_SLOTS_H

#include <stdint.h>

#include "tce_flash.h"
#include "tce_labels.h"

typedef struct {
    const tce_flash *flash;    /* NULL where labels cannot be kept */
    const uint8_t *image_pack; /* the pack that the firmware was built with */
    uint32_t image_pack_bytes;
    const uint8_t *encoder_id, *frontend_id; /* [TCE_LABELS_ID_BYTES] each: what a pack must be made for */
    int32_t dim;                             /* entries of the encoder's output */
} tce_label_slots_config;

enum { TCE_LABEL_SLOTS_IMAGE = -1 /* instead of slot 0 or 1 */ };

typedef struct {
    const tce_label_slots_config *config;

    tce_labels labels; /* the pack in use */
    const uint8_t *pack;
    uint32_t pack_bytes;
    int32_t slot;        /* 0, 1 or TCE_LABEL_SLOTS_IMAGE */
    uint32_t generation; /* of the slot in use; 0 for the image's */
    uint32_t changes;    /* packs taken into use since the start */

    int32_t target; /* slot that is being written, or TCE_LABEL_SLOTS_IMAGE for none */
    uint32_t target_bytes, target_checksum, target_generation;
    uint32_t written; /* bytes of the pack that have come: in the target, or with `waits` in the background's room */
    uint8_t waits;    /* 1 from an erase in the background until header and pack have been written behind it */
} tce_label_slots;

enum {
    TCE_LABEL_SLOTS_OK = 0,
    TCE_LABEL_SLOTS_LATER = 1, /* the flash is being erased: ask again */
    /* -1 to -13 are TCE_ERR_LABELS_*: the pack is refused */
    TCE_ERR_SLOTS_NO_FLASH = -32,
    TCE_ERR_SLOTS_TOO_LARGE = -33, /* larger than tce_label_slots_capacity */
    TCE_ERR_SLOTS_STATE = -34,     /* no pack is being written, or more bytes than were announced */
    TCE_ERR_SLOTS_OFFSET = -35,  /* not the bytes that come next, or not a multiple of TCE_FLASH_PROGRAM_MAX of them */
    TCE_ERR_SLOTS_FLASH = -36,   /* erasing or programming failed, or reads back as something else */
    TCE_ERR_SLOTS_CHECKSUM = -37 /* the pack's own checksum is not the one announced */
};

/* Takes the newest valid pack into use. TCE_LABEL_SLOTS_OK, or what is wrong with the image's pack when it is the only
 * one. */
int tce_label_slots_open(tce_label_slots *slots, const tce_label_slots_config *config);

/* Bytes of the largest pack that a slot takes; 0 where there is no flash. */
uint32_t tce_label_slots_capacity(const tce_label_slots *slots);

/* Begins an update: erases what the pack needs of the slot that is not in use, in the background where the flash can
 * and the pack has room until then. An update that was under way is given up. bytes, checksum: of the whole pack (its
 * CRC-32 field). encoder_id, frontend_id: the pack's. TCE_ERR_LABELS_FOREIGN before anything is erased. */
int tce_label_slots_begin(tce_label_slots *slots, uint32_t bytes, uint32_t checksum, const uint8_t *encoder_id,
                          const uint8_t *frontend_id);

/* The next `count` bytes of the pack, TCE_FLASH_PROGRAM_MAX of them or a multiple, except at the end. */
int tce_label_slots_write(tce_label_slots *slots, uint32_t offset, const uint8_t *bytes, uint32_t count);

/* Whether an erase goes on in the background: on a flash that has one, nothing of a slot should be read meanwhile. */
int tce_label_slots_erasing(const tce_label_slots *slots);

/* Checks the written pack as tce_labels_open does, writes the commit word, and takes the pack into use. On an error the
 * pack in use stays. TCE_LABEL_SLOTS_LATER while the erase goes on. */
int tce_label_slots_commit(tce_label_slots *slots);

#endif
