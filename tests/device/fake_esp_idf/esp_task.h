/* Stand-in for ESP-IDF 5: the main task's stack. */
#ifndef ESP_TASK_H
#define ESP_TASK_H

#define ESP_TASK_MAIN_STACK (8192 + 512)

#endif
