"""Terms of the instruction model: what a kernel's loops count, for one call, from the sizes of its layer.

A term is a number of turns of a loop (or of entries to it); the model multiplies each by the instructions of a turn, which
`calibration.json` holds. Which terms a kernel has follows its source: firmware/engine/tce_*.c and the variants of a core
in dsp/, mve/, rv32/. Every function works on whole numbers and on NumPy arrays of them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Number = Any  # int or an integer array
Terms = dict[str, Number]

DSP_PIXEL_BYTES = 2304  # TCE_PIXEL_BYTES of dsp/tce_conv1x1_s8.c
MVE_STEP, MVE_CHAIN, MVE_GROUP, MVE_SIDE = 16, 4, 16, 4


@dataclass(frozen=True)
class Shape:
    """Sizes of one call. pixels: outputs of a row (or of a map); channels: of the input of a window, of the output
    otherwise; k: inputs of a product; missing: share of the calls whose window leaves the map above or below."""

    pixels: Number = 1
    channels: Number = 1
    k: Number = 1
    in_w: Number = 1
    kernel: int = 1
    stride: int = 1
    pad_left: Number = 0
    pad_right: Number = 0
    missing: Number = 0.0


def _linear(s: Shape) -> Terms:
    """Any kernel that passes once over its elements."""
    return {"call": 1, "element": s.pixels * s.channels}


def _add_mve(s: Shape) -> Terms:
    """Elements by fours; what is left takes a call of its own, which tells the lanes that exist."""
    elements = s.pixels * s.channels
    return {"call": 1, "four": elements // 4, "rest": np.minimum(elements % 4, 1)}


def _mean_add(s: Shape) -> Terms:
    return {"call": 1, "channel": s.channels, "pixel": s.pixels, "element": s.pixels * s.channels}


def _conv1x1_dsp(s: Shape) -> Terms:
    """Chunks of pixels are widened; for each, pairs of channels: weights widened, then pairs of pixels by quads of taps."""
    whole, rest = s.k // 4, np.minimum(s.k % 4, 1)
    quads = whole + rest
    chunk = np.maximum(4, DSP_PIXEL_BYTES // (8 * quads) // 2 * 2)
    chunks = -(-s.pixels // chunk)
    pairs, odd = s.pixels // chunk * (chunk // 2) + s.pixels % chunk // 2, s.pixels % 2
    blocks, last = s.channels // 2, s.channels % 2
    computed = blocks + last
    turns = -(-quads // 8)
    return {
        "call": 1, "chunk": chunks, "widen": (pairs + odd * 0.6) * whole, "widen rest": (pairs + odd) * rest,
        "block": chunks * blocks, "block quad": chunks * blocks * whole, "block rest": chunks * blocks * rest,
        "last channel": chunks * last, "last channel quad": chunks * last * quads,
        "pair": computed * pairs, "pair quad": computed * pairs * quads, "pair turn": computed * pairs * turns,
        "odd": computed * odd, "odd quad": computed * odd * quads,
    }  # fmt: skip


def _depthwise_dsp(s: Shape) -> Terms:
    """Channel by channel along the row; with missing rows a channel's weights are cleared first."""
    return {"call": 1, "channel": s.channels, "output": s.channels * s.pixels, "missing": s.channels * s.missing,
            "right edge": s.channels * s.pad_right}  # fmt: skip


def _depthwise_dsp_any(s: Shape) -> Terms:
    columns = (s.pixels - 1) * s.stride + s.kernel
    return {"call": 1, "channel": s.channels, "line": s.channels * columns * s.kernel,
            "output": s.channels * s.pixels, "missing": s.channels * columns * s.missing}  # fmt: skip


def _conv1x1_mve(s: Shape) -> Terms:
    """Blocks of four channels by pairs of pixels, 16 inputs a step, four steps a turn of the chain."""
    blocks, left = s.channels // 4, np.minimum(s.channels % 4, 1)
    pairs, steps, rest = (s.pixels + 1) // 2, s.k // MVE_STEP, np.minimum(s.k % MVE_STEP, 1)
    turns = np.maximum(0, steps - 1) // MVE_CHAIN
    return {
        "call": 1, "block": blocks, "block rest": blocks * rest, "pair": blocks * pairs,
        "pair step": blocks * pairs * steps, "pair turn": blocks * pairs * turns, "pair rest": blocks * pairs * rest,
        "left": left, "left pixel": left * s.pixels, "left step": left * s.pixels * steps,
    }  # fmt: skip


