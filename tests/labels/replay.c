/* Feeds one pack to the label code with every single-bit flip and every truncation: as it is, with a right checksum,
 * and with a right size and checksum; and scores whatever opens. Built with the address and undefined-behaviour
 * sanitizers: each attempt lies in a heap block of exactly its size. Prints how many attempts opened. */
#include "tce_labels.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t crc32(const uint8_t *bytes, size_t n) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1u ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

enum { PLAIN, CHECKSUM, SIZE_AND_CHECKSUM };

static void write_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static int attempt(const uint8_t *bytes, size_t n, int seal) {
    uint8_t *block = malloc(n + (n == 0));
    memcpy(block, bytes, n);
    if (seal == SIZE_AND_CHECKSUM && n >= 32) {
        write_u32(block + 24, (uint32_t)n);
    }
    if (seal != PLAIN && n >= 4) {
        write_u32(block + n - 4, crc32(block, n - 4));
    }
    tce_labels labels;
    const int opened = tce_labels_open(block, n, &labels) == TCE_LABELS_OK;
    if (opened) {
        int8_t *embedding = malloc((size_t)labels.dim);
        int16_t *scores = malloc((size_t)labels.count * sizeof(*scores));
        memset(embedding, 0x80, (size_t)labels.dim);
        if (tce_labels_score(&labels, embedding, 127, scores) != TCE_LABELS_OK) {
            abort();
        }
        for (int32_t i = 0; i < labels.count; i++) {
            int32_t length;
            (void)tce_labels_name(&labels, i, &length);
            (void)tce_labels_threshold(&labels, i);
        }
        free(scores);
        free(embedding);
    }
    free(block);
    return opened;
}

int main(int argc, char **argv) {
    static uint8_t bytes[TCE_LABELS_BYTES_MAX];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        return 2;
    }
    const size_t n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    int plain = 0;
    int sealed = 0;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        plain += attempt(bytes, n, PLAIN);
        sealed += attempt(bytes, n, CHECKSUM);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t length = 0; length < n; length++) {
        plain += attempt(bytes, length, PLAIN);
        sealed += attempt(bytes, length, CHECKSUM);
        sealed += attempt(bytes, length, SIZE_AND_CHECKSUM);
    }
    printf("%d %d %d\n", attempt(bytes, n, PLAIN), plain, sealed);
    return 0;
}
