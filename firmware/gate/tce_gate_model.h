/* No gate: the encoder runs on every window. An export with --gate replaces this file. */
#ifndef TCE_GATE_MODEL_H
#define TCE_GATE_MODEL_H

#define TCE_GATE 0

#endif
