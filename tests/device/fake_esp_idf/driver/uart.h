/* Stand-in for ESP-IDF 5: the declarations that the port uses, with their types. */
#ifndef DRIVER_UART_H
#define DRIVER_UART_H

#include <stdint.h>

#include "freertos/FreeRTOS.h"

typedef int esp_err_t;
typedef enum { UART_NUM_0, UART_NUM_1 } uart_port_t;

#define ESP_OK 0

esp_err_t uart_driver_install(uart_port_t uart_num, int rx_buffer_size, int tx_buffer_size, int queue_size,
                              void *uart_queue, int intr_alloc_flags);
int uart_read_bytes(uart_port_t uart_num, void *buf, uint32_t length, TickType_t ticks_to_wait);

#endif
