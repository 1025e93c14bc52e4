// The port's C headers for C++, which has another word for a function that does not return.
#ifndef TCE_ARDUINO_H
#define TCE_ARDUINO_H

#include <Arduino.h>
#include <stddef.h>
#include <stdint.h>

#define _Noreturn [[noreturn]]
extern "C" {
#include "tce_port.h"
#include "tce_port_link.h"
}
#undef _Noreturn

#endif
