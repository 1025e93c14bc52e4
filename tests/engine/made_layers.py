"""Calls of engine kernels on made data, for any instruction set: the same numbers, laid out as each variant wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinyclap_export.codegen.layout import packed, scratch_bytes
from tinyclap_export.requant import add_multipliers

from tests.engine.kernel_bench import Bench, Odd, Out, Rows, Scratch, Struct

Output = tuple[int, int, int, np.ndarray | None]  # zero point, low, high, table
SIGNED: Output = (5, -128, 127, None)
RELU: Output = (-128, -128, 127, None)
TABLE: Output = (3, -128, 127, np.random.default_rng(77).integers(-128, 128, 256).astype(np.int8))
CLAMPED: Output = (-7, -90, 101, None)
CLAMPED_TABLE: Output = (3, -20, 100, TABLE[3])
OUTPUTS = {"signed": SIGNED, "relu": RELU, "table": TABLE, "clamped": CLAMPED, "clamped table": CLAMPED_TABLE}
SHORT = tuple(range(-22, 0))  # shifts that the short requantisation of the DSP kernels takes
USUAL = tuple(range(-12, -4))
ANY = (3, 1, 0, -1, -7, -8, -22, -23, -24, -31)


@dataclass(frozen=True)
class Call:
    """A kernel call. arguments(isa) gives them as Bench.run wants; units: MACs, or elements."""

    function: str
    arguments: Callable[[str], tuple[Any, ...]]
    units: int

    def run(self, bench: Bench, isa: str) -> tuple[np.ndarray, int]:
        """(result, instructions)."""
        return bench.run(self.function, *self.arguments(isa))


@dataclass(frozen=True)
class Maker:
    """Draws layers. shifts: of the scales; extreme: codes and weights at their limits, accumulators up to 2^30."""

    rng: np.random.Generator
    output: Output = SIGNED
    shifts: tuple[int, ...] = USUAL
    extreme: bool = False
    in_zero_point: int = -128
    fine: bool = False  # weights and biases so small that results with shifts of 1 to 3 do not saturate: many halves
    odd_weights: bool = False  # the variant's weights, and the shifts, stand at an odd address

    def codes(self, *shape: int) -> np.ndarray:
        if self.extreme:
            return self.rng.choice(np.array([-128, 127], np.int8), shape)
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def weights(self, *shape: int) -> np.ndarray:
        return self.rng.integers(-1, 2, shape).astype(np.int8) if self.fine else self.codes(*shape)

    def packed(self, kernel: str, isa: str, weights: np.ndarray) -> np.ndarray | Odd:
        """Weights as the variant reads them."""
        laid = packed(kernel, isa, weights)
        return Odd(laid) if self.odd_weights and isa != "portable" else laid

    def scales(self, count: int) -> np.ndarray:
        """(count, 2) int32: multiplier, shift; powers of two, the largest multiplier and 0 among them."""
        multiplier = self.rng.integers(1 << 30, 1 << 31, count)
        kind = self.rng.random(count)
        multiplier = np.select([kind < 0.1, kind < 0.2, kind < 0.23], [1 << 30, (1 << 31) - 1, 0], multiplier)
        return np.stack([multiplier, self.rng.choice(self.shifts, count)], axis=1).astype(np.int32)

    def split(self, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray | Odd]:
        """The arrays of tce_scales: (count,) int32 multipliers, (count,) int8 shifts, which may stand anywhere too."""
        shifts = scales[:, 1].astype(np.int8)
        return scales[:, 0].copy(), Odd(shifts) if self.odd_weights else shifts

    def biases(self, scales: np.ndarray, taps: int) -> np.ndarray:
        """(count,) int32 that keep |sum| * 2^max(shift, 0) below 2^30."""
        room = (((1 << 30) - 1) >> np.maximum(scales[:, 1], 0)) - 128 * 128 * taps
        reach = room if self.extreme else np.minimum(room, 20 if self.fine else 150 * taps)
        if (reach < 0).any():
            reach = np.zeros_like(reach)
        sign = self.rng.choice([-1, 1], reach.size)
        return np.where(self.rng.random(reach.size) < 0.5, sign * reach, self.rng.integers(-reach, reach + 1)).astype(
            np.int32
        )

    def conv1x1(self, pixels: int, k: int, c_out: int) -> Call:
        x, weights, scales = self.codes(pixels, k), self.weights(c_out, k), self.scales(c_out)
        bias = self.biases(scales, k)

        def arguments(isa: str) -> tuple[Any, ...]:
            w = self.packed("tce_conv1x1_s8", isa, weights)
            layer = Struct(w, bias, *self.split(scales), k, c_out, self.output)
            scratch = Scratch(scratch_bytes("tce_conv1x1_s8", isa, {"k": k, "c_out": c_out, "pixels": pixels}))
            return x, Out(pixels * c_out), pixels, scratch, layer

        return Call("tce_conv1x1_s8", arguments, pixels * k * c_out)

    def conv(self, window: Window, c_out: int, missing: tuple[int, ...] = ()) -> Call:
        rows, k = self._rows(window, missing), window.taps * window.channels
        weights, scales = self.weights(c_out, window.kernel_h, window.kernel_w, window.channels), self.scales(c_out)
        bias = self.biases(scales, k)

        def arguments(isa: str) -> tuple[Any, ...]:
            w = self.packed("tce_conv_s8", isa, weights)
            product = Struct(w, bias, *self.split(scales), k, c_out, self.output)
            layer = Struct(window.fields(), product, self.in_zero_point)
            numbers = {"window": window.numbers(), "product": {"k": k, "c_out": c_out}}
            return rows, Out(window.out_w * c_out), Scratch(scratch_bytes("tce_conv_s8", isa, numbers)), layer

        return Call("tce_conv_row_s8", arguments, window.out_w * k * c_out)

    def depthwise(self, window: Window, missing: tuple[int, ...] = (), multiplier: int = 1) -> Call:
        kernel = "tce_depthwise" if multiplier == 1 else "tce_depthwise_multi"
        rows, outputs = self._rows(window, missing), window.channels * multiplier
        weights, scales = self.weights(window.kernel_h, window.kernel_w, outputs), self.scales(outputs)
        bias = self.biases(scales, window.taps)

        def arguments(isa: str) -> tuple[Any, ...]:
            w = self.packed(f"{kernel}_s8", isa, weights)
            layer = Struct(window.fields(), w, bias, *self.split(scales), multiplier, self.in_zero_point, self.output)
            scratch = Scratch(scratch_bytes(f"{kernel}_s8", isa, {"window": window.numbers()}))
            return rows, Out(window.out_w * outputs), scratch, layer

        return Call(f"{kernel}_row_s8", arguments, window.out_w * window.taps * outputs)

    def _rows(self, window: Window, missing: tuple[int, ...]) -> Rows:
        """Rows in any order of addresses, as a ring holds them."""
        rows: list[np.ndarray | None] = [self.codes(window.in_w, window.channels) for _ in range(window.kernel_h)]
        return Rows(*(None if i in missing else row for i, row in enumerate(rows)))

    def dense(self, rows: int, c_in: int, c_out: int) -> Call:
        x, weights, scales = self.codes(rows, c_in), self.weights(c_out, c_in), self.scales(c_out)
        bias = self.biases(scales, c_in)

        def arguments(isa: str) -> tuple[Any, ...]:
            w = self.packed("tce_dense_s8", isa, weights)
            layer = Struct(w, bias, *self.split(scales), c_in, c_out, self.output)
            scratch = Scratch(scratch_bytes("tce_dense_s8", isa, {"c_in": c_in, "c_out": c_out}))
            return x, Out(rows * c_out), rows, scratch, layer

        return Call("tce_dense_s8", arguments, rows * c_in * c_out)

    def table(self, count: int) -> Call:
        x, table = self.codes(count), self.codes(256)
        return Call("tce_table_s8", lambda isa: (x, Out(count), count, table), count)

    def add(self, size: tuple[int, int, int], repeats: tuple[int, ...] = (), sign: int = 1) -> Call:
        """tce_add_s8 of two scales, as LiteRT derives its factors; a has the larger one where they are added.

        repeats: axes along which b is broadcast.
        """
        s_a, s_b = self.rng.choice([1.0, 1.0, 0.5, *self.rng.uniform(0.03, 1.0, 4)], 2).astype(np.float32)
        s_a, s_b = (max(s_a, s_b), min(s_a, s_b)) if sign > 0 else (s_a, s_b)
        spread = np.float32(1.01 if self.fine else self.rng.uniform(0.2, 3.0))  # of the output, by that of the inputs
        factors = [x for factor in add_multipliers(s_a, s_b, spread * max(s_a, s_b)) for x in factor]
        return self._binary("tce_add_s8", size, repeats, sign, factors)

    def binary(self, function: str, size: tuple[int, int, int], repeats: tuple[int, ...] = ()) -> Call:
        """tce_add_s8 or tce_mul_s8 with factors of every kind."""
        factors = [int(x) for x in self.scales(3).reshape(-1)]
        factors[1::2] = [min(shift, 0) for shift in factors[1::2]]  # 255 << 20 leaves no room for more
        return self._binary(function, size, repeats, int(self.rng.choice([-1, 1])), factors)

    def _binary(
        self, function: str, size: tuple[int, int, int], repeats: tuple[int, ...], sign: int, factors: list[int]
    ) -> Call:
        small = tuple(1 if i in repeats else n for i, n in enumerate(size))
        a, b = self.codes(*size), self.codes(*small)
        dense = [(n[1] * n[2], n[2], 1) for n in (size, small)]
        steps = tuple(0 if i in repeats else step for i, step in enumerate(dense[1]))
        zero_points = [int(z) for z in self.rng.integers(-128, 128, 2)]
        layer = Struct(size, dense[0], steps, *zero_points, *factors[:4], sign, *factors[4:], self.output)
        count = int(np.prod(size))
        return Call(function, lambda isa: (a, b, Out(count), layer), count)

    def mul_channels(self, pixels: int, channels: int) -> Call:
        x, gate = self.codes(pixels, channels), self.codes(channels)
        nothing, scale = (0,) * 9, self.scales(1)[0]
        layer = Struct(nothing, self.in_zero_point, -128, (0,) * 5, *scale, self.output)
        count = pixels * channels
        return Call("tce_mul_channels_s8", lambda isa: (x, gate, Out(count), pixels, channels, layer), count)

    def mean_add(self, pixels: int, channels: int) -> Call:
        x = self.codes(pixels, channels)
        return Call(
            "tce_mean_add_s8", lambda isa: (x, Sums(channels), pixels, channels), pixels * channels
        )  # fmt: skip

    def mean(self, outer: int, reduce_a: int, middle: int, reduce_b: int, inner: int) -> Call:
        sizes = (outer, reduce_a, middle, reduce_b, inner)
        x = self.codes(*sizes)
        layer = Struct(*sizes, -reduce_a * reduce_b * self.in_zero_point, *self.scales(1)[0], self.output)
        return Call("tce_mean_s8", lambda isa: (x, Out(outer * middle * inner), layer), x.size)


@dataclass(frozen=True)
class Window:
    """tce_window with the padding that gives out_w."""

    in_w: int
    channels: int
    kernel_h: int = 3
    kernel_w: int = 3
    stride_w: int = 1
    dilation_w: int = 1
    pad_left: int = 1
    pad_right: int = 1

    @property
    def out_w(self) -> int:
        """Output columns; below 1 where the window is wider than the padded row."""
        return (self.in_w + self.pad_left + self.pad_right - (self.kernel_w - 1) * self.dilation_w - 1) // (
            self.stride_w
        ) + 1

    @property
    def taps(self) -> int:
        return self.kernel_h * self.kernel_w

    def numbers(self) -> dict[str, int]:
        """The fields of tce_window by name."""
        return {
            "in_w": self.in_w, "channels": self.channels, "out_w": self.out_w, "kernel_h": self.kernel_h,
            "kernel_w": self.kernel_w, "stride_w": self.stride_w, "dilation_w": self.dilation_w,
            "pad_left": self.pad_left,
        }  # fmt: skip

    def fields(self) -> Struct:
        return Struct(*self.numbers().values())


def Sums(channels: int) -> Out:
    """int32 sums; they start from the harness's filling, the same for every variant."""
    return Out(channels, "int32")


