#include "tce_labels.h"

enum { HEADER_BYTES = 32, ENTRY_BYTES = 12, CRC_BYTES = 4, VERSION = 1, FLAG_BACKGROUND = 1, SCORE_MAX = 32767 };

static uint32_t read_u16(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t read_u32(const uint8_t *at) {
    return read_u16(at) | read_u16(at + 2) << 16;
}

static uint32_t align4(uint32_t bytes) {
    return (bytes + 3u) & ~UINT32_C(3);
}

static int same(const uint8_t *a, const uint8_t *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return 0;
        }
    }
    return 1;
}

static int all_zero(const uint8_t *at, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (at[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* CRC-32 as in zlib (polynomial 0xEDB88320, reflected), four bits at a time: a table of 64 bytes. */
static uint32_t crc32(const uint8_t *bytes, uint32_t n) {
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                       0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return ~crc;
}

/* Bytes of the UTF-8 character at `at`, of which `left` >= 1 bytes may be read; 0 for anything that is not one
 * (overlong, surrogate, above U+10FFFF, cut off) and for control characters (C0, DEL, C1). */
static uint32_t character_bytes(const uint8_t *at, uint32_t left) {
    const uint32_t first = at[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7F ? 1 : 0;
    }
    const uint32_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    for (uint32_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    const uint32_t second = at[1];
    const int refused = (first == 0xC2 && second < 0xA0)      /* U+0080 to U+009F: C1 controls */
                        || (first == 0xE0 && second < 0xA0)   /* overlong */
                        || (first == 0xED && second >= 0xA0)  /* surrogates */
                        || (first == 0xF0 && second < 0x90)   /* overlong */
                        || (first == 0xF4 && second >= 0x90); /* above U+10FFFF */
    return refused ? 0 : length;
}

static int is_name(const uint8_t *name, uint32_t length) {
    uint32_t at = 0;
    while (at < length) {
        const uint32_t bytes = character_bytes(name + at, length - at);
        if (bytes == 0) {
            return 0;
        }
        at += bytes;
    }
    return 1;
}

/* Fields of entry i. */
static uint32_t entry_norm(const uint8_t *entry) {
    return read_u32(entry);
}
static uint32_t entry_threshold(const uint8_t *entry) {
    return read_u16(entry + 4);
}
static uint32_t entry_name_offset(const uint8_t *entry) {
    return read_u16(entry + 6);
}
static uint32_t entry_name_length(const uint8_t *entry) {
    return read_u16(entry + 8);
}
static uint32_t entry_flags(const uint8_t *entry) {
    return read_u16(entry + 10);
}

/* 2^30 / sqrt(sum), for 1 <= sum < 2^26, by 32-bit integers alone: scale sum by 4^h into [2^30, 2^32), take the root
 * rounded to the nearest, divide 2^32 by it rounded to the nearest (a half up), and shift left by h - 2. */
static uint32_t reciprocal_norm(uint32_t sum) {
    uint32_t scaled = sum;
    uint32_t h = 0;
    while (scaled < UINT32_C(1) << 30) {
        scaled <<= 2;
        h++;
    }
    uint32_t rest = scaled;
    uint32_t root = 0;
    for (uint32_t bit = UINT32_C(1) << 30; bit != 0; bit >>= 2) {
        const uint32_t trial = root + bit;
        root >>= 1;
        if (rest >= trial) {
            rest -= trial;
            root += bit;
        }
    }
    root += rest > root ? 1u : 0u; /* to the nearest: 2^15 <= root <= 2^16 */
    uint32_t quotient = UINT32_MAX / root;
    const uint32_t remainder = UINT32_MAX - quotient * root + 1u; /* 2^32 = quotient * root + remainder */
    quotient += 2u * remainder >= root ? 1u : 0u;
    return quotient << (h - 2u);
}

static int check_row(const int8_t *row, int32_t dim, int32_t stride, uint32_t norm) {
    uint32_t sum = 0;
    for (int32_t i = 0; i < dim; i++) {
        if (row[i] == INT8_MIN) {
            return TCE_ERR_LABELS_ROW;
        }
        sum += (uint32_t)(row[i] * row[i]);
    }
    if (sum == 0 || reciprocal_norm(sum) != norm) {
        return TCE_ERR_LABELS_ROW;
    }
    for (int32_t i = dim; i < stride; i++) {
        if (row[i] != 0) {
            return TCE_ERR_LABELS_PADDING;
        }
    }
    return TCE_LABELS_OK;
}

/* Names lie one behind the other in the order of the labels: no holes, no overlap. Returns their bytes together, or
 * an error. Reads only the entries. */
static int32_t measure_names(const uint8_t *entries, uint32_t count) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = entries + i * ENTRY_BYTES;
        const uint32_t length = entry_name_length(entry);
        if (entry_name_offset(entry) != total || length == 0 || length > TCE_LABELS_NAME_MAX) {
            return TCE_ERR_LABELS_NAME;
        }
        total += length;
    }
    return (int32_t)total;
}

static int check_name(const tce_labels *labels, int32_t label) {
    const uint8_t *entry = labels->entries + label * ENTRY_BYTES;
    const uint8_t *name = labels->names + entry_name_offset(entry);
    const uint32_t length = entry_name_length(entry);
    if (!is_name(name, length)) {
        return TCE_ERR_LABELS_NAME;
    }
    for (int32_t i = 0; i < label; i++) {
        const uint8_t *other = labels->entries + i * ENTRY_BYTES;
        if (entry_name_length(other) == length && same(labels->names + entry_name_offset(other), name, length)) {
            return TCE_ERR_LABELS_DUPLICATE;
        }
    }
    return TCE_LABELS_OK;
}

/* Flags, names and rows, all within bytes that the layout has accounted for. */
static int check_labels(tce_labels *labels) {
    labels->background = -1;
    for (int32_t i = 0; i < labels->count; i++) {
        const uint8_t *entry = labels->entries + i * ENTRY_BYTES;
        const uint32_t flags = entry_flags(entry);
        if (flags > FLAG_BACKGROUND || (flags != 0 && labels->background >= 0)) {
            return TCE_ERR_LABELS_FLAGS;
        }
        labels->background = flags != 0 ? i : labels->background;
        const int name = check_name(labels, i);
        if (name != TCE_LABELS_OK) {
            return name;
        }
        const int row = check_row(labels->rows + i * labels->stride, labels->dim, labels->stride, entry_norm(entry));
        if (row != TCE_LABELS_OK) {
            return row;
        }
    }
    return TCE_LABELS_OK;
}

int tce_labels_open(const uint8_t *bytes, size_t n, tce_labels *out) {
    static const uint8_t magic[4] = {'T', 'C', 'L', 'P'};
    if (bytes == NULL || out == NULL) {
        return TCE_ERR_LABELS_ARGUMENT;
    }
    if (n < HEADER_BYTES + CRC_BYTES || n > TCE_LABELS_BYTES_MAX) {
        return TCE_ERR_LABELS_SIZE;
    }
    const uint32_t size = (uint32_t)n;
    const uint32_t dim = read_u16(bytes + 28);
    const uint32_t count = read_u16(bytes + 30);
    if (!same(bytes, magic, sizeof(magic))) {
        return TCE_ERR_LABELS_MAGIC;
    }
    if (read_u16(bytes + 4) != VERSION || read_u16(bytes + 6) != HEADER_BYTES) {
        return TCE_ERR_LABELS_VERSION;
    }
    if (read_u32(bytes + 24) != size) {
        return TCE_ERR_LABELS_SIZE;
    }
    if (dim == 0 || dim > TCE_LABELS_DIM_MAX) {
        return TCE_ERR_LABELS_DIM;
    }
    if (count == 0 || count > TCE_LABELS_COUNT_MAX) {
        return TCE_ERR_LABELS_COUNT;
    }
    const uint32_t stride = align4(dim);
    const uint32_t rows_at = HEADER_BYTES + count * ENTRY_BYTES;
    const uint32_t names_at = rows_at + count * stride;
    if (names_at + CRC_BYTES > size) {
        return TCE_ERR_LABELS_SIZE;
    }
    if (crc32(bytes, size - CRC_BYTES) != read_u32(bytes + size - CRC_BYTES)) {
        return TCE_ERR_LABELS_CRC;
    }
    const int32_t measured = measure_names(bytes + HEADER_BYTES, count);
    if (measured < 0) {
        return measured;
    }
    const uint32_t names_bytes = (uint32_t)measured;
    if (names_at + align4(names_bytes) + CRC_BYTES != size) {
        return TCE_ERR_LABELS_SIZE;
    }
    if (!all_zero(bytes + names_at + names_bytes, align4(names_bytes) - names_bytes)) {
        return TCE_ERR_LABELS_PADDING;
    }
    tce_labels labels = {
        .entries = bytes + HEADER_BYTES,
        .rows = (const int8_t *)(bytes + rows_at),
        .names = bytes + names_at,
        .encoder_id = bytes + 8,
        .frontend_id = bytes + 16,
        .count = (int32_t)count,
        .dim = (int32_t)dim,
        .stride = (int32_t)stride,
        .background = -1,
    };
    const int checked = check_labels(&labels);
    if (checked == TCE_LABELS_OK) {
        *out = labels;
    }
    return checked;
}

int tce_labels_match(const tce_labels *labels, const uint8_t *encoder_id, const uint8_t *frontend_id) {
    if (labels == NULL || encoder_id == NULL || frontend_id == NULL) {
        return TCE_ERR_LABELS_ARGUMENT;
    }
    return same(labels->encoder_id, encoder_id, TCE_LABELS_ID_BYTES) &&
                   same(labels->frontend_id, frontend_id, TCE_LABELS_ID_BYTES)
               ? TCE_LABELS_OK
               : TCE_ERR_LABELS_FOREIGN;
}

const char *tce_labels_name(const tce_labels *labels, int32_t label, int32_t *length) {
    const uint8_t *entry = labels->entries + label * ENTRY_BYTES;
    *length = (int32_t)entry_name_length(entry);
    return (const char *)(labels->names + entry_name_offset(entry));
}

int16_t tce_labels_threshold(const tce_labels *labels, int32_t label) {
    const int32_t code = (int32_t)entry_threshold(labels->entries + label * ENTRY_BYTES);
    return (int16_t)(code >= 32768 ? code - 65536 : code);
}

static int32_t dot(const int8_t *embedding, const int8_t *row, int32_t dim, int32_t zero_point) {
    int32_t sum = 0; /* |sum| <= 255 * 127 * 1024 < 2^25 */
    for (int32_t i = 0; i < dim; i++) {
        sum += (embedding[i] - zero_point) * row[i];
    }
    return sum;
}

int tce_labels_score(const tce_labels *labels, const int8_t *embedding, int32_t zero_point, int16_t *scores_q15) {
    if (labels == NULL || embedding == NULL || scores_q15 == NULL || zero_point < INT8_MIN || zero_point > INT8_MAX) {
        return TCE_ERR_LABELS_ARGUMENT;
    }
    uint32_t squares = 0; /* <= 255^2 * 1024 < 2^26 */
    for (int32_t i = 0; i < labels->dim; i++) {
        const int32_t value = embedding[i] - zero_point;
        squares += (uint32_t)(value * value);
    }
    const uint32_t embedding_norm = squares == 0 ? 0 : reciprocal_norm(squares);
    for (int32_t label = 0; label < labels->count; label++) {
        const int32_t d = dot(embedding, labels->rows + label * labels->stride, labels->dim, zero_point);
        const uint32_t magnitude = (uint32_t)(d < 0 ? -d : d);
        const uint32_t row_norm = entry_norm(labels->entries + label * ENTRY_BYTES);
        /* |d| <= |e| |row|, so t is |e| cos in Q15: below 2^29 */
        const uint32_t t = (uint32_t)(((uint64_t)magnitude * row_norm + (UINT32_C(1) << 14)) >> 15);
        const uint64_t rounded = ((uint64_t)t * embedding_norm + (UINT32_C(1) << 29)) >> 30;
        const int32_t score = rounded > SCORE_MAX ? SCORE_MAX : (int32_t)rounded;
        scores_q15[label] = (int16_t)(d < 0 ? -score : score);
    }
    return TCE_LABELS_OK;
}
