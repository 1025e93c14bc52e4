/* The power gate: from a few statistics of a window's log-mel rows, whether the encoder runs at all.
 *
 *   row of log-mel [mels] --tce_gate_columns--> TCE_GATE_COLUMNS numbers, kept for each row of the window
 *   columns of all rows --tce_gate_features--> TCE_GATE_FEATURES integers --decision tree--> opens, or stays shut
 *
 * The tree is tce_gate_model.h, which `tinyclap-edge gate train` makes and an export copies; the one of this folder
 * says that there is no gate. tinyclap_edge/gate/statistics.py is the same arithmetic in NumPy. docs/gate.md has the
 * rest. */
#ifndef TCE_GATE_H
#define TCE_GATE_H

#include <stdint.h>

#include "tce_gate_model.h"

enum {
    TCE_GATE_BANDS = 4,                                        /* of equally many mel bins, low to high */
    TCE_GATE_COLUMNS = TCE_GATE_BANDS + 1,                     /* the bands' levels, and the crest */
    TCE_GATE_STATISTICS = 4,                                   /* mean, most, range, change */
    TCE_GATE_FEATURES = TCE_GATE_COLUMNS * TCE_GATE_STATISTICS /* statistic s of column c stands at 4 c + s */
};

/* What is kept of one row.
 * row_q8: [mels] in 1/256 dB, floor_q8 or more; mels: TCE_GATE_BANDS or more
 * columns: [TCE_GATE_COLUMNS], 1/256 dB. The mean level of each band above the floor, rounded down; then the crest: how
 * far the loudest bin stands above the mean of the row. Scratch: none. */
void tce_gate_columns(const int16_t *row_q8, int32_t mels, int32_t floor_q8, uint16_t *columns);

/* Statistics of each column over the rows of a window, all rounded down: the mean, the largest value, the largest minus
 * the smallest, and the mean absolute difference from one row to the next (0 for one row). rows: ring of
 * [count][TCE_GATE_COLUMNS], the oldest row at index `oldest`; 1 <= count <= 8192 features: [TCE_GATE_FEATURES].
 * Scratch: none. */
void tce_gate_features(const uint16_t *rows, int32_t count, int32_t oldest, int32_t *features);

#if TCE_GATE
/* 1 when the encoder is to run on this window, else 0. rows, count, oldest: as above. */
int tce_gate_opens(const uint16_t *rows, int32_t count, int32_t oldest);
#endif

#endif
