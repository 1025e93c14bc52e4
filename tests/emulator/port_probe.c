/* An application that shows what a bare port does: what it says is asked for over the line, one byte a question.
 *
 *   r   why the core started, and what was kept       c   whether cycles are counted
 *   s   halves, overruns, sum of the newest half      f   a sector erased, a page programmed, read back
 *   w   the watchdog is started, and not fed           k   keeps 0x5AA5
 *   h   the microphone is started                      p   FNV-1a over all samples that were taken
 *   e   ends; any other byte comes back */
#include "tce_port.h"
#include "tce_port_link.h"

enum { SAMPLES = 160 };

static int16_t halves[2 * SAMPLES] __attribute__((section(".bss.tce_dma"), aligned(32)));
static tce_port_audio audio;
static tce_port port;
static tce_port_link line;
static tce_flash flash;
static volatile uint32_t taken_halves;
static volatile int32_t newest_sum;
static volatile uint32_t hash = 2166136261U;
static const uint8_t expected[4] = {'t', 'i', 'n', 'y'};

static void say(const char *text) {
    uint32_t length = 0;
    while (text[length] != '\0') {
        ++length;
    }
    tce_port_write(&port, text, length);
}

static void say_number(const char *name, int32_t number) {
    char digits[12];
    int at = (int)sizeof digits;
    uint32_t rest = number < 0 ? 0U - (uint32_t)number : (uint32_t)number;
    say(name);
    do {
        digits[--at] = (char)('0' + (int)(rest % 10U));
        rest /= 10U;
    } while (rest != 0U);
    if (number < 0) {
        digits[--at] = '-';
    }
    tce_port_write(&port, digits + at, (uint32_t)((int)sizeof digits - at));
}

static void take(void *context, const int16_t *half, uint32_t count) {
    int32_t sum = 0;
    (void)context;
    for (uint32_t i = 0; i < count; ++i) {
        sum += half[i];
        hash = (hash ^ (uint16_t)half[i]) * 16777619U;
    }
    newest_sum = sum;
    taken_halves = taken_halves + 1U;
}

static void change_flash(void) {
    uint8_t page[TCE_FLASH_PROGRAM_MAX];
    int same = flash.slot_sectors != 0U && flash.erase(flash.context, 0) == 0 && flash.memory[0] == 0xFFU;
    for (uint32_t i = 0; i < sizeof page; ++i) {
        page[i] = expected[i % 4U];
    }
    same = same && flash.program(flash.context, flash.program_bytes, page, sizeof page) == 0;
    for (uint32_t i = 0; i < sizeof page; ++i) {
        same = same && flash.memory[flash.program_bytes + i] == page[i];
    }
    say_number("flash=", same);
    say_number(" sectors=", (int32_t)flash.slot_sectors);
}

static void answer(uint8_t question) {
    switch (question) {
    case 'r':
        say_number("reset=", (int32_t)tce_port_reset_cause());
        say_number(" kept=", tce_port_kept());
        break;
    case 'k':
        tce_port_keep(0x5AA5);
        say("keeps");
        break;
    case 'c':
        say_number("cycles=", tce_port_cycles() != 0U);
        break;
    case 'h':
        audio = (tce_port_audio){.halves = halves, .samples = SAMPLES, .taken = take};
        say_number("audio=", tce_port_audio_start(&port, &audio));
        break;
    case 's':
        say_number("halves=", (int32_t)taken_halves);
        say_number(" overruns=", (int32_t)audio.overruns);
        say_number(" sum=", newest_sum);
        break;
    case 'p':
        say_number("hash=", (int32_t)hash);
        break;
    case 'f':
        change_flash();
        break;
    case 'w':
        tce_port_watchdog_start(500);
        for (int i = 0; i < 20; ++i) {
            tce_port_watchdog_feed();
        }
        say("watched");
        break;
    default:
        tce_port_link_write(&line, &port, &question, 1);
        break;
    }
    say("\n");
}

int tce_app_main(void) {
    uint8_t bytes[64];
    uint32_t ticks = 0, sounds = 0;
    if (tce_port_open(&port) != TCE_PORT_OK) {
        return 1;
    }
    tce_port_link_open(&line, &flash);
    say("PROBE\n");
    for (;;) {
        const int events = tce_port_link_wait(&line, &port, 1);
        ticks += (events & TCE_PORT_TICK) != 0;
        sounds += (events & TCE_PORT_SOUND) != 0;
        const int32_t count = tce_port_link_read(&line, bytes, (int32_t)sizeof bytes);
        for (int32_t i = 0; i < count; ++i) {
            if (bytes[i] == 'e') {
                say_number("stack=", (int32_t)tce_port_stack_bytes());
                say_number(" ticks=", (int32_t)ticks);
                say_number(" sounds=", (int32_t)sounds);
                say("\n");
                return 0;
            }
            answer(bytes[i]);
        }
    }
}
