/* ESP-IDF on a PC: UART0 receives standard input, the main task ends the program when it is suspended. */
#include <stdio.h>
#include <stdlib.h>

#include "driver/uart.h"
#include "freertos/task.h"

void app_main(void);

esp_err_t uart_driver_install(uart_port_t uart_num, int rx_buffer_size, int tx_buffer_size, int queue_size,
                              void *uart_queue, int intr_alloc_flags) {
    const int good = uart_num == UART_NUM_0 && rx_buffer_size > 128 && tx_buffer_size == 0 && queue_size == 0 &&
                     uart_queue == NULL && intr_alloc_flags == 0;
    return good ? ESP_OK : -1;
}

int uart_read_bytes(uart_port_t uart_num, void *buf, uint32_t length, TickType_t ticks_to_wait) {
    return uart_num == UART_NUM_0 && ticks_to_wait != 0 ? (int)fread(buf, 1, length, stdin) : -1;
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
