"""How weights lie in flash, and what scratch is needed, for the kernels of cores with MVE (Cortex-M55).

Each layout takes the plain int8 array and returns as many bytes, flat. The kernels' headers describe the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

STEP = 16  # inputs of one vector: TCE_STEP of mve/tce_conv1x1_s8.c
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


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"tce_conv1x1_s8": product, "tce_conv_s8": product}
SCRATCH: dict[str, Callable[[Mapping[str, Any]], int]] = {}
