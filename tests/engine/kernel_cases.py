"""Calls of engine kernels, twice each: for the portable kernel and for a variant, with the variant's weights and scratch.

Data are seeded. "extreme" fills inputs and weights with -128, -127, 127 only; "ties" uses multipliers whose products end
on exact halves, where rounding rules differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from kernel_bench import Out, Rows, Scratch, Struct
from tinyclap_export.codegen.layout import packed, scratch_bytes

LIMIT = 1 << 30  # accumulators stay below, shifted left or not


@dataclass(frozen=True)
class Case:
    """One call. work: multiply-adds, or elements where nothing is multiplied."""

    name: str
    function: str
    portable: tuple[Any, ...]
    variant: tuple[Any, ...]
    work: int


class Data:
    """Seeded random operands of one kind: "random", "extreme" or "ties"."""

    def __init__(self, seed: int, kind: str = "random") -> None:
        self.rng = np.random.default_rng(seed)
        self.kind = kind

    def codes(self, *shape: int) -> np.ndarray:
        """int8 values."""
        if self.kind == "extreme":
            return self.rng.choice(np.array([-128, -127, 127], np.int8), shape)
        return self.rng.integers(-128, 128, shape, np.int64).astype(np.int8)

    def scales(self, bounds: np.ndarray, left: bool = False) -> np.ndarray:
        """(n, 2) int32 multiplier and shift that bring accumulators of the given bounds to about int8.

        left: some channels shift left, as far as their bounds allow.
        """
        n = bounds.size
        multiplier = self.rng.integers(1 << 30, 1 << 31, n)
        if self.kind == "ties":
            multiplier = (1 << 30) * np.ones(n, np.int64) + (self.rng.integers(0, 2, n) << 29)
        shift = -np.clip(np.round(np.log2(np.maximum(bounds, 256) / 400.0)).astype(np.int64), 1, 31)
        if left:
            room = np.floor(np.log2((LIMIT - 1) / np.maximum(bounds, 1))).astype(np.int64)
            chosen = self.rng.random(n) < 0.5
            shift = np.where(chosen, np.minimum(self.rng.integers(0, 4, n), room), shift)
        return np.stack([multiplier, shift], axis=1).astype(np.int32)

    def scale(self, bound: int, left: bool = False) -> tuple[int, int]:
        """One factor."""
        pair = self.scales(np.array([bound]), left)[0]
        return int(pair[0]), int(pair[1])

    def bias(self, n: int, size: int = 4000) -> np.ndarray:
        """(n,) int32."""
        return self.rng.integers(-size, size + 1, n).astype(np.int32)

    def output(self, clamp: str = "none", table: bool = False) -> Struct:
        """tce_output. clamp: "none", "relu" (nothing below the zero point) or "narrow" (a band around it)."""
        zero_point = int(self.rng.integers(-128, 128))
        low, high = -128, 127
        if clamp == "relu":
            zero_point = low = int(self.rng.choice([-128, -100]))
        if clamp == "narrow":
            zero_point, low, high = 3, -20, 90
        return Struct(zero_point, low, high, self.codes(256) if table else None)


def _bound(weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Largest accumulator of each channel; weights (channels, taps)."""
    return np.abs(bias).astype(np.int64) + 128 * np.abs(weights.astype(np.int64)).sum(axis=1)


def conv1x1(
    data: Data, isa: str, k: int, c_out: int, pixels: int, clamp: str = "none", table: bool = False, left: bool = False
) -> Case:
    """tce_conv1x1_s8."""
    x, w, bias = data.codes(pixels, k), data.codes(c_out, k), data.bias(c_out)
    scale, output = data.scales(_bound(w, bias), left), data.output(clamp, table)

    def arguments(which: str) -> tuple[Any, ...]:
        layer = Struct(packed("tce_conv1x1_s8", which, w), bias, scale, k, c_out, output)
        scratch = scratch_bytes("tce_conv1x1_s8", which, {"k": k, "c_out": c_out})
        return x, Out(pixels * c_out, offset=data_offset), pixels, Scratch(scratch), layer

    data_offset = int(data.rng.integers(0, 4))
    name = f"conv1x1 {pixels} x {k} -> {c_out}, {data.kind}, {clamp}{', table' * table}{', left' * left}"
    return Case(name, "tce_conv1x1_s8", arguments("portable"), arguments(isa), pixels * k * c_out)


def window_rows(data: Data, rows: int, in_w: int, channels: int, missing: tuple[int, ...] = ()) -> Rows:
    """`rows` random input rows; those in `missing` lie outside the map."""
    return Rows(*(None if i in missing else data.codes(in_w, channels) for i in range(rows)))
