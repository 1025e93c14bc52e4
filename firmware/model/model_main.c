/* The runner of a bare model: rows of input from the host's file "inputs.bin", rows of output as text, by semihosting.
 *
 * The file holds whole samples one after the other, each the bytes of every graph input in order. Text it writes:
 *
 *   MODEL <board> <id>
 *   Y <index> <all outputs in order, two hex digits a byte>      one line a sample
 *   END samples=<n> stack=<bytes>
 *   ERROR <what> <code>                                          instead of the rest
 *
 * It keeps no static data beside the arena, so that the image's static RAM is the model's. A model that takes its input
 * row by row gets it so, by way of one row behind its arena: the whole input is never in memory. */
#include "tce_model_io.h"
#include "tce_port.h"
#include "tce_semihost.h"
#include "tce_text.h"

static const char inputs_name[] = "inputs.bin";
static const char console_name[] = ":tt";

/* In a section of its own: the linker script places it in the region that was chosen for it. */
static uint8_t arena[TCE_RUNNER_STATIC_BYTES] __attribute__((section(".bss.tce_arena"), aligned(16)));

static intptr_t tce_runner_open(const char *name, uintptr_t mode, uintptr_t length) {
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return tce_semihost_call(TCE_SYS_OPEN, arguments);
}

/* `count` bytes of the file; the bytes that came. */
static uint32_t tce_runner_read(intptr_t file, int8_t *to, uint32_t count) {
    uint32_t done = 0;
    while (done < count) {
        const uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)to + done, count - done};
        const uint32_t missing = (uint32_t)tce_semihost_call(TCE_SYS_READ, arguments);
        if (missing >= count - done) { /* the end of the file, or an error reported as "all missing" */
            break;
        }
        done = count - missing;
    }
    return done;
}

static int tce_runner_fail(tce_text *text, const char *what, int32_t code) {
    tce_text_string(text, "ERROR ");
    tce_text_string(text, what);
    tce_text_string(text, " ");
    tce_text_decimal(text, code);
    tce_text_line(text);
    return 1;
}

/* One sample: 1 when it ran, 0 at the end of the file, -1 for a sample cut short. */
#if TCE_RUNNER_PUSHED
static int tce_runner_sample(intptr_t file) {
    int8_t *row = (int8_t *)arena + TCE_RUNNER_ROW_AT; /* [TCE_MODEL_INPUT_ROW_BYTES] */
    for (int32_t y = 0; y < TCE_MODEL_INPUT_ROWS; ++y) {
        const uint32_t got = tce_runner_read(file, row, TCE_MODEL_INPUT_ROW_BYTES);
        if (got < (uint32_t)TCE_MODEL_INPUT_ROW_BYTES) {
            return y == 0 && got == 0U ? 0 : -1;
        }
        if (y == 0) {
            tce_model_start(arena);
        }
        tce_model_push(arena, row);
    }
    return 1;
}
#else
static int tce_runner_sample(intptr_t file) {
    for (int32_t i = 0; i < TCE_RUNNER_INPUTS; ++i) {
        const uint32_t wanted = tce_runner_input_bytes[i];
        const uint32_t got = tce_runner_read(file, tce_runner_input(arena, i), wanted);
        if (got < wanted) {
            return i == 0 && got == 0U ? 0 : -1;
        }
    }
    tce_model_run(arena);
    return 1;
}
#endif

int tce_app_main(void) {
    tce_port port = {.console = tce_runner_open(console_name, TCE_OPEN_WRITE, sizeof console_name - 1U), .audio = -1};
    if (port.console < 0) {
        return 1;
    }
    tce_text text;
    tce_text_init(&text, &port);
    const intptr_t file = tce_runner_open(inputs_name, TCE_OPEN_READ_BINARY, sizeof inputs_name - 1U);
    if (file < 0) {
        return tce_runner_fail(&text, "inputs", (int32_t)file);
    }
    tce_text_string(&text, "MODEL " TCE_RUNNER_BOARD " " TCE_RUNNER_ID);
    tce_text_line(&text);
    int32_t samples = 0;
    for (;; ++samples) {
        const int ran = tce_runner_sample(file);
        if (ran == 0) {
            break;
        }
        if (ran < 0) {
            return tce_runner_fail(&text, "sample", samples);
        }
        tce_text_string(&text, "Y ");
        tce_text_decimal(&text, samples);
        tce_text_string(&text, " ");
        for (int32_t i = 0; i < TCE_RUNNER_OUTPUTS; ++i) {
            tce_text_hex(&text, tce_runner_output(arena, i), (int32_t)tce_runner_output_bytes[i]);
        }
        tce_text_line(&text);
    }
    tce_text_string(&text, "END samples=");
    tce_text_decimal(&text, samples);
    tce_text_string(&text, " stack=");
    tce_text_decimal(&text, (int32_t)tce_port_stack_bytes());
    tce_text_line(&text);
    return 0;
}
