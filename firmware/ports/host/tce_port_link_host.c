/* tce_port_link on a PC, with the argument "link=1": requests come by standard input, answers go to standard output
 * beside the text, and the file "labels.flash" of the working directory is the flash. */
#define _POSIX_C_SOURCE 200809L

#include "tce_port_link.h"
#include "tce_port_pull.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR_BYTES = 4096, SLOT_SECTORS = 70, PROGRAM_BYTES = 256, FLASH_BYTES = 2 * SECTOR_BYTES * SLOT_SECTORS };

static int program(void *context, uint32_t offset, const uint8_t *bytes, uint32_t count) {
    uint8_t *memory = (uint8_t *)((const tce_port_link *)context)->flash;
    for (uint32_t i = 0; i < count; ++i) {
        memory[offset + i] &= bytes[i]; /* as flash does: bits only fall */
    }
    return 0;
}

static int erase(void *context, uint32_t offset) {
    uint8_t *memory = (uint8_t *)((const tce_port_link *)context)->flash;
    memset(memory + offset, 0xFF, SECTOR_BYTES);
    return 0;
}

/* The file in memory, blank where it is new; NULL when it cannot be had. */
static uint8_t *open_flash(void) {
    const int file = open("labels.flash", O_RDWR | O_CREAT, 0600);
    struct stat known;
    if (file < 0 || fstat(file, &known) != 0 || ftruncate(file, FLASH_BYTES) != 0) {
        return NULL;
    }
    uint8_t *memory = mmap(NULL, FLASH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    (void)close(file);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (known.st_size < FLASH_BYTES) {
        memset(memory + known.st_size, 0xFF, (size_t)(FLASH_BYTES - known.st_size));
    }
    return memory;
}

void tce_port_link_open(tce_port_link *link, tce_flash *flash) {
    const int wanted = tce_port_setting("link", 0) != 0;
    uint8_t *memory = wanted ? open_flash() : NULL;
    link->bytes = wanted ? STDIN_FILENO : -1;
    link->events = -1;
    link->flash = (intptr_t)memory;
    *flash = (tce_flash){
        .context = link,
        .memory = memory,
        .sector_bytes = SECTOR_BYTES,
        .slot_sectors = memory == NULL ? 0 : SLOT_SECTORS,
        .program_bytes = PROGRAM_BYTES,
        .erase = erase,
        .program = program,
    };
}

int tce_port_link_wait(const tce_port_link *link, const tce_port *port, int sound) {
    if (link->bytes < 0) {
        return sound != 0 && tce_port_pull(port) != 0 ? TCE_PORT_SOUND : 0;
    }
    (void)fflush((FILE *)port->console);
    struct pollfd files[2] = {{.fd = (int)link->bytes, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (sound != 0) {
        files[1].fd = fileno((FILE *)port->audio);
    }
    if (poll(files, 2, TCE_PORT_TICK_MS) < 0) {
        return 0;
    }
    const int bytes = files[0].revents != 0 ? TCE_PORT_BYTES : 0;
    const int heard = files[1].revents != 0 && tce_port_pull(port) != 0 ? TCE_PORT_SOUND : 0;
    return (bytes | heard) != 0 ? bytes | heard : TCE_PORT_TICK;
}

uint32_t tce_port_link_microseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U);
}

int32_t tce_port_link_read(tce_port_link *link, uint8_t *bytes, int32_t capacity) {
    if (link->bytes < 0) {
        return 0;
    }
    struct pollfd file = {.fd = (int)link->bytes, .events = POLLIN};
    if (poll(&file, 1, 0) <= 0) {
        return 0;
    }
    const ssize_t count = read((int)link->bytes, bytes, (size_t)capacity);
    if (count <= 0) { /* the host has closed its end */
        link->bytes = -1;
        return 0;
    }
    return (int32_t)count;
}

void tce_port_link_write(const tce_port_link *link, const tce_port *port, const uint8_t *bytes, uint32_t count) {
    (void)link;
    (void)fwrite(bytes, 1, count, (FILE *)port->console);
    (void)fflush((FILE *)port->console);
}
