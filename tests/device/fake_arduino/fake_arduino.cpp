// Arduino on a PC: the microphone is standard input, the serial line is standard output. Time passes by delay(); the
// program ends a second after the sound.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "Arduino.h"
#include "I2S.h"
#include "PDM.h"

HardwareSerial Serial;
PDMClass PDM;
I2SClass I2S;

static const int16_t *sound;
static size_t samples, given, ready; // of the recording; handed out; that the driver holds
static unsigned long now_ms;
static void (*on_receive)(void);

void HardwareSerial::begin(unsigned long baud) {
    if (baud != 115200) {
        exit(1);
    }
}
int HardwareSerial::available() {
    return 0;
}
int HardwareSerial::read() {
    return -1;
}
size_t HardwareSerial::write(const uint8_t *buffer, size_t size) {
    return fwrite(buffer, 1, size, stdout);
}

unsigned long millis() {
    return now_ms;
}
unsigned long micros() {
    return 1000UL * now_ms;
}
void delay(unsigned long ms) {
    static unsigned long silent_ms;
    now_ms += ms;
    ready += 16 * ms;
    if (ready > samples - given) {
        ready = samples - given;
    }
    if (on_receive != nullptr && ready != 0) {
        on_receive();
    }
    silent_ms = given + 64 > samples ? silent_ms + ms : 0;
    if (silent_ms > 1000) {
        fflush(stdout);
        exit(0);
    }
}

static int take(int16_t *to, size_t count) {
    count = count < ready ? count : ready;
    memcpy(to, sound + given, count * sizeof *to);
    given += count;
    ready -= count;
    return static_cast<int>(count);
}

int PDMClass::begin(int channels, int sampleRate) {
    return channels == 1 && sampleRate == 16000 && on_receive != nullptr;
}
int PDMClass::available() {
    return static_cast<int>(ready * sizeof(int16_t));
}
int PDMClass::read(void *buffer, size_t size) {
    return 2 * take(static_cast<int16_t *>(buffer), size / 2);
}
void PDMClass::onReceive(void (*function)(void)) {
    on_receive = function;
}

int I2SClass::begin(int mode, int sampleRate, int bitsPerSample) {
    return mode == I2S_PHILIPS_MODE && sampleRate == 16000 && bitsPerSample == 32;
}
int I2SClass::available() {
    return static_cast<int>(ready * 8);
}
int I2SClass::read(void *buffer, size_t size) {
    int32_t *words = static_cast<int32_t *>(buffer);
    size_t count = 0;
    int16_t sample = 0;
    for (; count < size / 8 && take(&sample, 1) == 1; ++count) {
        words[2 * count] = static_cast<int32_t>(static_cast<uint32_t>(sample) << 16) | 0x5A00; // 24 bits of a slot
        words[2 * count + 1] = 0;
    }
    return static_cast<int>(8 * count);
}

int main() {
    static int16_t buffer[1 << 20];
    samples = fread(buffer, sizeof buffer[0], 1 << 20, stdin);
    sound = buffer;
    setup();
    for (;;) {
        loop();
    }
}
