#include "tce_link.h"

#include <stddef.h>

enum { REFUSAL_BYTES = 6 };

uint32_t tce_link_get_u16(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

uint32_t tce_link_get_u32(const uint8_t *at) {
    return tce_link_get_u16(at) | tce_link_get_u16(at + 2) << 16;
}

void tce_link_put_u16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void tce_link_put_u32(uint8_t *at, uint32_t value) {
    tce_link_put_u16(at, value);
    tce_link_put_u16(at + 2, value >> 16);
}

void tce_link_open(tce_link *link, const tce_link_config *config) {
    *link = (tce_link){.config = config};
}

/* Whether the request may be carried out now, and why not. */
static tce_link_outcome admit(const tce_link *link) {
    const tce_frame_decoder *request = &link->decoder;
    if (request->type == TCE_LINK_HELLO) {
        return (tce_link_outcome){0};
    }
    if (link->in_session == 0) {
        return (tce_link_outcome){.error = TCE_LINK_ERR_SESSION};
    }
    const uint8_t next = (uint8_t)(link->request_sequence + 1U);
    if (request->sequence != next) {
        return (tce_link_outcome){.error = TCE_LINK_ERR_SEQUENCE, .detail = next};
    }
    return (tce_link_outcome){0};
}

static void send(const tce_link *link, const tce_frame *frame, uint32_t bytes) {
    link->config->write(link->config->context, frame->bytes, bytes);
}

/* The frame that refuses the request. */
static uint32_t refuse(const tce_frame_decoder *request, tce_link_outcome outcome, tce_frame *frame) {
    uint8_t *payload = frame->bytes + TCE_FRAME_PAYLOAD_AT;
    payload[0] = request->type;
    payload[1] = (uint8_t)outcome.error;
    tce_link_put_u32(payload + 2, (uint32_t)outcome.detail);
    return tce_frame_seal(frame, TCE_LINK_REFUSAL, request->sequence, REFUSAL_BYTES);
}

static void answer(tce_link *link) {
    const tce_frame_decoder *request = &link->decoder;
    link->later = 0;
    if (request->type >= TCE_LINK_ANSWER) { /* an answer, such as our own coming back from a line that echoes */
        return;
    }
    if (link->in_session != 0 && request->sequence == link->request_sequence &&
        request->checksum == link->request_checksum) {
        link->repeated++;
        send(link, &link->answer, link->answer_bytes);
        return;
    }
    tce_link_outcome outcome = admit(link);
    if (outcome.error != TCE_LINK_DONE) { /* apart, so that the last answer can still be repeated */
        tce_frame refusal;
        const uint32_t bytes = refuse(request, outcome, &refusal);
        send(link, &refusal, bytes);
        return;
    }
    outcome = link->config->command(link->config->context, request->type, request->payload, request->payload_bytes,
                                    link->answer.bytes + TCE_FRAME_PAYLOAD_AT);
    if (outcome.error == TCE_LINK_LATER) {
        link->later = 1;
        return;
    }
    link->answer_bytes = outcome.error != TCE_LINK_DONE
                             ? refuse(request, outcome, &link->answer)
                             : tce_frame_seal(&link->answer, (uint8_t)(request->type | TCE_LINK_ANSWER),
                                              request->sequence, outcome.bytes);
    link->in_session = link->in_session != 0 || outcome.error == TCE_LINK_DONE;
    link->request_sequence = request->sequence;
    link->request_checksum = request->checksum;
    send(link, &link->answer, link->answer_bytes);
}

void tce_link_poll(tce_link *link) {
    if (link->later != 0U) {
        answer(link);
    }
}

void tce_link_push(tce_link *link, const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        switch (tce_frame_push(&link->decoder, bytes[i])) {
        case TCE_FRAME_TEXT:
            if (link->config->text != NULL) {
                link->config->text(link->config->context, link->decoder.text, link->decoder.text_bytes);
            }
            break;
        case TCE_FRAME_WHOLE:
            answer(link);
            break;
        case TCE_FRAME_DAMAGED:
            link->damaged++;
            break;
        case TCE_FRAME_NOTHING:
            break;
        }
    }
}
