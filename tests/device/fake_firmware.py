"""Small C stand-ins for front end, encoder and labels, with their twin in NumPy: they test the application, port and tools alone.

The front end picks samples, the encoder adds each mel column over time in two layers, a label's score is one dot product.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tinyclap_edge.resources import firmware_dir

MELS, WINDOW, HOP, ROWS, DIM, LABELS = 8, 32, 20, 6, 8, 3
MULTIPLIER, SHIFT, ZERO_POINT = 3, 6, -5
OUTPUT_ZERO_POINT = 4
ARENA = 256
HANG = 100  # an input that begins and ends with this number hangs the encoder
HANGING_SAMPLE = -(-((HANG - ZERO_POINT) << SHIFT) // MULTIPLIER)  # and this is the sample that gives it
ENCODER_ID, FRONTEND_ID = "e00000000000009f", "f000000000000000"  # what the fake tce_labels_match asks for
LABEL_PACK = bytes([DIM, LABELS]) + bytes(range(1, DIM * LABELS + 1))  # dim, count, rows uint8

_LOGMEL_H = f"""#ifndef TCE_LOGMEL_H
#define TCE_LOGMEL_H
#include <stdint.h>
#define TCE_LOGMEL_MELS {MELS}
#define TCE_LOGMEL_WINDOW {WINDOW}
#define TCE_LOGMEL_HOP {HOP}
#define TCE_LOGMEL_SAMPLE_RATE_HZ 16000
typedef struct {{ int32_t frames; }} tce_logmel;
void tce_logmel_frame(tce_logmel *ctx, const int16_t pcm[TCE_LOGMEL_WINDOW], int16_t out_q8[TCE_LOGMEL_MELS]);
void tce_logmel_quantize_row(const int16_t *q8, int8_t *out, int count, int32_t multiplier, int shift, int32_t zero_point);
#endif
"""
_LOGMEL_C = """#include "tce_logmel.h"
void tce_logmel_frame(tce_logmel *ctx, const int16_t pcm[TCE_LOGMEL_WINDOW], int16_t out_q8[TCE_LOGMEL_MELS])
{
    ctx->frames++;
    for (int m = 0; m < TCE_LOGMEL_MELS; ++m) {
        out_q8[m] = (int16_t)(pcm[m] / 2 + pcm[TCE_LOGMEL_WINDOW - 1 - m] / 2);
    }
}
void tce_logmel_quantize_row(const int16_t *q8, int8_t *out, int count, int32_t multiplier, int shift, int32_t zero_point)
{
    for (int i = 0; i < count; ++i) {
        int32_t v = ((q8[i] * multiplier) >> shift) + zero_point;
        out[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
    }
}
"""
_ENCODER_H = f"""#ifndef TCE_ENCODER_H
#define TCE_ENCODER_H
#include <stdint.h>
#define TCE_ENCODER_ARENA_BYTES @ARENA@
#define TCE_ENCODER_INPUT_BYTES {ROWS * MELS}
#define TCE_ENCODER_OUTPUT_BYTES {DIM}
#define TCE_ENCODER_OUTPUT_ZERO_POINT {OUTPUT_ZERO_POINT}
int8_t *tce_encoder_input(uint8_t *arena);
void tce_encoder_run(uint8_t *arena);
const int8_t *tce_encoder_output(const uint8_t *arena);
void tce_encoder_layer_00_sum(uint8_t *arena);
void tce_encoder_layer_01_narrow(uint8_t *arena);
void fake_kernel(const int8_t *in, int32_t *sums);
#endif
"""
_ENCODER_C = f"""#include "tce_encoder.h"
int8_t *tce_encoder_input(uint8_t *arena) {{ return (int8_t *)arena; }}
const int8_t *tce_encoder_output(const uint8_t *arena) {{ return (const int8_t *)arena + 128; }}
__attribute__((noinline)) void fake_kernel(const int8_t *in, int32_t *sums)
{{
    for (int t = 0; t < {ROWS}; ++t) {{
        for (int m = 0; m < {MELS}; ++m) {{
            sums[m] += (t + 1) * in[t * {MELS} + m];
        }}
    }}
}}
__attribute__((noinline)) void tce_encoder_layer_00_sum(uint8_t *arena)
{{
    int32_t *sums = (int32_t *)(void *)(arena + 64);
    for (int m = 0; m < {MELS}; ++m) {{
        sums[m] = 0;
    }}
    fake_kernel((const int8_t *)arena, sums);
}}
__attribute__((noinline)) void tce_encoder_layer_01_narrow(uint8_t *arena)
{{
    const int32_t *sums = (const int32_t *)(const void *)(arena + 64);
    for (int m = 0; m < {MELS}; ++m) {{
        ((int8_t *)arena)[128 + m] = (int8_t)(sums[m] >> 5);
    }}
}}
void tce_encoder_run(uint8_t *arena)
{{
    const volatile int8_t *in = (const volatile int8_t *)arena;
    while (in[0] == {HANG} && in[{ROWS * MELS - 1}] == {HANG}) {{ /* as an encoder that never comes back */
    }}
    tce_encoder_layer_00_sum(arena);
    tce_encoder_layer_01_narrow(arena);
}}
"""
# The same encoder without end: it keeps its rows, and gives an embedding at any time.
_ENDLESS_H = _ENCODER_H.replace(
    "int8_t *tce_encoder_input(uint8_t *arena);\nvoid tce_encoder_run(uint8_t *arena);\n"
    "const int8_t *tce_encoder_output(const uint8_t *arena);\n",
    f"#define TCE_ENCODER_FIRST_ROWS {ROWS}\nvoid tce_encoder_start(uint8_t *arena);\n"
    "void tce_encoder_push(uint8_t *arena, const int8_t *row);\nint tce_encoder_embedding(uint8_t *arena, int8_t *out);\n",
)
_ENDLESS_C = (
    "#include <string.h>\n"
    + _ENCODER_C.replace("int8_t *tce_encoder_input(", "static int8_t *rows_of(")
    .replace("const int8_t *tce_encoder_output(", "static const int8_t *output_of(")
    .replace("void tce_encoder_run(uint8_t *arena)\n{", "static void run(uint8_t *arena)\n{")
    + f"""
void tce_encoder_start(uint8_t *arena)
{{
    memset(arena, 0, {ROWS * MELS});
}}
void tce_encoder_push(uint8_t *arena, const int8_t *row)
{{
    memmove(arena, arena + {MELS}, {(ROWS - 1) * MELS});
    memcpy(rows_of(arena) + {(ROWS - 1) * MELS}, row, {MELS});
}}
int tce_encoder_embedding(uint8_t *arena, int8_t *out)
{{
    run(arena);
    memcpy(out, output_of(arena), {DIM});
    return 1;
}}
"""
)
_LABELS_H = """#ifndef TCE_LABELS_H
#define TCE_LABELS_H
#include <stddef.h>
#include <stdint.h>
enum { TCE_LABELS_OK = 0, TCE_ERR_LABELS_FOREIGN = -13, TCE_LABELS_COUNT_MAX = 256, TCE_LABELS_ID_BYTES = 8 };
enum { TCE_LABELS_NAME_MAX = 64, TCE_LABELS_BYTES_MAX = 4096 };
typedef struct { const uint8_t *rows; int32_t count, dim, background; } tce_labels;
const char *tce_labels_name(const tce_labels *p, int32_t label, int32_t *length);
int16_t tce_labels_threshold(const tce_labels *p, int32_t label);
int tce_labels_match(const tce_labels *p, const uint8_t *encoder_id, const uint8_t *frontend_id);
int tce_labels_open(const uint8_t *bytes, size_t n, tce_labels *out);
int tce_labels_score(const tce_labels *p, const int8_t *embedding, int32_t zero_point, int16_t *scores_q15);
#endif
"""
_LABELS_C = """#include "tce_labels.h"
int tce_labels_open(const uint8_t *bytes, size_t n, tce_labels *out)
{
    out->dim = bytes[0];
    out->count = bytes[1];
    out->rows = bytes + 2;
    out->background = -1;
    return (int32_t)n == 2 + out->dim * out->count ? 0 : -3;
}
const char *tce_labels_name(const tce_labels *p, int32_t label, int32_t *length)
{
    *length = 1;
    return (const char *)p->rows + label;
}
int16_t tce_labels_threshold(const tce_labels *p, int32_t label)
{
    return (int16_t)(p->count + label);
}
int tce_labels_match(const tce_labels *p, const uint8_t *encoder_id, const uint8_t *frontend_id)
{
    (void)p;
    return encoder_id[0] == 0xE0 && encoder_id[7] == 0x9F && frontend_id[0] == 0xF0 ? 0 : TCE_ERR_LABELS_FOREIGN;
}
int tce_labels_score(const tce_labels *p, const int8_t *embedding, int32_t zero_point, int16_t *scores_q15)
{
    for (int32_t i = 0; i < p->count; ++i) {
        int32_t sum = 0;
        for (int32_t d = 0; d < p->dim; ++d) {
            sum += (embedding[d] - zero_point) * p->rows[i * p->dim + d];
        }
        scores_q15[i] = (int16_t)sum;
    }
    return 0;
}
"""


def write_parts(root: Path, arena_bytes: int = ARENA, ballast_bytes: int = 0, endless: bool = False) -> dict[str, Path]:
    """The three folders under `root`: {"encoder", "frontend", "labels"}. `ballast_bytes` of constants make the encoder
    heavy; endless: it takes rows without end."""
    ballast = ""
    if ballast_bytes:
        ballast = f"__attribute__((used, retain)) const uint8_t tce_encoder_ballast[{ballast_bytes}] = {{1}};\n"
    files = {
        "frontend/tce_logmel.h": _LOGMEL_H,
        "frontend/tce_logmel.c": _LOGMEL_C,
        "encoder/tce_encoder.h": (_ENDLESS_H if endless else _ENCODER_H).replace("@ARENA@", str(arena_bytes)),
        "encoder/tce_encoder.c": (_ENDLESS_C if endless else _ENCODER_C) + ballast,
        "labels/tce_labels.h": _LABELS_H,
        "labels/tce_labels.c": _LABELS_C,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    for name in ("tce_flash.h", "tce_label_slots.h", "tce_label_slots.c"):
        shutil.copyfile(firmware_dir() / "labels" / name, root / "labels" / name)
    return {name: root / name for name in ("encoder", "frontend", "labels")}


def expected_windows(pcm: np.ndarray, hop_frames: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(embedding int8, scores int16) of every window: the twin of the C above and of the application's schedule."""
    x = pcm.astype(np.int32)
    frames = (len(x) - WINDOW) // HOP + 1 if len(x) >= WINDOW else 0
    rows = []
    for t in range(frames):
        frame = x[t * HOP : t * HOP + WINDOW]
        q8 = _half(frame[:MELS]) + _half(frame[::-1][:MELS])
        rows.append(np.clip((q8 * MULTIPLIER >> SHIFT) + ZERO_POINT, -128, 127))
    labels = np.frombuffer(LABEL_PACK[2:], np.uint8).reshape(LABELS, DIM).astype(np.int32)
    windows = []
    for end in range(ROWS, frames + 1, hop_frames):
        block = np.stack(rows[end - ROWS : end])  # (rows, mels)
        embedding = ((np.arange(1, ROWS + 1)[:, None] * block).sum(0) >> 5).astype(np.int8)
        scores = (labels @ (embedding.astype(np.int32) - OUTPUT_ZERO_POINT)).astype(np.int16)
        windows.append((embedding, scores))
    return windows


def _half(x: np.ndarray) -> np.ndarray:
    """C's division by two: towards zero."""
    return np.sign(x) * (np.abs(x) // 2)
