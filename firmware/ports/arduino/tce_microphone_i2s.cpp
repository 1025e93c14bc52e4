// The I2S library: the left slot of a stereo stream of 32-bit words, 16 bits kept. Its buffer must outlast a layer of
// the encoder, between which it is emptied.
#include "tce_microphone.h"

#include <I2S.h>

bool tce_microphone_start(tce_port_audio *audio) {
    (void)audio;
    return I2S.begin(I2S_PHILIPS_MODE, 16000, 32) != 0;
}

void tce_microphone_poll() {
    int32_t words[64]; // left, right
    while (I2S.available() >= static_cast<int>(sizeof words)) {
        int16_t samples[32];
        const int bytes = I2S.read(words, sizeof words);
        const size_t count = bytes < 0 ? 0 : static_cast<size_t>(bytes) / sizeof words[0] / 2;
        for (size_t i = 0; i < count; ++i) {
            samples[i] = static_cast<int16_t>(words[2 * i] >> 16);
        }
        tce_microphone_push(samples, count);
    }
}
