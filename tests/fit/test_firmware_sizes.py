"""Sizes of code and constants against symbols of images that were linked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyclap_edge.boards import find_board
from tinyclap_edge.device.toolchain import find_zig
from tinyclap_edge.fit.calibrate_code import Built, build_sample
from tinyclap_edge.fit.configuration import parse_configuration
from tinyclap_edge.fit.firmware_sizes import struct_bytes
from tinyclap_edge.fit.instruction_model import machine_of

GATED = "phinet:alpha=0.2,t0=2,N=4,se=1,hswish=0,padding=same;mels=32,hop_ms=10,window_s=0.64,r=20"
PLAIN = "phinet:alpha=0.2,t0=2,N=4,se=0,hswish=0,padding=same;mels=32,hop_ms=20,window_s=0.64,r=20"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_zig() is None, reason="no compiler for boards")]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A firmware with squeeze-and-excite, whose frames share more than half of their samples."""
    folder = tmp_path_factory.mktemp("gated")
    return build_sample(parse_configuration(GATED), find_board("stm32f4"), "dsp", 1, 4, folder, runs=False)


def test_no_image_pays_for_a_memmove(gated: Built) -> None:
    """470 bytes that only frames with more than half in common would link, so that no base of a front end knew them."""
    names = {name.partition("@")[0] for held in gated.symbols.values() for name in held}
    assert "memcpy" in names and not [name for name in names if "memmove" in name]


def test_structs_of_layers_are_counted_as_they_are_linked(gated: Built) -> None:
    linked = sum(
        size for held in gated.symbols.values() for name, size in held.items() if name.partition("@")[0].endswith(".layer")
    )  # fmt: skip
    assert sum(struct_bytes(work) for work in gated.plan.work) == linked > 0


def test_the_kernel_of_a_stream_is_calibrated_like_any_other(tmp_path: Path) -> None:
    board = find_board("stm32f4")
    built = build_sample(
        parse_configuration(PLAIN), board, "dsp", 1, 4, tmp_path / "stream", runs=False, schedule="continuous"
    )
    known = machine_of(board).code["kernels"]
    linked = {name: sum(built.symbols[name].values()) for name in built.plan.kernels if "mean" in name}
    assert "tce_mean_slide_s8" in linked and {name: known.get(name) for name in linked} == linked
