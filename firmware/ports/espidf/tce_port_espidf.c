/* tce_port under ESP-IDF 5: an I2S microphone by the i2s_std driver, text and link over UART0, where ESP-IDF also has
 * its console, labels in the partition "labels", the task watchdog.
 *
 * A task of higher priority than the application's, on the same core, takes the halves, and so stands for the interrupt
 * that a bare port has. Compiled and run against stand-ins of ESP-IDF in the tests, never on a chip. */
#include "tce_port_espidf.h"
#include "tce_port_link.h"

#include <stdio.h>

#include "driver/i2s_std.h"
#include "driver/uart.h"
#include "esp_attr.h"
#include "esp_cpu.h"
#include "esp_system.h"
#include "esp_task.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

/* Pins of the microphone; override them with -D in platformio.ini's build_flags. */
#ifndef TCE_PIN_BCK
#define TCE_PIN_BCK GPIO_NUM_4
#endif
#ifndef TCE_PIN_WS
#define TCE_PIN_WS GPIO_NUM_5
#endif
#ifndef TCE_PIN_SD
#define TCE_PIN_SD GPIO_NUM_6
#endif

enum {
    RATE_HZ = 16000,
    RX_BYTES = 4096,
    LOOK_MS = 10, /* how often the line is looked at while nothing else happens */
    LISTENER_STACK = 4096,
    LISTENER_PRIORITY = 10, /* the main task has 1 */
    CORE = 0                /* the main task's */
};

void app_main(void);

static TaskHandle_t application; /* whom the listener wakes */
static i2s_chan_handle_t microphone;
static RTC_NOINIT_ATTR uint16_t kept;

int tce_port_open(tce_port *port) {
    *port = (tce_port){.console = (intptr_t)stdout};
    application = xTaskGetCurrentTaskHandle();
    return uart_driver_install(UART_NUM_0, RX_BYTES, 0, 0, NULL, 0) == ESP_OK ? TCE_PORT_OK : TCE_PORT_ERR_CONSOLE;
}

/* The driver has lost samples: nobody was quick enough. */
static IRAM_ATTR bool count_overrun(i2s_chan_handle_t handle, i2s_event_data_t *event, void *context) {
    tce_port_audio *audio = context;
    (void)handle;
    (void)event;
    audio->overruns = audio->overruns + 1U;
    return false;
}

/* Halves by turns, as DMA would fill them. */
static void listen(void *context) {
    tce_port_audio *audio = context;
    const size_t bytes = audio->samples * sizeof(int16_t);
    uint32_t half = 0;
    for (;;) {
        int16_t *samples = audio->halves + half * audio->samples;
        size_t got = 0;
        while (got < bytes) {
            size_t some = 0;
            (void)i2s_channel_read(microphone, (uint8_t *)samples + got, bytes - got, &some, portMAX_DELAY);
            got += some;
        }
        audio->taken(audio->context, samples, audio->samples);
        audio->heard = audio->heard + 1U;
        half = 1U - half;
        (void)xTaskNotifyGive(application);
    }
}

int tce_port_audio_start(tce_port *port, tce_port_audio *audio) {
    const i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
    /* 16 bits are kept of the left slot's 32 */
    i2s_std_config_t format = {
        .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(RATE_HZ),
        .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg =
            {
                .mclk = I2S_GPIO_UNUSED,
                .bclk = TCE_PIN_BCK,
                .ws = TCE_PIN_WS,
                .dout = I2S_GPIO_UNUSED,
                .din = TCE_PIN_SD,
            },
    };
    const i2s_event_callbacks_t callbacks = {.on_recv_q_ovf = count_overrun};
    format.slot_cfg.slot_bit_width = I2S_SLOT_BIT_WIDTH_32BIT;
    audio->overruns = 0;
    audio->heard = 0;
    audio->ended = 0;
    port->capture = audio;
    const int ready =
        i2s_new_channel(&channel, NULL, &microphone) == ESP_OK &&
        i2s_channel_init_std_mode(microphone, &format) == ESP_OK &&
        i2s_channel_register_event_callback(microphone, &callbacks, audio) == ESP_OK &&
        i2s_channel_enable(microphone) == ESP_OK &&
        xTaskCreatePinnedToCore(listen, "tce_listen", LISTENER_STACK, audio, LISTENER_PRIORITY, NULL, CORE) == pdPASS;
    return ready ? TCE_PORT_OK : TCE_PORT_ERR_AUDIO;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    (void)port;
    (void)pcm;
    (void)count;
    return 0; /* sound comes by itself */
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)port;
    (void)uart_write_bytes(UART_NUM_0, text, length);
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    (void)name; /* nobody gives a board a command line */
    return otherwise;
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    *link = (tce_port_link){0};
    tce_port_espidf_labels(flash);
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    tce_port_audio *audio = port->capture;
    const int64_t begun = esp_timer_get_time();
    (void)link;
    for (;;) {
        size_t waiting = 0;
        (void)uart_get_buffered_data_len(UART_NUM_0, &waiting);
        int events = waiting != 0U ? TCE_PORT_BYTES : 0;
        if (sound != 0 && audio != NULL && audio->heard != 0U) {
            audio->heard = 0;
            events |= TCE_PORT_SOUND;
        }
        if (events == 0 && esp_timer_get_time() - begun >= (int64_t)TCE_PORT_TICK_MS * 1000) {
            events = TCE_PORT_TICK;
        }
        if (events != 0) {
            return events;
        }
        (void)ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(LOOK_MS));
    }
}

uint32_t tce_port_link_microseconds(void) {
    return (uint32_t)esp_timer_get_time();
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    const int count = uart_read_bytes(UART_NUM_0, bytes, (uint32_t)capacity, 0);
    return count < 0 ? 0 : count;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    (void)uart_write_bytes(UART_NUM_0, bytes, count);
}

uint32_t tce_port_stack_bytes(void) {
    return (uint32_t)ESP_TASK_MAIN_STACK - (uint32_t)uxTaskGetStackHighWaterMark(NULL); /* ESP-IDF counts bytes */
}

uint32_t tce_port_cycles(void) {
    return (uint32_t)esp_cpu_get_cycle_count();
}

tce_port_reset tce_port_reset_cause(void) {
    switch (esp_reset_reason()) {
    case ESP_RST_EXT:
        return TCE_PORT_RESET_PIN;
    case ESP_RST_SW:
        return TCE_PORT_RESET_SOFTWARE;
    case ESP_RST_PANIC: /* the task watchdog ends in one */
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
        return TCE_PORT_RESET_WATCHDOG;
    default:
        return TCE_PORT_RESET_POWER;
    }
}

uint16_t tce_port_kept(void) {
    return kept;
}

void tce_port_keep(uint16_t value) {
    kept = value;
}

void tce_port_watchdog_start(uint32_t milliseconds) {
    const esp_task_wdt_config_t config = {.timeout_ms = milliseconds, .idle_core_mask = 0, .trigger_panic = true};
    if (esp_task_wdt_init(&config) == ESP_OK) {
        (void)esp_task_wdt_add(NULL);
    }
}

void tce_port_watchdog_feed(void) {
    (void)esp_task_wdt_reset();
}

_Noreturn void tce_port_exit(int32_t code) {
    (void)code; /* the application has said why */
    for (;;) {
        vTaskSuspend(NULL);
    }
}

void app_main(void) {
    tce_port_exit(tce_app_main());
}
