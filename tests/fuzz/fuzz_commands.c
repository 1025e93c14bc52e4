/* Requests of a host that means no good, behind right checksums, and resets between them: nothing is written outside of
 * the slot that is not in use, and the labels in use are whole at every moment.
 *
 * The input is records: a byte of kind, a byte of length, then that many bytes. Kind 0: raw bytes on the line; 1: a
 * reset; 2: a frame of a given type with the next number; others: a frame of type kind with a number of its own. */
#include "fuzz_device.h"
#include "tce_commands.h"

typedef struct {
    fuzz_device device;
    tce_commands_config commands_config;
    tce_commands commands;
    tce_link_config link_config;
    tce_link link;
} board;

static tce_marks marks(void *context) {
    (void)context;
    return (tce_marks){0};
}

static const int16_t *scores(void *context) {
    (void)context;
    return NULL;
}

static tce_link_outcome command(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    const board *b = context;
    const tce_link_outcome outcome = tce_commands_run(&b->commands, code, payload, count, answer);
    fuzz_require(outcome.bytes <= TCE_FRAME_PAYLOAD_MAX);
    fuzz_check(&b->device);
    return outcome;
}

static void write_out(void *context, const uint8_t *bytes, uint32_t count) {
    (void)context;
    fuzz_require(count >= 10 && count <= TCE_FRAME_BYTES_MAX && bytes[0] == 0 && bytes[count - 1U] == 0);
}

static void start(board *b) {
    fuzz_start(&b->device);
    fuzz_check(&b->device);
    b->commands_config = (tce_commands_config){"0.1.0", "board", fuzz_image + 8, fuzz_image + 16, b, marks, scores};
    b->commands = (tce_commands){&b->commands_config, &b->device.slots};
    b->link_config = (tce_link_config){b, command, write_out, NULL};
    tce_link_open(&b->link, &b->link_config);
}

static void push_frame(board *b, uint8_t type, uint8_t sequence, const uint8_t *payload, uint32_t count) {
    tce_frame frame;
    memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, payload, count);
    const uint32_t bytes = tce_frame_seal(&frame, type, sequence, count);
    tce_link_push(&b->link, frame.bytes, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static board b;
    memset(&b, 0, sizeof b);
    memset(b.device.memory, 0xFF, sizeof b.device.memory);
    start(&b);
    for (size_t at = 0; at + 2 <= size;) {
        const uint8_t kind = data[at];
        const size_t length = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
        const uint8_t *body = data + at + 2;
        at += 2 + length;
        if (kind == 0) {
            tce_link_push(&b.link, body, (uint32_t)length);
        } else if (kind == 1) {
            start(&b);
        } else if (length != 0) {
            const uint8_t next = (uint8_t)(b.link.request_sequence + 1U);
            push_frame(&b, kind == 2 ? body[0] : kind, kind == 2 ? next : body[0], body + 1, (uint32_t)length - 1U);
        }
    }
    start(&b);
    fuzz_check(&b.device);
    return 0;
}
