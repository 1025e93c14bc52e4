/* An encoder of three rows that takes them as they come, for fuzz targets: fuzz_commands.c has its functions. */
#ifndef TCE_ENCODER_H
#define TCE_ENCODER_H

#include <stdint.h>

#define TCE_ENCODER_INPUT_BYTES       12
#define TCE_ENCODER_OUTPUT_BYTES      1
#define TCE_ENCODER_OUTPUT_ZERO_POINT 3
#define TCE_ENCODER_PUSH_ARENA_BYTES  24

void tce_encoder_start(uint8_t *arena);
void tce_encoder_push(uint8_t *arena, const int8_t *row);
const int8_t *tce_encoder_output(const uint8_t *arena);

#endif
