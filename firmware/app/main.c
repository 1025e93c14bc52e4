/* The application with this project's configuration. The start-up code of the port calls tce_app_main. */
#include "tce_app.h"
#include "tce_config.h"

_Static_assert((TCE_RING_SAMPLES & (TCE_RING_SAMPLES - 1)) == 0, "the ring is no power of two");
_Static_assert(TCE_RING_SAMPLES >= TCE_LOGMEL_WINDOW + TCE_LOGMEL_HOP, "the ring holds no frame");

extern const uint8_t tce_label_pack[];
extern const uint32_t tce_label_pack_size;

static tce_app app;
static int16_t ring[TCE_RING_SAMPLES];
/* In sections of their own: the linker script places each in the region that was chosen for it. */
static int16_t halves[2 * TCE_LOGMEL_HOP] __attribute__((section(".bss.tce_dma"), aligned(32)));
static uint8_t arena[TCE_APP_ARENA_BYTES] __attribute__((section(".bss.tce_arena"), aligned(16)));

int tce_app_main(void) {
    const int32_t hop_frames = tce_port_setting("hop", TCE_HOP_FRAMES);
    const tce_app_config config = {
        .version = TCE_VERSION,
        .board = TCE_BOARD,
        .encoder_id = TCE_ENCODER_ID,
        .frontend_id = TCE_FRONTEND_ID,
        .hop_frames = hop_frames,
        .input_multiplier = TCE_INPUT_MULTIPLIER,
        .input_shift = TCE_INPUT_SHIFT,
        .input_zero_point = TCE_INPUT_ZERO_POINT,
        .label_pack = tce_label_pack,
        .label_pack_bytes = tce_label_pack_size,
        .events = {TCE_EVENT_SMOOTHING, TCE_EVENT_REFRACTORY, TCE_EVENT_HYSTERESIS},
        /* windows that a host sets apart are an examination of the encoder: no gate stands before it */
        .gate = tce_port_setting("gate", hop_frames <= TCE_APP_ROWS),
        .watchdog_ms = (uint32_t)tce_port_setting("watchdog", TCE_WATCHDOG_MS),
        .arena = arena,
        .ring = ring,
        .halves = halves,
        .ring_samples = TCE_RING_SAMPLES,
        .static_ring_bytes = sizeof ring + sizeof halves,
    };
    if (tce_app_open(&app, &config) != TCE_APP_OK) {
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
