/* tce_port under ESP-IDF: text to standard output, PCM from UART0, where ESP-IDF also has its console.
 *
 * A UART is slower than sound and the encoder keeps the core busy, so the host sends samples only when asked:
 *
 *   R <samples>     a line of text; the host answers with that many int16, little-endian, or with fewer at the end
 *
 * The other lines are the application's. The samples take the line that a link would need, so there is none: labels are
 * those of the image. Compiled and run against stand-ins of ESP-IDF in the tests, never on a chip.
 */
#include "tce_port.h"
#include "tce_port_link.h"

#include <stdio.h>

#include "driver/uart.h"
#include "esp_task.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

enum {
    RX_BYTES = 4096,       /* more than one request, so that none of its bytes is lost */
    SILENCE_MS = 10 * 1000 /* a host that sends nothing for so long has no more sound */
};

void app_main(void);

int tce_port_open(tce_port *port) {
    port->console = (intptr_t)stdout;
    port->audio = UART_NUM_0;
    return uart_driver_install(UART_NUM_0, RX_BYTES, 0, 0, NULL, 0) == ESP_OK ? TCE_PORT_OK : TCE_PORT_ERR_AUDIO;
}

int32_t tce_port_read_pcm(const tce_port *port, int16_t *pcm, int32_t count) {
    const uint32_t wanted =
        (uint32_t)count * (uint32_t)sizeof(int16_t); /* Xtensa is little-endian, as the samples are */
    (void)printf("R %ld\n", (long)count);
    (void)fflush(stdout);
    const int got = uart_read_bytes((uart_port_t)port->audio, pcm, wanted, pdMS_TO_TICKS(SILENCE_MS));
    return got < 0 ? 0 : (int32_t)got / (int32_t)sizeof(int16_t);
}

void tce_port_write(const tce_port *port, const char *text, uint32_t length) {
    (void)fwrite(text, 1, length, (FILE *)port->console);
    (void)fflush((FILE *)port->console);
}

int32_t tce_port_setting(const char *name, int32_t otherwise) {
    (void)name; /* nobody gives a board a command line */
    return otherwise;
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    *link = (tce_port_link){-1, -1, -1};
    *flash = (tce_flash){0};
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    (void)link;
    (void)port;
    return sound != 0 ? TCE_PORT_SOUND : 0;
}

uint32_t tce_port_link_microseconds(void) {
    return 0; /* nobody can ask without a link */
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    (void)link;
    (void)bytes;
    (void)capacity;
    return 0;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)port;
    (void)bytes;
    (void)count;
}

uint32_t tce_port_stack_bytes(void) {
    return (uint32_t)ESP_TASK_MAIN_STACK - (uint32_t)uxTaskGetStackHighWaterMark(NULL); /* ESP-IDF counts bytes */
}

_Noreturn void tce_port_exit(int32_t code) {
    (void)code; /* the application has written END or ERROR */
    for (;;) {
        vTaskSuspend(NULL);
    }
}

void app_main(void) {
    tce_port_exit(tce_app_main());
}
