"""The integer front end in NumPy: the twin of firmware/frontend, the same int16 for every input.

Frames are processed together: arrays are (T, ...) int64 whose values fit the C's int32, so that a product is exact and
`>> 32` is the C's high word (floor). No float is involved.
"""

from __future__ import annotations

import numpy as np

from tinyclap_edge.frontend.reference import frame_pcm
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import LOG2_BITS, Tables, build_tables

CHUNK = 512  # frames at a time: bounds the memory of a long recording
LOW_WORD = np.uint64(0xFFFFFFFF)


def logmel_q8(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """Log-mel in 1/256 dB of int16 PCM (n,): int16 (T, mel_bins), bit for bit what the C computes."""
    tables, frames = build_tables(spec), frame_pcm(pcm, spec)
    rows = [_frames_q8(frames[at : at + CHUNK], spec, tables) for at in range(0, len(frames), CHUNK)]
    return np.concatenate(rows) if rows else np.empty((0, spec.mel_bins), np.int16)


def _frames_q8(frames: np.ndarray, spec: FrontendSpec, tables: Tables) -> np.ndarray:
    samples = np.zeros((len(frames), spec.n_fft), np.int64)
    samples[:, : spec.window_samples] = frames
    shift = headroom(samples)  # (T,)
    window = np.zeros(spec.n_fft, np.int64)
    window[: spec.window_samples] = tables.window
    scaled = _high(samples << (16 + shift[:, None]), window)  # (T, n_fft), Q30 / first_radix
    re, im = _fft(scaled[:, 0::2], scaled[:, 1::2], tables)  # (T, n_fft / 2), divided by its length
    energy = _mel(*_split(re, im, tables), tables)  # (T, mel_bins) uint64
    return _decibels(energy, shift, spec, tables)


def headroom(samples: np.ndarray) -> np.ndarray:
    """Block exponent of frames (T, n): how far the loudest sample may be shifted left within 16 bits, 0..14."""
    magnitude = np.bitwise_or.reduce(samples ^ (samples >> 15), axis=1)
    return np.array([min(14, 15 - int(m).bit_length()) for m in magnitude], np.int64)


def _high(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The high word of a 32 x 32 bit product: floor(a b / 2^32)."""
    return (a * b) >> 32


def _fft(re: np.ndarray, im: np.ndarray, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """FFT of (T, points), decimation in time, each radix-4 pass dividing by 4. The input comes divided by the first."""
    count, points = re.shape
    blocks = points // tables.first_radix
    re = re.reshape(count, tables.first_radix, blocks)[:, :, tables.order]  # (T, radix, blocks)
    im = im.reshape(count, tables.first_radix, blocks)[:, :, tables.order]
    if tables.first_radix == 4:
        parts = _butterfly([(re[:, r], im[:, r]) for r in range(4)])
    else:
        parts = [(re[:, 0] + re[:, 1], im[:, 0] + im[:, 1]), (re[:, 0] - re[:, 1], im[:, 0] - im[:, 1])]
    re, im = (np.stack([part[i] for part in parts], axis=2).reshape(count, points) for i in (0, 1))

    used = 0
    for quarter in tables.quarters:
        turns = tables.twiddle[used : used + quarter - 1].astype(np.int64)  # (quarter - 1, 3, 2)
        used += quarter - 1
        re, im = (part.reshape(count, -1, 4, quarter) for part in (re, im))
        inputs = [(re[:, :, 0] >> 2, im[:, :, 0] >> 2)]
        for r in (1, 2, 3):
            x, y, cos, sin = re[:, :, r], im[:, :, r], turns[:, r - 1, 0], turns[:, r - 1, 1]
            turned = _high(x[..., 1:], cos) + _high(y[..., 1:], sin), _high(y[..., 1:], cos) - _high(x[..., 1:], sin)
            first = x[..., :1] >> 2, y[..., :1] >> 2  # by 1 + 0i, exactly
            inputs.append(
                (np.concatenate([first[0], turned[0]], axis=2), np.concatenate([first[1], turned[1]], axis=2))
            )
        parts = _butterfly(inputs)
        re, im = (np.stack([part[i] for part in parts], axis=2).reshape(count, points) for i in (0, 1))
    return re, im


def _butterfly(inputs: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The 4-point FFT of four complex arrays."""
    (ar, ai), (br, bi), (cr, ci), (dr, di) = inputs
    sum_r, sum_i, turn_r, turn_i = ar + cr, ai + ci, ar - cr, ai - ci
    odd_r, odd_i, rot_r, rot_i = br + dr, bi + di, br - dr, bi - di
    return [
        (sum_r + odd_r, sum_i + odd_i),
        (turn_r + rot_i, turn_i - rot_r),
        (sum_r - odd_r, sum_i - odd_i),
        (turn_r - rot_i, turn_i + rot_r),
    ]


def _split(re: np.ndarray, im: np.ndarray, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """From the FFT of even + i odd samples to that of all: bins 0..points-1, up to the sign of `im`.

    Bins 0 and points/2 are left as they are: the first is never used, the second only turns around.
    """
    points = re.shape[1]
    low, high = slice(1, points // 2), slice(points - 1, points // 2, -1)
    cos, sin = tables.split[:, 0].astype(np.int64), tables.split[:, 1].astype(np.int64)
    sum_r, dif_r = re[:, low] + re[:, high], re[:, low] - re[:, high]
    dif_i, sum_i = im[:, low] - im[:, high], im[:, low] + im[:, high]
    turned_r = _high(sum_i, cos) - _high(dif_r, sin)
    turned_i = _high(dif_r, cos) + _high(sum_i, sin)
    out_r, out_i = re.copy(), im.copy()
    out_r[:, low], out_i[:, low] = (sum_r >> 1) + turned_r, (dif_i >> 1) - turned_i
    out_r[:, high], out_i[:, high] = (sum_r >> 1) - turned_r, (dif_i >> 1) + turned_i
    return out_r, out_i


def _mel(re: np.ndarray, im: np.ndarray, tables: Tables) -> np.ndarray:
    """Mel energies (T, mel_bins) uint64: a bin's power is shared by the filters that rise and fall there."""
    first, last = int(tables.edge[0]), int(tables.edge[-1])
    power = (re[:, first:last] ** 2 + im[:, first:last] ** 2).astype(np.uint64)
    rise = tables.rise.astype(np.uint64)
    rising = (power >> np.uint64(32)) * rise + (((power & LOW_WORD) * rise) >> np.uint64(32))
    energy = np.zeros((len(re), len(tables.edge) - 2), np.uint64)
    for i, (begin, end) in enumerate(zip(tables.edge, tables.edge[1:], strict=False)):
        stretch = slice(int(begin) - first, int(end) - first)
        up = rising[:, stretch].sum(axis=1, dtype=np.uint64)
        if i < energy.shape[1]:
            energy[:, i] += up
        if i > 0:
            energy[:, i - 1] += power[:, stretch].sum(axis=1, dtype=np.uint64) - up
    return energy


def _decibels(energy: np.ndarray, shift: np.ndarray, spec: FrontendSpec, tables: Tables) -> np.ndarray:
    """10 log10 in 1/256 dB by a table of log2 with straight lines between its 33 points."""
    zeros = np.zeros(energy.shape, np.int64)
    mantissa = energy.copy()
    for step in (32, 16, 8, 4, 2, 1):  # normalise: bit 63 becomes the leading one
        small = mantissa < (np.uint64(1) << np.uint64(64 - step))
        mantissa = np.where(small, mantissa << np.uint64(step), mantissa)
        zeros += np.where(small, step, 0)
    index = ((mantissa >> np.uint64(58)) & np.uint64(31)).astype(np.int64)
    fraction = ((mantissa >> np.uint64(47)) & np.uint64(0x7FF)).astype(np.int64)
    table = tables.log2.astype(np.int64)
    octaves = tables.db_bias - ((zeros + 2 * shift[:, None]) << LOG2_BITS) + table[index]  # Q24
    octaves += ((table[index + 1] - table[index]) * fraction) >> 11
    level = _high(octaves, np.int64(tables.db_scale))
    return np.where(energy == 0, spec.floor_q8, np.maximum(level, spec.floor_q8)).astype(np.int16)
