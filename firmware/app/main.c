/* The application with this project's configuration. The start-up code of the port calls tce_app_main. */
#include "tce_app.h"
#include "tce_config.h"

extern const uint8_t tce_label_pack[];
extern const uint32_t tce_label_pack_size;

static tce_app app;
/* In a section of its own: the linker script places it in the region that was chosen for it. */
static uint8_t arena[TCE_APP_ARENA_BYTES] __attribute__((section(".bss.tce_arena"), aligned(16)));

int tce_app_main(void) {
    const tce_app_config config = {
        .version = TCE_VERSION,
        .board = TCE_BOARD,
        .encoder_id = TCE_ENCODER_ID,
        .frontend_id = TCE_FRONTEND_ID,
        .hop_frames = tce_port_setting("hop", TCE_HOP_FRAMES),
        .input_multiplier = TCE_INPUT_MULTIPLIER,
        .input_shift = TCE_INPUT_SHIFT,
        .input_zero_point = TCE_INPUT_ZERO_POINT,
        .label_pack = tce_label_pack,
        .label_pack_bytes = tce_label_pack_size,
    };
    if (tce_app_open(&app, &config, arena) != TCE_APP_OK) {
        return 1;
    }
    int going = 1;
    while (going > 0) {
        going = tce_app_step(&app);
    }
    if (going < 0) {
        return 1;
    }
    tce_app_close(&app);
    return 0;
}
