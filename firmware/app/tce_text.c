#include "tce_text.h"

static void flush(tce_text *text) {
    if (text->used != 0U) {
        tce_port_write(text->port, text->bytes, text->used);
        text->used = 0;
    }
}

static void put(tce_text *text, char c) {
    if (text->used == (uint32_t)TCE_TEXT_BYTES) {
        flush(text);
    }
    text->bytes[text->used++] = c;
}

void tce_text_init(tce_text *text, const tce_port *port) {
    text->port = port;
    text->used = 0;
}

void tce_text_string(tce_text *text, const char *string) {
    for (; *string != '\0'; ++string) {
        put(text, *string);
    }
}

void tce_text_bytes(tce_text *text, const char *bytes, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
        put(text, bytes[i]);
    }
}

void tce_text_decimal(tce_text *text, int32_t value) {
    char digits[10]; /* 2^31 has ten */
    int count = 0;
    uint32_t rest = value < 0 ? 0U - (uint32_t)value : (uint32_t)value;
    do {
        digits[count++] = (char)('0' + (char)(rest % 10U));
        rest /= 10U;
    } while (rest != 0U);
    if (value < 0) {
        put(text, '-');
    }
    while (count > 0) {
        put(text, digits[--count]);
    }
}

void tce_text_hex(tce_text *text, const int8_t *bytes, int32_t count) {
    static const char digits[] = "0123456789abcdef";
    for (int32_t i = 0; i < count; ++i) {
        const uint8_t byte = (uint8_t)bytes[i];
        put(text, digits[byte >> 4]);
        put(text, digits[byte & 15U]);
    }
}

void tce_text_line(tce_text *text) {
    put(text, '\n');
    flush(text);
}
