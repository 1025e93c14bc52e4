"""The matrix product on MVE: the portable kernel's bytes, at a quarter of an instruction a multiply-add."""

from __future__ import annotations

import pytest
from kernel_cases import Case, Data, conv1x1
from qemu_kernels import compare

pytestmark = pytest.mark.qemu

# (inputs, outputs, pixels): every remainder of the vectors, of the blocks of four channels and of the pairs of pixels
SHAPES = [
    (1, 8, 5), (1, 7, 3), (2, 9, 4), (3, 4, 2), (5, 5, 3), (12, 8, 4), (15, 4, 1), (16, 8, 3), (17, 9, 2), (24, 6, 5),
    (31, 4, 4), (36, 8, 7), (64, 8, 4), (72, 12, 3), (80, 4, 4), (96, 4, 5), (128, 3, 3), (200, 8, 2), (144, 4, 4),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["random", "extreme", "ties"])
def test_products_equal_the_portable_kernel(kind: str) -> None:
    cases = [
        conv1x1(Data(seed, kind), "mve", *shape, clamp=clamp, table=table, left=left)
        for seed, shape in enumerate(SHAPES)
        for clamp in ("none", "relu", "narrow")
        for table, left in ((False, False), (True, False), (False, True), (True, True))
    ]
    compare(cases)


def test_no_pixels_write_nothing() -> None:
    compare([conv1x1(Data(1), "mve", k, 8, 0) for k in (1, 8, 64)])


@pytest.mark.parametrize(
    ("k", "c_out", "pixels", "limit"),
    [(16, 64, 50, 0.42), (24, 128, 25, 0.40), (36, 208, 32, 0.30), (64, 64, 16, 0.20), (256, 64, 13, 0.15)],
)
def test_a_multiply_add_costs_a_fraction_of_an_instruction(k: int, c_out: int, pixels: int, limit: float) -> None:
    case: Case = conv1x1(Data(2), "mve", k, c_out, pixels)
    (spent,) = compare([case])
    assert spent / case.work <= limit
