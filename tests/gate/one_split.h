/* Power gate: 1 when the encoder is to run on a window, 0 when not. A tree of scikit-learn, written by micromlgen.
 * x: TCE_GATE_FEATURES statistics of the window, tce_gate.h says which; levels in 1/256 dB. */
#ifndef TCE_GATE_MODEL_H
#define TCE_GATE_MODEL_H

#include <stdint.h>

#define TCE_GATE 1

static inline int tce_gate_model(const int32_t *x) {
    if (x[18] <= 1217) { /* crest_range */
        return 0;
    } else {
        return 1;
    }
}

#endif
