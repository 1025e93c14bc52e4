/* The device's side of the link: every request is answered once, and a repeated request gets the same answer again.
 *
 * The host sends one request at a time and repeats it until its answer comes; requests are numbered. So that nothing is
 * done twice, the answer is kept until the next request, and a request with the number and checksum of the last one is
 * answered from there. HELLO begins a session: before it, and after a reset, every other request is refused.
 *
 * The caller feeds bytes as they come (tce_link_push) and gives the functions that answer; the link keeps no clock. */
#ifndef TCE_LINK_H
#define TCE_LINK_H

#include <stdint.h>

#include "tce_frame.h"

enum { TCE_LINK_PROTOCOL = 2 }; /* the commands' version; frames have their own */

enum {
    TCE_LINK_HELLO = 0x01,  /* u32 nonce -> the same nonce, then who the device is */
    TCE_LINK_STATUS = 0x02, /* tce_monitor.h has these three and CAPTURE */
    TCE_LINK_SETTINGS = 0x03,
    TCE_LINK_NOTIFY = 0x04,
    TCE_LINK_LABELS_BEGIN = 0x10,
    TCE_LINK_LABELS_DATA = 0x11,
    TCE_LINK_LABELS_COMMIT = 0x12,
    TCE_LINK_LABELS_READ = 0x13,
    TCE_LINK_SHOW = 0x20,
    TCE_LINK_REPLAY_BEGIN = 0x30, /* tce_replay.h has the four */
    TCE_LINK_REPLAY_PCM = 0x31,
    TCE_LINK_REPLAY_RUN = 0x32,
    TCE_LINK_REPLAY_READ = 0x33,
    TCE_LINK_CAPTURE = 0x40,
    TCE_LINK_ANSWER = 0x80, /* set in the type of whatever the device sends */
    TCE_LINK_SCORES = 0xC0, /* notifications */
    TCE_LINK_EVENT = 0xC1,
    TCE_LINK_REFUSAL = 0xFF /* type of a refusal: u8 command, u8 error, i32 detail */
};

typedef enum {
    TCE_LINK_DONE = 0,
    TCE_LINK_ERR_COMMAND = 1,   /* no such command */
    TCE_LINK_ERR_LENGTH = 2,    /* the payload is longer or shorter than the command's; detail: its bytes */
    TCE_LINK_ERR_SESSION = 3,   /* no HELLO since the device started */
    TCE_LINK_ERR_SEQUENCE = 4,  /* neither the next request nor the last one again; detail: the number expected */
    TCE_LINK_ERR_NO_FLASH = 5,  /* this board keeps no labels */
    TCE_LINK_ERR_TOO_LARGE = 6, /* detail: the bytes that fit */
    TCE_LINK_ERR_FOREIGN = 7,   /* the pack is for another encoder or front end */
    TCE_LINK_ERR_STATE = 8,     /* no pack is being written */
    TCE_LINK_ERR_OFFSET = 9,    /* not the bytes that come next; detail: the offset expected */
    TCE_LINK_ERR_FLASH = 10,    /* the flash was not erased or does not hold what was written; detail: the offset */
    TCE_LINK_ERR_CHECKSUM = 11, /* the whole pack arrived with another checksum than was announced */
    TCE_LINK_ERR_PACK = 12,     /* the pack is refused; detail: TCE_ERR_LABELS_* */
    TCE_LINK_ERR_RANGE = 13,    /* a setting is outside its limits; detail: the byte of the payload */
    TCE_LINK_ERR_AUDIO = 14,    /* there is no sound to capture */
    TCE_LINK_LATER = 256        /* not on the wire: no answer yet, tce_link_poll asks the command again */
} tce_link_error;

/* What a command says: bytes of the answer's payload on success, an error and its detail otherwise. */
typedef struct {
    tce_link_error error;
    int32_t detail;
    uint32_t bytes; /* <= TCE_FRAME_PAYLOAD_MAX */
} tce_link_outcome;

typedef struct {
    void *context;
    /* Carries out one command. payload: [count], readable during the call; answer: room for TCE_FRAME_PAYLOAD_MAX bytes
     */
    tce_link_outcome (*command)(void *context, uint8_t command, const uint8_t *payload, uint32_t count,
                                uint8_t *answer);
    /* Sends bytes to the host. */
    void (*write)(void *context, const uint8_t *bytes, uint32_t count);
    /* Bytes that belong to no frame, or NULL where nobody reads them. */
    void (*text)(void *context, const uint8_t *bytes, uint32_t count);
} tce_link_config;

/* All zero but `config` before the first byte. */
typedef struct {
    const tce_link_config *config;
    tce_frame_decoder decoder;
    tce_frame answer; /* to the last request */
    uint32_t answer_bytes;
    uint32_t request_checksum;
    uint8_t request_sequence;
    uint8_t in_session;
    uint8_t later;     /* 1 while the last request waits for its answer */
    uint32_t damaged;  /* frames since start-up that came damaged */
    uint32_t repeated; /* requests that were answered again */
} tce_link;

/* Starts the link; the device is then in no session. */
void tce_link_open(tce_link *link, const tce_link_config *config);

/* Takes what came from the host and answers every request that it completes. */
void tce_link_push(tce_link *link, const uint8_t *bytes, uint32_t count);

/* Asks the command again whose answer was TCE_LINK_LATER, unless another request has come since. Only a command without
 * a payload may say so: the payload has gone by then. */
void tce_link_poll(tce_link *link);

/* Little-endian fields of payloads. */
uint32_t tce_link_get_u16(const uint8_t *at);
uint32_t tce_link_get_u32(const uint8_t *at);
void tce_link_put_u16(uint8_t *at, uint32_t value);
void tce_link_put_u32(uint8_t *at, uint32_t value);

#endif
