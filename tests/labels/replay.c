/* Feeds one pack to the label code with every single-bit flip and every truncation, each with its own checksum and with
 * a right one, and scores whatever opens. Built with the address and undefined-behaviour sanitizers: each attempt lies
 * in a heap block of exactly its size. Prints how many attempts opened. */
#include "tce_labels.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t crc32(const uint8_t *bytes, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1u ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

static int attempt(const uint8_t *bytes, size_t n, int seal)
{
    uint8_t *block = malloc(n + (n == 0));
    memcpy(block, bytes, n);
    if (seal && n >= 4) {
        const uint32_t crc = crc32(block, n - 4);
        for (int i = 0; i < 4; i++) {
            block[n - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
        }
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

int main(int argc, char **argv)
{
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
        plain += attempt(bytes, n, 0);
        sealed += attempt(bytes, n, 1);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t length = 0; length < n; length++) {
        plain += attempt(bytes, length, 0);
        sealed += attempt(bytes, length, 1);
    }
    printf("%d %d %d\n", attempt(bytes, n, 0), plain, sealed);
    return 0;
}
