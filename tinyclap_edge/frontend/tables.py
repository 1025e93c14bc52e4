"""The integer tables of the fixed-point front end: built once, used by the NumPy twin, written out as C."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend import exact
from tinyclap_edge.frontend.spec import Q8, FrontendSpec

REVISION = 1  # of the arithmetic in firmware/frontend: part of every frontend_id
TWIDDLE_BITS, SPLIT_BITS, RISE_BITS = 30, 31, 32
LOG2_STEPS, LOG2_BITS, DB_BITS = 32, 24, 8


@dataclass(frozen=True)
class Tables:
    """Every constant that the integer front end computes with. docs/frontend.md says how."""

    first_radix: int  # 2 or 4: the first pass of the FFT, fused with the window
    window: np.ndarray  # (window_samples,) int32, Hann in Q(31 - log2 first_radix)
    order: np.ndarray  # (points / first_radix,) uint8, input block of each output block of the first pass
    twiddle: np.ndarray  # (sum over passes of quarter - 1, 3, 2) int32 Q30, cos and sin of 1, 2, 3 times the angle
    split: np.ndarray  # (points / 2 - 1, 2) int32 Q31, cos and sin of 2 pi k / n_fft, k = 1 ...
    edge: np.ndarray  # (mel_bins + 2,) uint16, first FFT bin at or above each corner of the triangles
    rise: np.ndarray  # (edge[-1] - edge[0],) uint32 Q32, the rising flank at each FFT bin
    log2: np.ndarray  # (33,) int32 Q24, log2(1 + i/32)
    db_scale: int  # 1/256 dB per octave of power, Q8
    db_bias: int  # octaves of a power of 2^63, with half of 1/256 dB, Q24

    @property
    def quarters(self) -> list[int]:
        """Quarter lengths of the radix-4 passes, in order."""
        points, lengths = 4 * len(self.split) // 2 + 2, [self.first_radix]
        while lengths[-1] * 4 < points:
            lengths.append(lengths[-1] * 4)
        return lengths

    def window_in_order(self, n_fft: int) -> np.ndarray:
        """The window followed by zeros, int32 (n_fft,), as the first pass reads it: (block, input, even and odd)."""
        padded = np.zeros(n_fft, np.int32)
        padded[: len(self.window)] = self.window
        return padded.reshape(self.first_radix, -1, 2)[:, self.order].transpose(1, 0, 2).ravel()


@functools.lru_cache(maxsize=16)
def build_tables(spec: FrontendSpec) -> Tables:
    """The tables of a plain front end: the same integers on every machine. UsageError (2) for one that is not."""
    if spec != spec.plain:
        raise UsageError(
            "the integer front end knows no centred frames, area-normalised filters or raw powers",
            "use spec.plain, and add spec.shift_db()",
        )
    points = spec.n_fft // 2  # complex: even samples real, odd samples imaginary
    log2_points = points.bit_length() - 1
    first_bits = 1 if log2_points % 2 else 2  # what remains is a power of 4
    cosines, quarter = exact.cosines(spec.n_fft), spec.n_fft // 4

    def turn(k: int, bits: int) -> list[int]:  # cos and sin of 2 pi k / n_fft
        return [exact.fixed(cosines[(k - shift) % spec.n_fft], bits) for shift in (0, quarter)]

    twiddle, length = [], 1 << first_bits
    while length < points:
        step = spec.n_fft // (4 * length)
        twiddle += [[turn(power * j * step, TWIDDLE_BITS) for power in (1, 2, 3)] for j in range(1, length)]
        length *= 4
    edge, rise = _mel_flanks(spec)
    gain = Decimal(2 * spec.n_fft) / spec.window_samples  # n_fft / sum(window)
    per_octave = exact.decibels(Decimal(2)) * Q8  # 770.6
    return Tables(
        first_radix=1 << first_bits,
        window=_array([exact.fixed((1 - c) / 2, 31 - first_bits) for c in exact.cosines(spec.window_samples)], "i4"),
        order=_array([_reverse4(b, (log2_points - first_bits) // 2) for b in range(points >> first_bits)], "u1"),
        twiddle=_array(twiddle, "i4"),
        split=_array([turn(k, SPLIT_BITS) for k in range(1, points // 2)], "i4"),
        edge=_array(edge, "u2"),
        rise=_array(rise, "u4"),
        log2=_array([exact.fixed(exact.log2(1 + Decimal(i) / LOG2_STEPS), LOG2_BITS) for i in range(33)], "i4"),
        db_scale=exact.fixed(per_octave, DB_BITS),
        db_bias=exact.fixed(63 - 60 + exact.log2(gain * gain) + 1 / (2 * per_octave), LOG2_BITS),
    )


def _mel_flanks(spec: FrontendSpec) -> tuple[list[int], list[int]]:
    """First bin of each stretch between corners, and each bin's place within its stretch as Q32 in [0, 1).

    A bin at u between two corners counts u for the filter that rises there and 1 - u for the one that falls.
    """
    corners = exact.mel_edges_hz(spec.f_min_hz, spec.f_max_hz, spec.mel_bins + 2, spec.mel_scale)
    corners[0], corners[-1] = Decimal(spec.f_min_hz), Decimal(spec.f_max_hz)  # exact, so that no bin slips over
    bin_hz = Decimal(spec.sample_rate_hz) / spec.n_fft
    edge = [max(1, math.ceil(hz / bin_hz)) for hz in corners]  # the bin at 0 Hz never counts
    rise = []
    for low, high, first, end in zip(corners, corners[1:], edge, edge[1:], strict=False):
        for k in range(first, end):
            rise.append(min(2**32 - 1, exact.fixed((k * bin_hz - low) / (high - low), RISE_BITS)))
    return edge, rise


def _reverse4(value: int, digits: int) -> int:
    """The base-4 digits of `value` in reverse."""
    result = 0
    for _ in range(digits):
        result, value = result * 4 + value % 4, value // 4
    return result


def _array(values: list, dtype: str) -> np.ndarray:
    array = np.array(values, dtype=np.int64).astype("<" + dtype)
    array.flags.writeable = False
    return array


@functools.lru_cache(maxsize=64)
def frontend_id(spec: FrontendSpec) -> str:
    """First 16 hex digits of SHA-256 over the revision, the constants as canonical JSON, and the tables' bytes."""
    digest = hashlib.sha256(f"tinyclap-frontend/{REVISION}\n".encode())
    digest.update(json.dumps(spec.to_dict(), sort_keys=True, separators=(",", ":")).encode())
    tables = build_tables(spec.plain)  # what is not plain is in the constants above
    for field in fields(Tables):
        value = getattr(tables, field.name)
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else str(value).encode())
    return digest.hexdigest()[:16]


