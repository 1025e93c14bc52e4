/* Stand-in for ESP-IDF 5: places of code and data. */
#ifndef ESP_ATTR_H
#define ESP_ATTR_H

#define IRAM_ATTR
#define RTC_NOINIT_ATTR

#endif
