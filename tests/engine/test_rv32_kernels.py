"""The kernels for RV32IM cores give the bytes of the portable ones, whatever the shape and the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.kernel_bench import kernels
from tests.engine.made_layers import Call, Maker, Window, drawn

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")

CORE = "rv32imc"
Draw = Callable[[Maker], Call]


def check(call: Call, what: object) -> None:
    expected, _ = call.run(kernels(CORE, "portable"), "portable")
    got, _ = call.run(kernels(CORE, "rv32"), "rv32")
    wrong = np.flatnonzero(got != expected)
    assert wrong.size == 0, f"{call.function} {what}: {wrong.size} of {got.size} differ, first at {wrong[0]}"


def sweep(draw: Draw, rounds: int, seed: int) -> None:
    for call, what in drawn(draw, rounds, seed):
        check(call, what)


def test_1x1_convolutions_of_any_shape() -> None:
    sweep(lambda m: m.conv1x1(*(int(m.rng.integers(1, n)) for n in (12, 50, 15))), 120, 1)


def test_a_1x1_convolution_of_no_pixels_writes_nothing() -> None:
    check(Maker(np.random.default_rng(2)).conv1x1(0, 9, 6), "no pixels")


def test_3x3_depthwise_of_any_stride_and_padding() -> None:
    def draw(m: Maker) -> Call:
        pads = m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(3, 16)), int(m.rng.integers(1, 10)), stride_w=int(m.rng.integers(1, 4)),
                        pad_left=int(pads[0]), pad_right=int(pads[1]))  # fmt: skip
        missing = [(), (), (), (0,), (2,), (0, 1), (1, 2), (0, 1, 2)][m.rng.integers(8)]
        return m.depthwise(window, missing)

    sweep(draw, 160, 3)


@pytest.mark.parametrize("in_w", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_3x3_depthwise_of_rows_narrower_than_the_window(in_w: int, stride: int) -> None:
    for pads in ((0, 0), (0, 1), (1, 0), (1, 1), (3, 3)):
        window = Window(in_w, 5, stride_w=stride, pad_left=pads[0], pad_right=pads[1])
        if window.out_w > 0:
            check(Maker(np.random.default_rng(4)).depthwise(window), window)


def test_depthwise_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel, pads = m.rng.integers(1, 6, 2), m.rng.integers(0, 3, 2)
        window = Window(int(m.rng.integers(9, 14)), int(m.rng.integers(1, 11)), int(kernel[0]), int(kernel[1]),
                        int(m.rng.integers(1, 4)), int(m.rng.integers(1, 3)), int(pads[0]), int(pads[1]))  # fmt: skip
        return m.depthwise(window, () if m.rng.random() < 0.7 else (0,))

    sweep(draw, 60, 5)


def test_convolutions_of_any_window() -> None:
    def draw(m: Maker) -> Call:
        kernel = m.rng.integers(1, 5, 2)
        window = Window(int(m.rng.integers(8, 14)), int(m.rng.integers(1, 6)), int(kernel[0]), int(kernel[1]))
        return m.conv(window, int(m.rng.integers(1, 8)), () if m.rng.random() < 0.7 else (0,))

    sweep(draw, 40, 6)


def test_weights_may_lie_at_any_address() -> None:
    maker = Maker(np.random.default_rng(7), odd_weights=True)
    check(maker.conv1x1(5, 23, 6), "1x1")
    check(maker.depthwise(Window(7, 6)), "depthwise")


@pytest.mark.parametrize(
    ("draw", "limit"),
    [
        (lambda m: m.conv1x1(16, 16, 64), 4.3),
        (lambda m: m.conv1x1(16, 36, 208), 3.4),
        (lambda m: m.conv1x1(8, 64, 64), 3.1),
        (lambda m: m.conv1x1(2, 648, 16), 3.0),
        (lambda m: m.depthwise(Window(32, 24)), 5.1),
        (lambda m: m.depthwise(Window(32, 24, stride_w=2)), 6.7),
    ],
)
def test_a_multiply_add_costs_no_more_instructions_than_it_did(draw: Draw, limit: float) -> None:
    call = draw(Maker(np.random.default_rng(8)))
    _, spent = call.run(kernels(CORE, "rv32"), "rv32")
    assert spent / call.units <= limit
