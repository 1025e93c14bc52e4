/* Stand-in for ESP-IDF 5: ticks of 10 ms. */
#ifndef FREERTOS_H
#define FREERTOS_H

#include <stdint.h>

typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef unsigned int UBaseType_t;

#define pdTRUE            1
#define pdPASS            1
#define portMAX_DELAY     0xFFFFFFFFU
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms) / 10U)

#endif
