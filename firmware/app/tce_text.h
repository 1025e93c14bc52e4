/* Text without a C library: numbers into a small buffer that empties itself into the console. */
#ifndef TCE_TEXT_H
#define TCE_TEXT_H

#include <stdint.h>

#include "tce_port.h"

enum { TCE_TEXT_BYTES = 128 };

typedef struct {
    const tce_port *port;
    uint32_t used; /* bytes of `bytes` that wait */
    char bytes[TCE_TEXT_BYTES];
} tce_text;

/* An empty buffer that writes to `port`. */
void tce_text_init(tce_text *text, const tce_port *port);

/* A zero-terminated string. */
void tce_text_string(tce_text *text, const char *string);

/* `count` bytes as they are. */
void tce_text_bytes(tce_text *text, const char *bytes, int32_t count);

/* A decimal number with its sign. */
void tce_text_decimal(tce_text *text, int32_t value);

/* `count` bytes, two lower-case hexadecimal digits each. */
void tce_text_hex(tce_text *text, const int8_t *bytes, int32_t count);

/* A line end; everything up to it leaves the buffer. */
void tce_text_line(tce_text *text);

#endif
