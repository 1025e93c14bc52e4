/* A main for the fuzz targets where there is no libFuzzer: runs every file given, then `-mutate=N` changed copies of
 * them
 * (`-seed=S`), by a few blind changes each. Prints the number of executions. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 8192, FILES_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 1;

static uint32_t draw(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 0x2545F4914F6CDD1DULL >> 32);
}

/* One blind change; the new size. */
static size_t change(uint8_t *bytes, size_t size) {
    const size_t at = size == 0 ? 0 : draw() % size;
    const size_t room = (size_t)INPUT_MAX - size;
    switch (draw() % 6U) {
    case 0:
        bytes[at] ^= (uint8_t)(1U << draw() % 8U);
        return size;
    case 1:
        bytes[at] = (uint8_t)draw();
        return size;
    case 2: { /* a value that sits on a limit */
        static const uint8_t edges[] = {0, 1, 2, 4, 16, 64, 127, 128, 254, 255};
        bytes[at] = edges[draw() % sizeof edges];
        return size;
    }
    case 3: { /* drop */
        const size_t count = size == 0 ? 0 : 1 + draw() % 8U;
        if (at + count > size) {
            return at;
        }
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    }
    case 4: { /* insert */
        const size_t count = 1 + draw() % 8U;
        if (count > room) {
            return size;
        }
        memmove(bytes + at + count, bytes + at, size - at);
        for (size_t i = 0; i < count; ++i) {
            bytes[at + i] = (uint8_t)draw();
        }
        return size + count;
    }
    default: { /* copy a part elsewhere */
        const size_t to = size == 0 ? 0 : draw() % size;
        const size_t most = size - (at > to ? at : to);
        memmove(bytes + to, bytes + at, most == 0 ? 0 : draw() % most);
        return size;
    }
    }
}

/* One execution, on a block of exactly the size, so that a byte too far is seen. */
static void run(const uint8_t *bytes, size_t size) {
    uint8_t *block = malloc(size + (size == 0));
    memcpy(block, bytes, size);
    (void)LLVMFuzzerTestOneInput(block, size);
    free(block);
}

int main(int argc, char **argv) {
    static uint8_t inputs[FILES_MAX][INPUT_MAX], input[INPUT_MAX];
    static size_t sizes[FILES_MAX];
    unsigned long mutations = 0;
    uint32_t files = 0;
    for (int i = 1; i < argc; ++i) {
        if (strncmp(argv[i], "-mutate=", 8) == 0) {
            mutations = strtoul(argv[i] + 8, NULL, 10);
        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            state = strtoull(argv[i] + 6, NULL, 10) * 0x9E3779B97F4A7C15ULL + 1U;
        } else if (files < FILES_MAX) {
            FILE *file = fopen(argv[i], "rb");
            if (file == NULL) {
                return 2;
            }
            sizes[files] = fread(inputs[files], 1, INPUT_MAX, file);
            (void)fclose(file);
            run(inputs[files], sizes[files]);
            ++files;
        }
    }
    for (unsigned long n = 0; n < mutations && files != 0; ++n) {
        const uint32_t pick = draw() % files;
        size_t size = sizes[pick];
        memcpy(input, inputs[pick], size);
        for (uint32_t changes = 1 + draw() % 6U; changes > 0; --changes) {
            size = change(input, size);
        }
        run(input, size);
    }
    printf("%lu\n", files + mutations);
    return 0;
}
