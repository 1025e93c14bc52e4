/* The link over a line that drops, inserts and flips bytes, at the speed of C: how many requests were carried out or
 * answers believed that should not have been, and whether every request got its answer.
 *
 *   link_channel FRAMES SEED DAMAGED_BYTES_IN_A_MILLION      prints one JSON object
 *
 * The device is firmware/protocol/tce_link.c. The host here follows the rules of docs/protocol.md: one request at a
 * time, repeated with the same bytes up to 20 times. The device also writes lines of text between its answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tce_crc32.h"
#include "tce_link.h"

enum { TRIES = 20, LINE_BYTES = 1 << 14, COMMAND = 0x20, SESSION = 1000 };

#ifdef WEAK_CHECKSUM /* the negative control: with 8 bits in place of 32 the counts below must not be 0 */
uint32_t tce_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count) {
    uint32_t sum = crc & 0xFFU;
    for (uint32_t i = 0; i < count; ++i) {
        sum = (sum + bytes[i]) & 0xFFU;
    }
    return sum;
}
#endif

typedef struct {
    uint8_t bytes[LINE_BYTES];
    uint32_t used;
} buffer;

typedef struct {
    uint64_t random;
    uint64_t damage_below; /* a 32-bit draw below it damages the byte */
    buffer to_device, to_host;
    tce_link_config config;
    tce_link link;

    uint8_t payload[TCE_FRAME_PAYLOAD_MAX], answer[TCE_FRAME_PAYLOAD_MAX]; /* of the request under way */
    uint32_t payload_bytes, answer_bytes, carried_out;
    uint8_t command;

    unsigned long frames, damaged, requests, repeated, incomplete, wrong_requests, wrong_answers, done_twice;
} world;

static uint32_t draw(world *w) { /* xorshift64* */
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)(w->random * 0x2545F4914F6CDD1DULL >> 32);
}

/* Appends what the line makes of the bytes. */
static void carry(world *w, buffer *to, const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count && to->used + 2U < LINE_BYTES; ++i) {
        const uint32_t kind = draw(w) < w->damage_below ? draw(w) % 3U : 3U;
        if (kind != 0U) { /* 0: the byte is dropped */
            to->bytes[to->used++] = (uint8_t)(kind == 1U ? bytes[i] ^ 1U << draw(w) % 8U : bytes[i]);
        }
        if (kind == 2U) { /* one is inserted behind it */
            to->bytes[to->used++] = (uint8_t)draw(w);
        }
    }
}

static uint32_t fill(world *w, uint8_t *bytes, uint32_t most) {
    const uint32_t count = draw(w) % (most + 1U);
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t value = draw(w);
        bytes[i] = (uint8_t)(value & 0x300U ? value : 0U); /* many zeros, as packs have them */
    }
    return count;
}

static tce_link_outcome command(void *context, uint8_t code, const uint8_t *payload, uint32_t count, uint8_t *answer) {
    world *w = context;
    if (code != w->command || count != w->payload_bytes || memcmp(payload, w->payload, count) != 0) {
        w->wrong_requests++;
    } else if (w->carried_out++ != 0 && code != TCE_LINK_HELLO) {
        w->done_twice++;
    }
    memcpy(answer, w->answer, w->answer_bytes);
    return (tce_link_outcome){.bytes = w->answer_bytes};
}

static void write_answer(void *context, const uint8_t *bytes, uint32_t count) {
    world *w = context;
    static const char text[] = "W 12 E 0f S 1,-2,3\n";
    if (draw(w) % 4U == 0U) {
        carry(w, &w->to_host, (const uint8_t *)text, sizeof text - 1U);
    }
    w->frames++;
    carry(w, &w->to_host, bytes, count);
}

/* Sends the request until its answer comes; 0 when it never does. */
static int exchange(world *w, tce_frame_decoder *decoder, uint8_t sequence) {
    tce_frame frame;
    memcpy(frame.bytes + TCE_FRAME_PAYLOAD_AT, w->payload, w->payload_bytes);
    const uint32_t bytes = tce_frame_seal(&frame, w->command, sequence, w->payload_bytes);
    w->requests++;
    for (int attempt = 0; attempt < TRIES; ++attempt) {
        w->repeated += attempt > 0;
        w->frames++;
        w->to_device.used = w->to_host.used = 0;
        carry(w, &w->to_device, frame.bytes, bytes);
        tce_link_push(&w->link, w->to_device.bytes, w->to_device.used);
        int answered = 0;
        for (uint32_t i = 0; i < w->to_host.used; ++i) {
            const tce_frame_event event = tce_frame_push(decoder, w->to_host.bytes[i]);
            w->damaged += event == TCE_FRAME_DAMAGED;
            if (event != TCE_FRAME_WHOLE || decoder->sequence != sequence ||
                decoder->type != (w->command | TCE_LINK_ANSWER)) {
                continue;
            }
            answered = 1;
            w->wrong_answers +=
                decoder->payload_bytes != w->answer_bytes || memcmp(decoder->payload, w->answer, w->answer_bytes) != 0;
        }
        if (answered != 0) {
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        return 2;
    }
    static world w;
    static tce_frame_decoder decoder;
    const unsigned long frames = strtoul(argv[1], NULL, 10);
    w.random = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1U;
    w.damage_below = strtoull(argv[3], NULL, 10) * 4294967296ULL / 1000000U;
    w.config = (tce_link_config){&w, command, write_answer, NULL};
    tce_link_open(&w.link, &w.config);
    for (unsigned long number = 0; w.frames < frames; ++number) {
        const int hello = number % SESSION == 0; /* another host */
        const uint8_t sequence = (uint8_t)(number % SESSION);
        w.command = hello ? TCE_LINK_HELLO : COMMAND;
        w.payload_bytes = hello ? 4U : fill(&w, w.payload, TCE_FRAME_PAYLOAD_MAX);
        w.answer_bytes = fill(&w, w.answer, TCE_FRAME_PAYLOAD_MAX);
        w.carried_out = 0;
        if (hello) {
            tce_link_put_u32(w.payload, draw(&w));
        }
        if (!exchange(&w, &decoder, sequence)) {
            w.incomplete++;
            number += SESSION - number % SESSION - 1U; /* the host gives up and begins anew */
        }
    }
    printf("{\"frames\": %lu, \"requests\": %lu, \"repeated\": %lu, \"damaged_frames\": %lu, \"incomplete\": %lu, "
           "\"wrong_requests\": %lu, \"wrong_answers\": %lu, \"done_twice\": %lu}\n",
           w.frames, w.requests, w.repeated, w.damaged + w.link.damaged, w.incomplete, w.wrong_requests,
           w.wrong_answers, w.done_twice);
    return 0;
}
