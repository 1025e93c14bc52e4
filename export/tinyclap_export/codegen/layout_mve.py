"""How weights lie in flash, and what scratch is needed, for the kernels of cores with MVE (Cortex-M55).

Each layout takes the plain int8 array and returns as many bytes, flat. The kernels' headers describe the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

STEP = 16  # inputs of one vector: TCE_STEP of mve/tce_conv1x1_s8.c
PATCH_BYTES = 1024  # TCE_PATCH_BYTES of mve/tce_conv_s8.c
SIDE = 4  # rows and columns of taps in one vector: TCE_SIDE of mve/tce_depthwise_s8.c
GROUP = 16  # channels interleaved together
BROAD = 2  # TCE_BROAD: up to this many inputs the channels fill the vectors


def product(weights: np.ndarray) -> np.ndarray:
    """(c_out, ...) to blocks of four channels: [block][whole steps of 16 inputs][4][16], [block][4][rest].

    The channels after the last whole block follow as they are. With one or two inputs: [input][c_out].
    """
    rows = weights.reshape(weights.shape[0], -1)  # (c_out, k)
    c_out, k = rows.shape
    if k <= BROAD:
        return rows.T.reshape(-1)
    whole = c_out // 4 * 4
    steps, rest = k // STEP, k % STEP
    blocks = rows[:whole].reshape(whole // 4, 4, k)
    body = blocks[:, :, : steps * STEP].reshape(whole // 4, 4, steps, STEP).transpose(0, 2, 1, 3)
    tail = blocks[:, :, steps * STEP :].reshape(whole // 4, 4 * rest)
    whole_blocks = np.concatenate([body.reshape(whole // 4, 4 * steps * STEP), tail], axis=1)
    return np.concatenate([whole_blocks.reshape(-1), rows[whole:].reshape(-1)])


def depthwise(weights: np.ndarray) -> np.ndarray:
    """(kernel_h, kernel_w, channels) to a channel's taps side by side, where they fit one vector; else as it is."""
    if weights.shape[0] > SIDE or weights.shape[1] > SIDE:
        return weights.reshape(-1)
    return weights.transpose(2, 0, 1).reshape(-1)


def depthwise_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: the interleaved columns of a padded row, or the taps of one pixel."""
    w = struct["window"]
    if w["kernel_h"] > SIDE or w["kernel_w"] > SIDE:
        return int(w["kernel_h"] * w["kernel_w"] * w["channels"])
    columns = (w["out_w"] - 1) * w["stride_w"] + (SIDE - 1) * w["dilation_w"] + 1
    if w["channels"] == 1:
        return int(SIDE * (columns + GROUP))  # the last vector may reach behind the row
    return int(SIDE * GROUP * columns)


def conv_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: the gathered taps of an even number of pixels, 2 .. 16."""
    k = struct["product"]["k"]
    return int(k * min(max(PATCH_BYTES // k // 2 * 2, 2), 16))


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tce_conv1x1_s8": product,
    "tce_conv_s8": product,
    "tce_depthwise_s8": depthwise,
}
SCRATCH: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "tce_conv_s8": conv_scratch,
    "tce_depthwise_s8": depthwise_scratch,
}
