/* Any text of a host into MLPerf Tiny's commands: the input buffer is never left, and every command is answered. */
#include <stdlib.h>
#include <string.h>

#include "tce_mlperf.h"

enum { INPUT_BYTES = 40, LABELS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    int8_t input[INPUT_BYTES];
    int8_t guard[8]; /* stays zero */
    uint32_t inferences, ready;
} board;

static board b;

/* The console of tce_text: counts the lines that say that the board is ready. */
void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    for (uint32_t i = 0; i + 7U <= length; ++i) {
        b.ready += memcmp(text + i, "m-ready", 7) == 0;
    }
}

static void hold(void *context) {
    (void)context;
}

static void infer(void *context) {
    ((board *)context)->inferences++;
}

static const int16_t *scores(void *context, int32_t *count) {
    static const int16_t values[LABELS] = {-32767, 0, 32767};
    (void)context;
    *count = LABELS;
    return values;
}

static uint32_t microseconds(void *context) {
    return ((board *)context)->inferences;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const tce_port port = {0};
    static tce_text text;
    static tce_mlperf mlperf;
    memset(&b, 0, sizeof b);
    tce_text_init(&text, &port);
    const tce_mlperf_config config = {&b, &text, b.input, INPUT_BYTES, hold, infer, scores, microseconds};
    tce_mlperf_open(&mlperf, &config);
    uint32_t answered = b.ready;
    for (size_t i = 0; i < size && b.inferences < 3000000U; ++i) {
        tce_mlperf_push(&mlperf, data + i, 1);
        if (mlperf.whole != 0) {
            tce_mlperf_run(&mlperf);
            if (b.ready < ++answered || mlperf.whole != 0 || mlperf.filled > mlperf.expected) {
                abort();
            }
        }
    }
    for (size_t i = 0; i < sizeof b.guard; ++i) {
        if (b.guard[i] != 0) {
            abort();
        }
    }
    return 0;
}
