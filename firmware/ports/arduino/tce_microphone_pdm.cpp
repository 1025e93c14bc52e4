// The PDM library of Arduino's boards with a microphone of their own (Nano 33 BLE Sense and others): its interrupt
// calls.
#include "tce_microphone.h"

#include <PDM.h>

static void receive() {
    int16_t samples[64];
    while (PDM.available() >= static_cast<int>(sizeof samples)) {
        const int bytes = PDM.read(samples, sizeof samples);
        tce_microphone_push(samples, static_cast<size_t>(bytes) / sizeof samples[0]);
    }
}

bool tce_microphone_start(tce_port_audio *audio) {
    (void)audio;
    PDM.onReceive(receive);
    return PDM.begin(1, 16000) != 0;
}

void tce_microphone_poll() {}
