/* Stand-in for ESP-IDF 5: tasks. */
#ifndef FREERTOS_TASK_H
#define FREERTOS_TASK_H

#include "freertos/FreeRTOS.h"

typedef void *TaskHandle_t;

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
void vTaskSuspend(TaskHandle_t task);

#endif
