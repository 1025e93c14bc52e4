#include "tce_capture.h"

#include <stdatomic.h>

/* The samples are in the ring before the position says so, and are read before it lets them go: an order for the
 * compiler alone, since the interrupt runs on the same core. */
static void in_order(void) {
    atomic_signal_fence(memory_order_seq_cst);
}

static void tce_capture_take(void *context, const int16_t *half, uint32_t count) {
    tce_capture *capture = context;
    const uint32_t mode = capture->mode;
    const uint32_t written = capture->written;
    capture->came += count;
    if (mode == TCE_CAPTURE_FROZEN) {
        return;
    }
    if (mode == TCE_CAPTURE_LISTEN) {
        const uint32_t room = capture->size - (written - capture->read);
        if (count > room) {
            capture->dropped += count - room;
            count = room;
        }
    }
    for (uint32_t i = 0; i < count; ++i) {
        capture->ring[(written + i) & (capture->size - 1U)] = half[i];
    }
    in_order();
    capture->written = written + count;
    const uint32_t filled = capture->filled + count;
    capture->filled = filled > capture->size ? capture->size : filled;
}

void tce_capture_open(tce_capture *capture, int16_t *ring, uint32_t ring_samples, int16_t *halves,
                      uint32_t half_samples) {
    *capture = (tce_capture){
        .audio = {.halves = halves, .samples = half_samples, .context = capture, .taken = tce_capture_take},
        .ring = ring,
        .size = ring_samples,
        .mode = TCE_CAPTURE_RECORD,
    };
}

void tce_capture_set(tce_capture *capture, tce_capture_mode mode) {
    if (mode == TCE_CAPTURE_LISTEN) {
        capture->mode = TCE_CAPTURE_FROZEN; /* no half comes between the two lines below */
        in_order();
        capture->read = capture->written;
        capture->streams++;
        in_order();
    }
    capture->mode = mode;
}

uint32_t tce_capture_unread(const tce_capture *capture) {
    return capture->written - capture->read;
}

void tce_capture_peek(const tce_capture *capture, int16_t *samples, uint32_t count) {
    in_order();
    for (uint32_t i = 0; i < count; ++i) {
        samples[i] = capture->ring[(capture->read + i) & (capture->size - 1U)];
    }
}

void tce_capture_skip(tce_capture *capture, uint32_t count) {
    in_order();
    capture->read = capture->read + count;
}

int16_t tce_capture_back(const tce_capture *capture, uint32_t back) {
    return capture->ring[(capture->written - 1U - back) & (capture->size - 1U)];
}
