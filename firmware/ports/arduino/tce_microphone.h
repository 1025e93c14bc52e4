// A microphone behind one of Arduino's libraries: which one is the file that is exported beside this.
#ifndef TCE_MICROPHONE_H
#define TCE_MICROPHONE_H

#include "tce_arduino.h"

// Starts it at 16 kHz, mono; whether it could be started.
bool tce_microphone_start(tce_port_audio *audio);

// Takes what has come, where the library has no interrupt of its own. Called often.
void tce_microphone_poll();

// Samples on their way to a half: `count` more of them, in order.
void tce_microphone_push(const int16_t *samples, size_t count);

#endif
