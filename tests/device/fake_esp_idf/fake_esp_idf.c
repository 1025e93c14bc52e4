/* ESP-IDF on a PC: the microphone is standard input, the serial line receives the file "uart.bin" and sends to standard
 * output, the partition "labels" is the file "labels.bin". The listening task runs when the application waits; the
 * program ends when the application waits and neither sound nor bytes can come any more. */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "driver/i2s_std.h"
#include "driver/uart.h"
#include "esp_cpu.h"
#include "esp_partition.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/task.h"

enum { STACK_BYTES = 1 << 20, LABELS_BYTES = 128 * 1024 };

void app_main(void);

static ucontext_t main_context, task_context;
static TaskFunction_t task_code;
static void *task_parameters;
static int sound_ended, notified;
static FILE *line;
static uint8_t flash[LABELS_BYTES];
static const esp_partition_t labels = {0x3E0000, LABELS_BYTES};
static int64_t now_us;
static uint32_t watched_ms, fed;

static void require(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "stand-in of ESP-IDF: %s\n", what);
        exit(1);
    }
}

esp_err_t uart_driver_install(uart_port_t uart_num, int rx_buffer_size, int tx_buffer_size, int queue_size,
                              void *uart_queue, int intr_alloc_flags) {
    line = fopen("uart.bin", "rb");
    const int good = uart_num == UART_NUM_0 && rx_buffer_size > 128 && tx_buffer_size == 0 && queue_size == 0 &&
                     uart_queue == NULL && intr_alloc_flags == 0;
    return good ? ESP_OK : ESP_FAIL;
}

esp_err_t uart_get_buffered_data_len(uart_port_t uart_num, size_t *size) {
    const int next = line == NULL ? EOF : fgetc(line);
    *size = next == EOF ? 0 : 1;
    if (next != EOF) {
        ungetc(next, line);
    }
    return uart_num == UART_NUM_0 ? ESP_OK : ESP_FAIL;
}

int uart_read_bytes(uart_port_t uart_num, void *buf, uint32_t length, TickType_t ticks_to_wait) {
    require(uart_num == UART_NUM_0 && ticks_to_wait == 0, "a read that waits");
    return line == NULL ? 0 : (int)fread(buf, 1, length, line);
}

int uart_write_bytes(uart_port_t uart_num, const void *src, size_t size) {
    require(uart_num == UART_NUM_0, "another UART");
    return (int)fwrite(src, 1, size, stdout);
}

esp_err_t i2s_new_channel(const i2s_chan_config_t *chan_cfg, i2s_chan_handle_t *ret_tx_handle,
                          i2s_chan_handle_t *ret_rx_handle) {
    *ret_rx_handle = (i2s_chan_handle_t)(void *)&sound_ended;
    return chan_cfg->role == I2S_ROLE_MASTER && ret_tx_handle == NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t handle, const i2s_std_config_t *std_cfg) {
    const int good = handle != NULL && std_cfg->clk_cfg.sample_rate_hz == 16000 &&
                     std_cfg->slot_cfg.data_bit_width == I2S_DATA_BIT_WIDTH_16BIT &&
                     std_cfg->slot_cfg.slot_bit_width == I2S_SLOT_BIT_WIDTH_32BIT &&
                     std_cfg->slot_cfg.slot_mode == I2S_SLOT_MODE_MONO && std_cfg->gpio_cfg.din != I2S_GPIO_UNUSED;
    return good ? ESP_OK : ESP_FAIL;
}

esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t handle, const i2s_event_callbacks_t *callbacks,
                                              void *user_data) {
    return handle != NULL && callbacks->on_recv_q_ovf != NULL && user_data != NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t i2s_channel_enable(i2s_chan_handle_t handle) {
    return handle != NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t i2s_channel_read(i2s_chan_handle_t handle, void *dest, size_t size, size_t *bytes_read, uint32_t timeout_ms) {
    require(handle != NULL && timeout_ms == portMAX_DELAY, "a read of sound that gives up");
    swapcontext(&task_context, &main_context);   /* until the application waits */
    const size_t some = size < 200 ? size : 200; /* the driver gives less than was asked for, too */
    *bytes_read = fread(dest, 1, some, stdin);
    sound_ended = *bytes_read < some;
    return sound_ended ? ESP_FAIL : ESP_OK;
}

static void run_task(void) {
    task_code(task_parameters);
}

BaseType_t xTaskCreatePinnedToCore(TaskFunction_t code, const char *name, uint32_t stack_depth, void *parameters,
                                   UBaseType_t priority, TaskHandle_t *created_task, BaseType_t core_id) {
    static uint8_t stack[STACK_BYTES];
    require(name[0] != '\0' && stack_depth >= 2048 && priority > 1 && created_task == NULL && core_id == 0, "the task");
    task_code = code;
    task_parameters = parameters;
    require(getcontext(&task_context) == 0, "no context");
    task_context.uc_stack.ss_sp = stack;
    task_context.uc_stack.ss_size = sizeof stack;
    task_context.uc_link = NULL;
    makecontext(&task_context, run_task, 0);
    swapcontext(&main_context, &task_context); /* until it waits for sound */
    return pdPASS;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
    return &main_context;
}

BaseType_t xTaskNotifyGive(TaskHandle_t task) {
    require(task == &main_context, "another task is woken");
    notified = 1;
    return pdPASS;
}

uint32_t ulTaskNotifyTake(BaseType_t clear_count_on_exit, TickType_t ticks_to_wait) {
    require(clear_count_on_exit == pdTRUE && ticks_to_wait > 0, "a wait that does not sleep");
    if (task_code != NULL && !sound_ended) {
        swapcontext(&main_context, &task_context);
    } else if (now_us > 1000000) { /* nothing comes any more */
        printf("FAKE watched=%u fed=%u\n", (unsigned)watched_ms, (unsigned)(fed > 0));
        fflush(stdout);
        FILE *file = fopen("labels.bin", "wb");
        require(file != NULL && fwrite(flash, 1, sizeof flash, file) == sizeof flash && fclose(file) == 0,
                "labels.bin");
        exit(0);
    }
    now_us += 10000;
    const uint32_t was = (uint32_t)notified;
    notified = 0;
    return was;
}

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                                const char *label) {
    FILE *file = fopen("labels.bin", "rb");
    memset(flash, 0xFF, sizeof flash);
    if (file != NULL) {
        require(fread(flash, 1, sizeof flash, file) == sizeof flash, "labels.bin");
        fclose(file);
    }
    return type == ESP_PARTITION_TYPE_DATA && (int)subtype == 0x40 && strcmp(label, "labels") == 0 ? &labels : NULL;
}

esp_err_t esp_partition_mmap(const esp_partition_t *partition, size_t offset, size_t size,
                             esp_partition_mmap_memory_t memory, const void **out_ptr,
                             esp_partition_mmap_handle_t *out_handle) {
    *out_ptr = flash;
    *out_handle = 1;
    return partition == &labels && offset == 0 && size == sizeof flash && memory == ESP_PARTITION_MMAP_DATA ? ESP_OK
                                                                                                            : ESP_FAIL;
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size) {
    require(partition == &labels && offset % 4096 == 0 && size == 4096 && offset < sizeof flash, "an erase");
    memset(flash + offset, 0xFF, size);
    return ESP_OK;
}

esp_err_t esp_partition_write(const esp_partition_t *partition, size_t dst_offset, const void *src, size_t size) {
    require(partition == &labels && dst_offset + size <= sizeof flash, "a write");
    for (size_t i = 0; i < size; ++i) {
        flash[dst_offset + i] &= ((const uint8_t *)src)[i];
    }
    return ESP_OK;
}

esp_cpu_cycle_count_t esp_cpu_get_cycle_count(void) {
    return (uint32_t)now_us * 160U;
}

esp_reset_reason_t esp_reset_reason(void) {
    return ESP_RST_POWERON;
}

int64_t esp_timer_get_time(void) {
    return now_us;
}

esp_err_t esp_task_wdt_init(const esp_task_wdt_config_t *config) {
    watched_ms = config->timeout_ms;
    return config->trigger_panic && config->idle_core_mask == 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_task_wdt_add(TaskHandle_t task_handle) {
    return task_handle == NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_task_wdt_reset(void) {
    fed++;
    return ESP_OK;
}

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task) {
    return task == NULL ? 8704 - 1000 : 0;
}

void vTaskSuspend(TaskHandle_t task) {
    exit(task == NULL ? 0 : 1);
}

int main(void) {
    app_main();
    return 1;
}
