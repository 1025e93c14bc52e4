// Stand-in for Arduino's I2S library.
#ifndef I2S_H
#define I2S_H

#include <stddef.h>

typedef enum { I2S_PHILIPS_MODE } i2s_mode_t;

class I2SClass {
  public:
    int begin(int mode, int sampleRate, int bitsPerSample);
    int available();
    int read(void *buffer, size_t size);
};

extern I2SClass I2S;

#endif
