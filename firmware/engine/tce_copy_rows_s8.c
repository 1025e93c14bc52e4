/* Concatenation, one input at a time. */
#include "tce_engine.h"

#include <string.h>

void tce_copy_rows_s8(const int8_t *in, int8_t *out, int32_t rows, int32_t run, int32_t out_stride) {
    for (int32_t r = 0; r < rows; r++) {
        memcpy(out, in, (size_t)run);
        in += run;
        out += out_stride;
    }
}
