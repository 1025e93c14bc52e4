"""From features to the network's input: int16 in 1/256 dB to int8, by an integer rule that the C shares."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import Q8, FrontendSpec


def network_input(q8: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """What a float network takes for int16 features of any shape: float32, (dB + offset_db) / scale_db."""
    return ((q8 / Q8 + spec.offset_db) / spec.scale_db).astype(np.float32)


def input_multiplier(scale: float, spec: FrontendSpec) -> tuple[int, int]:
    """(multiplier in [2^30, 2^31), shift) with multiplier / 2^shift nearest to 1 / (scale * 256 * scale_db).

    `scale` is the quantisation step of the network's input. UsageError when it is not positive, or so far from the
    usual 0.01..0.1 that the shift leaves 1..62.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise UsageError(f"the input scale {scale} is not a positive number")
    factor = 1 / (Fraction(scale) * Q8 * Fraction(spec.scale_db))
    shift = 30
    while factor * 2**shift < 2**30:
        shift += 1
    while factor * 2**shift >= 2**31:
        shift -= 1
    multiplier = math.floor(factor * 2**shift + Fraction(1, 2))
    if multiplier == 2**31:  # rounded up to the next octave
        multiplier, shift = 2**30, shift - 1
    if not 1 <= shift <= 62:
        raise UsageError(f"the input scale {scale} is outside what int8 features can use")
    return multiplier, shift


def quantize_features(q8: np.ndarray, scale: float, zero_point: int, spec: FrontendSpec) -> np.ndarray:
    """int16 features of any shape to int8, as tce_logmel_quantize_row does.

    q = clamp(round_half_away((q8 + offset_q8) * multiplier / 2^shift) + zero_point, -128, 127)
    """
    if not -128 <= zero_point <= 127:
        raise UsageError(f"the zero point {zero_point} is outside int8")
    multiplier, shift = input_multiplier(scale, spec)
    product = (np.asarray(q8, np.int64) + spec.offset_q8) * multiplier  # below 2^48
    magnitude = (np.abs(product) + (1 << (shift - 1))) >> shift
    return np.clip(np.where(product < 0, -magnitude, magnitude) + zero_point, -128, 127).astype(np.int8)
