#include "tce_mlperf.h"

#include <stddef.h>

enum { DUMP_BYTES = 32, SCORE_DIGITS = 5, RUNS_MAX = 1000000, RUNS = 1, WARM_UPS = 10 };

static void line(const tce_mlperf *mlperf, const char *words) {
    tce_text_string(mlperf->config->text, words);
    tce_text_line(mlperf->config->text);
}

static void number_line(const tce_mlperf *mlperf, const char *before, uint32_t number, const char *after) {
    tce_text_string(mlperf->config->text, before);
    tce_text_decimal(mlperf->config->text, (int32_t)(number & INT32_MAX));
    line(mlperf, after);
}

static void timestamp(const tce_mlperf *mlperf) {
    number_line(mlperf, "m-lap-us-", mlperf->config->microseconds(mlperf->config->context), "");
}

void tce_mlperf_open(tce_mlperf *mlperf, const tce_mlperf_config *config) {
    *mlperf = (tce_mlperf){.config = config};
    line(mlperf, "m-timestamp-mode-performance");
    timestamp(mlperf);
    line(mlperf, "m-init-done");
    line(mlperf, "m-ready");
}

/* Where `words` goes on behind `begin`, or NULL when it begins otherwise. */
static const char *behind(const char *words, const char *begin) {
    while (*begin != '\0') {
        if (*words++ != *begin++) {
            return NULL;
        }
    }
    return words;
}

static int same(const char *words, const char *other) {
    const char *rest = behind(words, other);
    return rest != NULL && *rest == '\0';
}

/* A decimal number at *words, which then stands behind it and the space that follows; -1 when there is none. */
static int32_t number(const char **words) {
    int32_t value = -1;
    while (**words >= '0' && **words <= '9') {
        value = value < 0 ? 0 : value;
        value = value > RUNS_MAX ? value : value * 10 + (**words - '0');
        ++*words;
    }
    if (**words == ' ') {
        ++*words;
    }
    return value;
}

static int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void results(const tce_mlperf *mlperf) {
    tce_text *text = mlperf->config->text;
    int32_t count = 0;
    const int16_t *scores = mlperf->config->scores(mlperf->config->context, &count);
    tce_text_string(text, "m-results-[");
    for (int32_t i = 0; i < count; ++i) {
        uint32_t rest = (uint32_t)(scores[i] + 32768); /* of 65536 */
        tce_text_string(text, i == 0 ? "0." : ",0.");
        for (int place = 0; place < SCORE_DIGITS; ++place) {
            rest = (rest & 0xFFFFU) * 10U;
            tce_text_decimal(text, (int32_t)(rest >> 16));
        }
    }
    line(mlperf, "]");
}

static void infer(tce_mlperf *mlperf, const char *words) {
    const tce_mlperf_config *config = mlperf->config;
    const int32_t first = number(&words);
    const int32_t second = number(&words);
    const int32_t runs = first < 1 ? RUNS : first;
    const int32_t warm_ups = second < 0 ? WARM_UPS : second;
    number_line(mlperf, "m-warmup-start-", (uint32_t)warm_ups, "");
    for (int32_t i = 0; i < warm_ups; ++i) {
        config->infer(config->context);
    }
    line(mlperf, "m-warmup-done");
    number_line(mlperf, "m-infer-start-", (uint32_t)runs, "");
    timestamp(mlperf);
    for (int32_t i = 0; i < runs; ++i) {
        config->infer(config->context);
    }
    timestamp(mlperf);
    line(mlperf, "m-infer-done");
    mlperf->inferred = 1;
    results(mlperf);
}

static void load(tce_mlperf *mlperf, const char *words) {
    const int32_t bytes = number(&words);
    if (bytes < 1 || (uint32_t)bytes > mlperf->config->input_bytes) {
        number_line(mlperf, "e-[The input has ", mlperf->config->input_bytes, " bytes]");
        return;
    }
    mlperf->config->hold(mlperf->config->context);
    mlperf->expected = (uint32_t)bytes;
    mlperf->filled = 0;
    number_line(mlperf, "m-[Expecting ", mlperf->expected, " bytes]");
}

