// Stand-in for Arduino's PDM library.
#ifndef PDM_H
#define PDM_H

#include <stddef.h>

class PDMClass {
  public:
    int begin(int channels, int sampleRate);
    int available();
    int read(void *buffer, size_t size);
    void onReceive(void (*function)(void));
};

extern PDMClass PDM;

#endif