def _broad_mve(s: Shape) -> Terms:
    """One or two inputs: the channels fill the vectors."""
    blocks, left = s.channels // 4, np.minimum(s.channels % 4, 1)
    return {"call": 1, "block": blocks, "pair": blocks * (s.pixels // 2), "odd": blocks * (s.pixels % 2),
            "left": left, "left pixel": left * s.pixels}  # fmt: skip


def _depthwise_mve(s: Shape) -> Terms:
    """Sixteen channels are interleaved, padding included; then blocks of four channels by pairs of pixels."""
    columns = (s.pixels - 1) * s.stride + MVE_SIDE
    groups, part = s.channels // MVE_GROUP, np.minimum(s.channels % MVE_GROUP, 1)
    blocks = -(-s.channels // 4)
    return {"call": 1, "group": groups, "column": groups * columns, "part": part, "part column": part * columns,
            "block": blocks, "pair": blocks * ((s.pixels + 1) // 2), "uneven": np.minimum(s.channels % 4, 1)}  # fmt: skip


def _single_mve(s: Shape) -> Terms:
    """A map of one channel."""
    return {"call": 1, "column": (s.pixels - 1) * s.stride + MVE_SIDE, "four": -(-s.pixels // 4),
            "missing": s.missing, "pixel": s.pixels}  # fmt: skip


def _large_mve(s: Shape) -> Terms:
    taps = s.kernel * s.kernel
    eights = -(-s.channels // 8)
    return {"call": 1, "pixel": s.pixels, "tap": s.pixels * taps, "tap sixteen": s.pixels * taps * (-(-s.channels // 16)),
            "eight": s.pixels * eights, "eight tap": s.pixels * eights * taps}  # fmt: skip


def _conv1x1_rv32(s: Shape) -> Terms:
    """Blocks of four channels by four pixels, by pairs after them; inputs four a turn; then single channels."""
    blocks, left = s.channels // 4, s.channels % 4
    fours, pairs = s.pixels // 4, (s.pixels % 4 + 1) // 2
    whole, rest = s.k // 4, s.k % 4
    return {
        "call": 1, "block": blocks, "four": blocks * fours, "four quad": blocks * fours * whole,
        "four input": blocks * fours * rest, "pair": blocks * pairs, "pair quad": blocks * pairs * whole,
        "pair input": blocks * pairs * rest, "left": left, "left pixel": left * s.pixels,
        "left input": left * s.pixels * s.k,
    }  # fmt: skip


def _depthwise_rv32(s: Shape) -> Terms:
    return {"call": 1, "channel": s.channels, "output": s.channels * s.pixels, "missing": s.channels * s.missing,
            "right edge": s.channels * s.pad_right}  # fmt: skip


def _taps(s: Shape) -> Terms:
    """Taps copied to scratch for every pixel, four channels at a time."""
    taps, fours, left = s.kernel * s.kernel, s.channels // 4, s.channels % 4
    return {"call": 1, "pixel": s.pixels, "tap": s.pixels * taps, "copied": s.pixels * taps * s.channels,
            "four": s.pixels * fours, "four tap": s.pixels * fours * taps,
            "left": s.pixels * left, "left tap": s.pixels * left * taps}  # fmt: skip


def _conv1x1_portable(s: Shape) -> Terms:
    """Two pixels by two channels, inputs four a turn; then single channels, then a single pixel."""
    pairs, odd, blocks, left = s.pixels // 2, s.pixels % 2, s.channels // 2, s.channels % 2
    whole, rest = s.k // 4, s.k % 4
    return {
        "call": 1, "pair": pairs, "block": pairs * blocks, "block quad": pairs * blocks * whole,
        "block input": pairs * blocks * rest, "left": pairs * left, "left input": pairs * left * s.k,
        "odd": odd, "odd channel": odd * s.channels, "odd input": odd * s.channels * s.k,
    }  # fmt: skip


def _depthwise_portable(s: Shape) -> Terms:
    """Four channels at a time over a pixel's taps; taps of border pixels are copied first."""
    taps, fours, left = s.kernel * s.kernel, s.channels // 4, s.channels % 4
    inner = s.pixels - s.pad_left - s.pad_right
    border = s.pixels - inner * (1 - s.missing)
    return {
        "call": 1, "pixel": s.pixels, "border": border, "border tap": border * taps * s.channels,
        "four": s.pixels * fours, "four tap": s.pixels * fours * taps,
        "left": s.pixels * left, "left tap": s.pixels * left * taps,
    }  # fmt: skip


def _product_conv(s: Shape) -> Terms:
    """A convolution of gathered taps: what it multiplies, what it gathers."""
    return {"call": 1, "gathered": s.pixels * s.k, "pixel": s.pixels, "output": s.pixels * s.channels,
            "product": s.pixels * s.channels * s.k}  # fmt: skip


TERMS: dict[tuple[str, str], Callable[[Shape], Terms]] = {
    ("tce_conv1x1_s8", "dsp"): _conv1x1_dsp,
    ("tce_conv1x1_s8", "mve"): _conv1x1_mve,
    ("tce_conv1x1_s8 broad", "mve"): _broad_mve,
    ("tce_conv1x1_s8", "rv32"): _conv1x1_rv32,
    ("tce_conv1x1_s8", "portable"): _conv1x1_portable,
    ("tce_depthwise_s8", "dsp"): _depthwise_dsp,
    ("tce_depthwise_s8 any", "dsp"): _depthwise_dsp_any,
    ("tce_depthwise_s8", "mve"): _depthwise_mve,
    ("tce_depthwise_s8 single", "mve"): _single_mve,
    ("tce_depthwise_s8 any", "mve"): _large_mve,
    ("tce_add_s8", "mve"): _add_mve,
    ("tce_depthwise_s8", "rv32"): _depthwise_rv32,
    ("tce_depthwise_s8 any", "rv32"): _taps,
    ("tce_depthwise_s8", "portable"): _depthwise_portable,
    ("tce_depthwise_s8 any", "portable"): _depthwise_portable,
}
_ANY_CORE: dict[str, Callable[[Shape], Terms]] = {
    "tce_mean_add_s8": _mean_add,
    "tce_mul_channels_s8": _mean_add,
    "tce_conv_s8": _product_conv,
}


# What a calibration must hold, on a core where it occurs.
MODELLED = {kernel.partition(" ")[0] for kernel, _ in TERMS} | {
    *_ANY_CORE,
    "tce_add_s8",
    "tce_mean_finish_s8",
    "schedule",
}


def terms_of(kernel: str, isa: str, shape: Shape) -> Terms:
    """The terms of one call of a kernel (a key of TERMS); kernels without an entry pass once over their elements."""
    return TERMS.get((kernel, isa), _ANY_CORE.get(kernel, _linear))(shape)
