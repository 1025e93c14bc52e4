"""The kernels for cores with the DSP extension give the bytes of the portable ones, whatever the shape and the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.bare_function import has_compiler
from tests.engine.kernel_bench import kernels
from tests.engine.made_layers import OUTPUTS, Call, Maker, Window, drawn, drawn_sum

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")

DSP_CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
Draw = Callable[[Maker], Call]


def check(call: Call, core: str, what: object, compiler: str = "zig", optimise: str = "-O3") -> None:
    expected, _ = call.run(kernels("cortex-m4", "portable"), "portable")
    got, _ = call.run(kernels(core, "dsp", compiler, optimise), "dsp")
    wrong = np.flatnonzero(got != expected)
    assert wrong.size == 0, f"{call.function} {what}: {wrong.size} of {got.size} differ, first at {wrong[0]}"


def sweep(core: str, draw: Draw, rounds: int, seed: int) -> None:
    for call, what in drawn(draw, rounds, seed):
        check(call, core, what)


@pytest.mark.parametrize("core", DSP_CORES)
def test_1x1_convolutions_of_any_shape(core: str) -> None:
    sweep(core, lambda m: m.conv1x1(*(int(m.rng.integers(1, n)) for n in (12, 50, 15))), 60, 1)


def test_a_1x1_convolution_of_more_pixels_than_are_widened_at_once() -> None:
    check(Maker(np.random.default_rng(2)).conv1x1(131, 33, 5), "cortex-m4", "131 pixels")
    check(Maker(np.random.default_rng(3)).conv1x1(7, 678, 3), "cortex-m4", "678 values")


@pytest.mark.parametrize("core", DSP_CORES)
def test_3x3_depthwise_of_any_stride_and_padding(core: str) -> None:
    def draw(m: Maker) -> Call:
        pads = m.rng.integers(0, 2, 2)
        window = Window(int(m.rng.integers(3, 16)), int(m.rng.integers(1, 10)), stride_w=int(m.rng.integers(1, 3)),
                        pad_left=int(pads[0]), pad_right=int(pads[1]))  # fmt: skip
        missing = [(), (), (), (0,), (2,), (0, 1), (1, 2), (0, 1, 2)][m.rng.integers(8)]
        return m.depthwise(window, missing)

    sweep(core, draw, 90, 4)


@pytest.mark.parametrize("in_w", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_3x3_depthwise_of_rows_narrower_than_the_window(in_w: int, stride: int) -> None:
    for pads in ((0, 1), (1, 0), (1, 1)):
        window = Window(in_w, 5, stride_w=stride, pad_left=pads[0], pad_right=pads[1])
        if window.out_w > 0:
            check(Maker(np.random.default_rng(5)).depthwise(window), "cortex-m4", window)


def test_depthwise_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel, pads = m.rng.integers(1, 6, 2), m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(9, 14)), int(m.rng.integers(1, 11)), int(kernel[0]), int(kernel[1]),
                        int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), int(pads[0]), int(pads[1]))  # fmt: skip
        return m.depthwise(window, () if m.rng.random() < 0.7 else (0,))

    sweep("cortex-m4", draw, 60, 6)
    sweep("cortex-m4", lambda m: m.depthwise(Window(9, 3, dilation_w=2, pad_left=2, pad_right=2)), 4, 7)


def test_convolutions_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel, pads = m.rng.integers(1, 5, 2), m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(8, 14)), int(m.rng.integers(1, 6)), int(kernel[0]), int(kernel[1]),
                        int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), int(pads[0]), int(pads[1]))  # fmt: skip
        return m.conv(window, int(m.rng.integers(1, 8)), () if m.rng.random() < 0.7 else (0,))

    sweep("cortex-m4", draw, 40, 8)


@pytest.mark.parametrize("core", DSP_CORES)
def test_dense_layers_round_once(core: str) -> None:
    sweep(core, lambda m: m.dense(*(int(m.rng.integers(1, n)) for n in (4, 60, 9))), 60, 9)


def test_dense_layers_of_more_inputs_than_one_sum_holds() -> None:
    for extreme in (False, True):
        maker = Maker(np.random.default_rng(10), extreme=extreme, shifts=(-18, -9))
        check(maker.dense(2, 1301, 5), "cortex-m4", extreme)


@pytest.mark.parametrize("core", DSP_CORES)
def test_elementwise_kernels(core: str) -> None:
    def size(m: Maker) -> int:
        return int(m.rng.integers(1, 40))

    def dim(m: Maker) -> int:
        return int(m.rng.integers(1, 6))

    sweep(core, lambda m: m.table(size(m)), 10, 11)
    sweep(core, drawn_sum, 120, 12)
    sweep(core, lambda m: m.mean_add(size(m), int(m.rng.integers(1, 14))), 20, 13)
    sweep(core, lambda m: m.mean(2, dim(m), dim(m), dim(m), int(m.rng.integers(1, 11))), 20, 14)


@pytest.mark.parametrize("core", DSP_CORES)
def test_gates_of_squeeze_and_excite(core: str) -> None:
    def draw(m: Maker) -> Call:
        usual = dataclasses.replace(m, shifts=tuple(s for s in m.shifts if s < 14))
        return usual.mul_channels(int(m.rng.integers(1, 9)), int(m.rng.integers(1, 14)))

    sweep(core, draw, 40, 15)


def test_a_mean_of_more_pixels_than_16_bits_hold() -> None:
    maker = Maker(np.random.default_rng(16), extreme=True)
    check(maker.mean(1, 700, 1, 1, 5), "cortex-m4", "700 rows")
    check(maker.mean_add(700, 5), "cortex-m4", "700 pixels")


def test_weights_may_lie_at_any_address() -> None:
    maker = Maker(np.random.default_rng(17), odd_weights=True)
    check(maker.conv1x1(5, 23, 6), "cortex-m4", "1x1")
    check(maker.dense(1, 70, 5), "cortex-m4", "dense")
    check(maker.depthwise(Window(7, 6)), "cortex-m4", "depthwise")


@pytest.mark.parametrize(("compiler", "optimise"), [("gcc", "-O2"), ("zig", "-O1")])
def test_other_compilers_and_options_give_the_same_bytes(compiler: str, optimise: str) -> None:
    if not has_compiler(compiler):
        pytest.skip(f"no {compiler}")
    for i, (name, output) in enumerate(OUTPUTS.items()):
        m = Maker(np.random.default_rng([18, i]), output)
        calls = (m.conv1x1(7, 23, 7), m.conv(Window(8, 3), 5), m.depthwise(Window(9, 6)), m.depthwise(Window(9, 5, 5, 5)),
                 m.depthwise(Window(8, 5, stride_w=2, pad_left=0)), m.dense(2, 39, 5), m.add((1, 1, 21)), m.table(21),
                 m.mul_channels(5, 7), m.mean_add(19, 6), m.mean(1, 19, 1, 1, 6))  # fmt: skip
        for call in calls:
            check(call, "cortex-m4", (compiler, optimise, name), compiler, optimise)