static void fill(tce_mlperf *mlperf, const char *words) {
    if (mlperf->expected == 0) {
        line(mlperf, "e-[No db load before]");
        return;
    }
    const uint32_t before = mlperf->filled;
    for (; words[0] != '\0' && words[1] != '\0'; words += 2) {
        const int high = digit(words[0]);
        const int low = digit(words[1]);
        if (high < 0 || low < 0) {
            line(mlperf, "e-[Not hexadecimal]");
            return;
        }
        if (mlperf->filled < mlperf->expected) {
            mlperf->config->input[mlperf->filled++] = (int8_t)(uint8_t)(high << 4 | low);
        }
    }
    if (before < mlperf->expected && mlperf->filled == mlperf->expected) {
        line(mlperf, "m-load-done");
    }
}

static void print(const tce_mlperf *mlperf) {
    for (uint32_t at = 0; at < mlperf->filled; at += DUMP_BYTES) {
        const uint32_t left = mlperf->filled - at;
        tce_text_string(mlperf->config->text, "m-buffer-");
        tce_text_hex(mlperf->config->text, mlperf->config->input + at,
                     (int32_t)(left < DUMP_BYTES ? left : DUMP_BYTES));
        tce_text_line(mlperf->config->text);
    }
}

static void carry_out(tce_mlperf *mlperf) {
    const char *command = mlperf->command;
    const char *rest = NULL;
    if (same(command, "name")) {
        line(mlperf, "m-name-dut-[tinyclap-edge]");
    } else if (same(command, "profile")) {
        line(mlperf, "m-profile-[ULPMark for tinyML Firmware V0.0.1]");
        line(mlperf, "m-model-[kws01]"); /* sound in int8, a score a class: of the runner's tests the nearest */
    } else if (same(command, "timestamp")) {
        timestamp(mlperf);
    } else if ((rest = behind(command, "db load ")) != NULL) {
        load(mlperf, rest);
    } else if (same(command, "db print")) {
        print(mlperf);
    } else if ((rest = behind(command, "db ")) != NULL) {
        fill(mlperf, rest);
    } else if (same(command, "infer")) {
        infer(mlperf, "");
    } else if ((rest = behind(command, "infer ")) != NULL) {
        infer(mlperf, rest);
    } else if (same(command, "results") && mlperf->inferred != 0) {
        results(mlperf);
    } else if (same(command, "results")) {
        line(mlperf, "e-[No infer before]");
    } else if (same(command, "help")) {
        line(mlperf, "name% profile% timestamp% db load N% db HEX% db print% infer N W% results% help%");
    } else {
        tce_text_string(mlperf->config->text, "e-[Unknown command: ");
        tce_text_string(mlperf->config->text, command);
        line(mlperf, "]");
    }
    line(mlperf, "m-ready");
}

void tce_mlperf_push(tce_mlperf *mlperf, const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count && mlperf->whole == 0; ++i) {
        const uint8_t byte = bytes[i];
        if (byte == '%') {
            mlperf->command[mlperf->used] = '\0';
            mlperf->whole = 1;
        } else if (byte < ' ' || byte > '~') { /* line ends are not looked at; anything else is damage: begin anew */
            mlperf->used = byte == '\n' || byte == '\r' ? mlperf->used : 0;
        } else if (mlperf->used + 1U < TCE_MLPERF_COMMAND_BYTES) {
            mlperf->command[mlperf->used++] = (char)byte;
        }
    }
}

void tce_mlperf_run(tce_mlperf *mlperf) {
    if (mlperf->whole != 0) {
        carry_out(mlperf);
        mlperf->used = 0;
        mlperf->whole = 0;
    }
}