def emit_c(spec: FrontendSpec, folder: Path) -> list[Path]:
    """Writes tce_logmel_tables.h and .c for firmware/frontend into an existing folder; returns their paths.

    The same specification gives the same bytes.
    """
    tables, header, source = build_tables(spec), [], []
    constants = {
        "SAMPLE_RATE_HZ": (spec.sample_rate_hz, "of the PCM"),
        "N_FFT": (spec.n_fft, "points of the FFT"),
        "WINDOW": (spec.window_samples, "samples of one frame, under a periodic Hann window"),
        "HOP": (spec.hop_samples, "samples between the starts of two frames"),
        "MELS": (spec.mel_bins, f"filters from {spec.f_min_hz:g} to {spec.f_max_hz:g} Hz, {spec.mel_scale} scale"),
        "FRAMES": (spec.frames, "rows of one network input"),
        "FLOOR_Q8": (f"({spec.floor_q8})", f"{spec.floor_db:g} dB, the least that a row holds"),
        "OFFSET_Q8": (f"({spec.offset_q8})", f"{spec.offset_db:g} dB, added before the network's scale"),
        "FIRST_RADIX": (tables.first_radix, "of the FFT's pass that is fused with the window; all others are radix 4"),
        "DB_SCALE": (tables.db_scale, "1/256 dB per octave of power, Q8"),
        "DB_BIAS": (tables.db_bias, "octaves above full scale of a power of 2^63, and half of 1/256 dB, Q24"),
        "FRONTEND_ID": (f'"{spec.frontend_id}"', "names all of this"),
    }
    for name, (value, about) in constants.items():
        header.append(f"#define TCE_LOGMEL_{name} {value} /* {about} */")
    header.append("")
    for name, (array, ctype, about) in {
        "window": (
            tables.window_in_order(spec.n_fft),
            "int32_t",
            f"[n_fft] Hann, Q{32 - tables.first_radix.bit_length()}, in the order of its use",
        ),
        "order": (
            tables.order,
            "uint8_t",
            "[n_fft / 2 / first radix] which block of the frame each first butterfly reads",
        ),
        "twiddle": (
            tables.twiddle,
            "int32_t",
            "per pass [quarter - 1][3][2]: cos, sin of 1, 2, 3 times the angle, Q30",
        ),
        "split": (tables.split, "int32_t", "[n_fft / 4 - 1][2] cos, sin of 2 pi k / n_fft for k = 1 ..., Q31"),
        "edge": (tables.edge, "uint16_t", "[MELS + 2] the first FFT bin at or above each corner of the triangles"),
        "rise": (tables.rise, "uint32_t", "[edge[MELS + 1] - edge[0]] each bin's place between its two corners, Q32"),
        "log2": (tables.log2, "int32_t", "[33] log2(1 + i / 32), Q24"),
    }.items():
        header += [f"/* {about} */", f"extern const {ctype} tce_logmel_{name}[{array.size}];"]
        source += [f"const {ctype} tce_logmel_{name}[{array.size}] = {{", *_rows(array), "};", ""]
    note = f"/* Front end {spec.frontend_id}: constants and tables of tce_logmel.c, generated by tinyclap-edge.\n"
    note += " * Do not edit; docs/frontend.md says what each is for. */\n"
    guard = "TCE_LOGMEL_TABLES_H"
    texts = {
        "tce_logmel_tables.h": [
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <stdint.h>",
            "",
            *header,
            "",
            "#endif",
        ],
        "tce_logmel_tables.c": ['#include "tce_logmel_tables.h"', "", *source[:-1]],
    }
    paths = []
    for name, lines in texts.items():
        path = Path(folder) / name
        path.write_text(note + "\n".join(lines) + "\n", encoding="ascii", newline="\n")
        paths.append(path)
    return paths


def _rows(array: np.ndarray) -> list[str]:
    """The numbers of an array as the lines of a C initialiser."""
    suffix, per_line = ("u", 8) if array.dtype == np.uint32 else ("", 8 if array.itemsize == 4 else 16)
    numbers = [f"{value}{suffix}" for value in array.ravel().tolist()]
    return ["    " + ", ".join(numbers[at : at + per_line]) + "," for at in range(0, len(numbers), per_line)]