def drawn(draw: Callable[[Maker], Call], rounds: int, seed: int) -> Iterator[tuple[Call, object]]:
    """(call, what it was) of `rounds` layers: every store by usual, short, any and small shifts, random and extreme data
    in turn."""
    for i in range(rounds):
        rng = np.random.default_rng([seed, i])
        name = list(OUTPUTS)[i % len(OUTPUTS)]
        shifts = ((-9, -8, -7), SHORT, ANY, (-3, -2, -1))[i % 4]
        maker = Maker(rng, OUTPUTS[name], shifts, extreme=i % 3 == 2 and i % 4 != 3,
                      in_zero_point=int(rng.integers(-128, 128)), fine=i % 4 == 3)  # fmt: skip
        yield draw(maker), (i, name, maker)


def drawn_sum(m: Maker) -> Call:
    """tce_add_s8, dense and broadcast; factors as LiteRT derives them, and any."""
    size = (int(m.rng.integers(1, 5)), int(m.rng.integers(1, 5)), int(m.rng.integers(1, 29)))
    repeats: tuple[int, ...] = [(), (), (0,), (1,), (2,), (0, 1, 2)][m.rng.integers(6)]
    if m.rng.random() < 0.3:
        return m.binary("tce_add_s8", size, repeats)
    return m.add(size, repeats, sign=1 if m.rng.random() < 0.8 else -1)
