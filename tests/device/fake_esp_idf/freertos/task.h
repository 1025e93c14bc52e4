/* Stand-in for ESP-IDF 5: tasks. */
#ifndef FREERTOS_TASK_H
#define FREERTOS_TASK_H

#include "freertos/FreeRTOS.h"

typedef void *TaskHandle_t;
typedef void (*TaskFunction_t)(void *);

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
void vTaskSuspend(TaskHandle_t task);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
BaseType_t xTaskCreatePinnedToCore(TaskFunction_t code, const char *name, uint32_t stack_depth, void *parameters,
                                   UBaseType_t priority, TaskHandle_t *created_task, BaseType_t core_id);
BaseType_t xTaskNotifyGive(TaskHandle_t task);
uint32_t ulTaskNotifyTake(BaseType_t clear_count_on_exit, TickType_t ticks_to_wait);

#endif
