"""How weights lie in flash, and what scratch is needed, for the kernels of RV32IM cores.

Each layout takes the plain int8 array and returns as many bytes, flat. The kernels' headers describe the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SIDE = 4  # channels of a block: TCE_SIDE of rv32/tce_conv1x1_s8.c


def product(weights: np.ndarray) -> np.ndarray:
    """(c_out, ...) to blocks of four channels, input by input: [c_out / 4][k][4]; the rest of the channels as they are."""
    rows = weights.reshape(weights.shape[0], -1)  # (c_out, k)
    whole = rows.shape[0] // SIDE * SIDE
    blocks = rows[:whole].reshape(whole // SIDE, SIDE, rows.shape[1]).transpose(0, 2, 1)
    return np.concatenate([blocks.reshape(-1), rows[whole:].reshape(-1)])


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"tce_conv1x1_s8": product, "tce_conv_s8": product}
SCRATCH: dict[str, Callable[[Mapping[str, Any]], int]] = {}
