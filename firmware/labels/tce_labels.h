/* Label packs: named int8 text embeddings, and the cosine of an audio embedding with each of them.
 *
 * The format is docs/label-pack.md. A pack is hostile bytes until tce_labels_open() has accepted it: every length,
 * every name and every row is checked, and nothing is written but *out. The bytes stay where they are (flash, or a
 * buffer of the caller), need no alignment, and must not change while the pack is open. */
#ifndef TCE_LABELS_H
#define TCE_LABELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    TCE_LABELS_COUNT_MAX = 256,                            /* labels in a pack */
    TCE_LABELS_DIM_MAX = 1024,                             /* entries in a row */
    TCE_LABELS_NAME_MAX = 64,                              /* bytes of UTF-8 in a name */
    TCE_LABELS_ID_BYTES = 8,                               /* an encoder's or a front end's identity */
    TCE_LABELS_BYTES_MAX = 32 + 256 * (12 + 1024 + 64) + 4 /* the largest pack */
};

enum {
    TCE_LABELS_OK = 0,
    TCE_ERR_LABELS_ARGUMENT = -1, /* a null pointer, or a zero point outside int8 */
    TCE_ERR_LABELS_SIZE = -2,     /* fewer or more bytes than the header promises */
    TCE_ERR_LABELS_MAGIC = -3,    /* not a label pack */
    TCE_ERR_LABELS_VERSION = -4,  /* a version that this code does not read, or another header size */
    TCE_ERR_LABELS_DIM = -5,      /* a row of 0 or of more than 1024 entries */
    TCE_ERR_LABELS_COUNT = -6,    /* no label, or more than 256 */
    TCE_ERR_LABELS_CRC = -7,      /* the checksum differs: damaged in flash or on the way */
    TCE_ERR_LABELS_FLAGS = -8,    /* an unknown flag, or two background rows */
    TCE_ERR_LABELS_NAME =
        -9, /* a name that is empty, too long, out of place, not UTF-8, or holds a control character */
    TCE_ERR_LABELS_DUPLICATE = -10, /* two labels of one name */
    TCE_ERR_LABELS_ROW = -11,       /* a row of zeros, a -128, or a reciprocal norm that is not the row's */
    TCE_ERR_LABELS_PADDING = -12,   /* a filling byte that is not zero */
    TCE_ERR_LABELS_FOREIGN = -13    /* made for another encoder or front end */
};

/* An open pack: a view, filled by tce_labels_open(). */
typedef struct {
    const uint8_t *entries;     /* [count][12] */
    const int8_t *rows;         /* [count][stride] */
    const uint8_t *names;       /* UTF-8, no terminators */
    const uint8_t *encoder_id;  /* [TCE_LABELS_ID_BYTES] */
    const uint8_t *frontend_id; /* [TCE_LABELS_ID_BYTES] */
    int32_t count;              /* labels */
    int32_t dim;                /* entries of a row, and of the embedding */
    int32_t stride;             /* bytes from row to row: dim rounded up to a multiple of 4 */
    int32_t background;         /* index of the row that stands for "none of these", or -1 */
} tce_labels;

/* Checks the n bytes and opens them. Returns TCE_LABELS_OK, or the first thing that is wrong; *out is then untouched.
 */
int tce_labels_open(const uint8_t *bytes, size_t n, tce_labels *out);

/* TCE_LABELS_OK when the pack was made for this encoder and front end, else TCE_ERR_LABELS_FOREIGN.
 * encoder_id, frontend_id: [TCE_LABELS_ID_BYTES] */
int tce_labels_match(const tce_labels *labels, const uint8_t *encoder_id, const uint8_t *frontend_id);

/* Name of a label: *length bytes of UTF-8, not terminated. 0 <= label < count. */
const char *tce_labels_name(const tce_labels *labels, int32_t label, int32_t *length);

/* Score in Q15 from which a label counts as heard. 0 <= label < count. */
int16_t tce_labels_threshold(const tce_labels *labels, int32_t label);

/* Cosine of the embedding with every row, in Q15 (32767 is +1).
 * embedding: [dim] int8, value = embedding - zero_point      scores_q15: [count]
 *
 * With d = sum((e - zero_point) * row) and g(s), the reciprocal of a root in Q30 (docs/label-pack.md):
 *     t     = (|d| * g(sum(row^2)) + 2^14) >> 15
 *     score = (t * g(sum((e - zero_point)^2)) + 2^29) >> 30, at most 32767, with the sign of d
 * so that halves round away from zero. An embedding of zeros scores 0. Within 2 units of the real cosine.
 * Two 32 x 32 -> 64 multiplications a label; one root and one 32-bit division an embedding. Scratch: none. */
int tce_labels_score(const tce_labels *labels, const int8_t *embedding, int32_t zero_point, int16_t *scores_q15);

#endif
