"""The kernels for cores with MVE give the bytes of the portable ones, whatever the shape and the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.kernel_bench import Out, Struct
from tests.engine.made_layers import Call, Maker, Window, drawn, drawn_sum
from tests.engine.qemu_kernels import compare

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")
pytestmark = pytest.mark.qemu

Draw = Callable[[Maker], Call]


def sweep(draw: Draw, rounds: int, seed: int) -> None:
    compare([call for call, _ in drawn(draw, rounds, seed)])  # in one start of the emulator


@pytest.mark.parametrize(("largest", "seed"), [((12, 50, 15), 1), ((6, 3, 15), 2), ((5, 200, 9), 3)])
def test_1x1_convolutions_of_any_shape(largest: tuple[int, int, int], seed: int) -> None:
    sweep(lambda m: m.conv1x1(*(int(m.rng.integers(1, n + 1)) for n in largest)), 180, seed)


def test_a_1x1_convolution_of_no_pixels_writes_nothing() -> None:
    compare([Maker(np.random.default_rng(4)).conv1x1(0, k, 8) for k in (1, 8, 64)])


def _missing(m: Maker) -> tuple[int, ...]:
    choices: list[tuple[int, ...]] = [(), (), (), (0,), (2,), (0, 1), (1, 2), (0, 1, 2)]
    return choices[m.rng.integers(len(choices))]


def test_3x3_depthwise_of_any_stride_and_padding() -> None:
    def draw(m: Maker) -> Call:
        pads = m.rng.integers(0, 2, 2)
        window = Window(int(m.rng.integers(3, 16)), int(m.rng.integers(1, 40)), stride_w=int(m.rng.integers(1, 3)),
                        pad_left=int(pads[0]), pad_right=int(pads[1]))  # fmt: skip
        return m.depthwise(window, _missing(m))

    sweep(draw, 180, 5)


def test_depthwise_of_one_channel() -> None:
    def draw(m: Maker) -> Call:
        window = Window(int(m.rng.integers(3, 70)), 1, stride_w=int(m.rng.integers(1, 4)))
        return m.depthwise(window, _missing(m))

    sweep(draw, 60, 6)


def test_depthwise_of_rows_narrower_than_the_window() -> None:
    windows = [
        Window(in_w, channels, stride_w=stride, pad_left=left, pad_right=right)
        for in_w in (1, 2, 3, 4)
        for channels in (1, 5, 16)
        for stride in (1, 2)
        for left, right in ((0, 1), (1, 0), (1, 1), (3, 3))
    ]
    compare([Maker(np.random.default_rng(7)).depthwise(w) for w in windows if w.out_w > 0])


def test_depthwise_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel, pads = m.rng.integers(1, 7, 2), m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(12, 16)), int(m.rng.integers(1, 24)), int(kernel[0]), int(kernel[1]),
                        int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), int(pads[0]), int(pads[1]))  # fmt: skip
        return m.depthwise(window, () if m.rng.random() < 0.7 else (0,))

    sweep(draw, 180, 8)


def test_convolutions_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel, pads = m.rng.integers(1, 5, 2), m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(8, 24)), int(m.rng.integers(1, 20)), int(kernel[0]), int(kernel[1]),
                        int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), int(pads[0]), int(pads[1]))  # fmt: skip
        return m.conv(window, int(m.rng.integers(1, 8)), () if m.rng.random() < 0.7 else (0,))

    sweep(draw, 100, 9)


def test_dense_layers_round_once() -> None:
    sweep(lambda m: m.dense(*(int(m.rng.integers(1, n)) for n in (4, 60, 9))), 120, 10)
    compare([Maker(np.random.default_rng(11), shifts=(-18, -9), extreme=e).dense(2, 1301, 5) for e in (False, True)])


def test_elementwise_kernels() -> None:
    def size(m: Maker) -> int:
        return int(m.rng.integers(1, 90))

    def few(m: Maker) -> int:
        return int(m.rng.integers(1, 6))

    sweep(lambda m: m.table(size(m)), 20, 12)
    sweep(drawn_sum, 240, 13)
    sweep(lambda m: m.mean_add(size(m), size(m)), 60, 14)
    sweep(lambda m: m.mean(2, few(m), few(m), few(m), int(m.rng.integers(1, 24))), 60, 15)


def test_a_mean_of_more_pixels_than_16_bits_hold() -> None:
    maker = Maker(np.random.default_rng(16), extreme=True)
    compare([maker.mean(1, 700, 1, 1, 5), maker.mean(1, 30, 2, 300, 9), maker.mean_add(700, 45)])


def test_means_that_have_been_summed_row_by_row() -> None:
    def draw(m: Maker) -> Call:
        channels = int(m.rng.integers(1, 40))
        sums = m.rng.integers(-4000, 4000, channels).astype(np.int32)
        layer = Struct(0, 0, 0, 0, 0, 77, *m.scales(1)[0], m.output)
        return Call("tce_mean_finish_s8", lambda isa: (sums, Out(channels), channels, layer), channels)

    sweep(draw, 60, 17)


def test_gates_of_squeeze_and_excite() -> None:
    def draw(m: Maker) -> Call:
        usual = dataclasses.replace(m, shifts=tuple(s for s in m.shifts if s < 14))
        return usual.mul_channels(int(m.rng.integers(1, 9)), int(m.rng.integers(1, 45)))

    sweep(draw, 120, 18)


def test_weights_may_lie_at_any_address() -> None:
    maker = Maker(np.random.default_rng(19), odd_weights=True)
    compare([maker.conv1x1(5, 23, 6), maker.dense(1, 70, 5), maker.depthwise(Window(7, 6))])


@pytest.mark.parametrize(
    ("draw", "limit"),
    [
        (lambda m: m.conv1x1(32, 1, 72), 3.8),
        (lambda m: m.conv1x1(50, 16, 64), 0.42),
        (lambda m: m.conv1x1(32, 36, 208), 0.30),
        (lambda m: m.conv1x1(16, 64, 64), 0.20),
        (lambda m: m.conv1x1(13, 256, 64), 0.15),
        (lambda m: m.depthwise(Window(32, 72)), 0.85),
        (lambda m: m.depthwise(Window(8, 370, 5, 5, pad_left=2, pad_right=2)), 2.1),
        (lambda m: m.dense(1, 288, 256), 0.29),
        (lambda m: m.table(1024), 0.29),
        (lambda m: m.mean_add(50, 64), 0.40),
        (lambda m: m.mul_channels(25, 128), 3.0),
        (lambda m: m.add((1, 1, 1024)), 5.0),
    ],
)
def test_a_unit_of_work_costs_no_more_instructions_than_it_did(draw: Draw, limit: float) -> None:
    call = draw(Maker(np.random.default_rng(20)))
    (spent,) = compare([call])
    assert spent / call.units <= limit
