"""How weights lie in flash, and what scratch is needed, for the kernels of cores with the DSP extension.

Each layout takes the plain int8 array and returns as many bytes, flat. The kernels' headers describe the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PIXEL_BYTES = 2304  # TCE_PIXEL_BYTES of dsp/tce_conv1x1_s8.c


def product(weights: np.ndarray) -> np.ndarray:
    """(c_out, ...) to pairs of channels by quads of taps: [pair][quad][1, 3 | 0, 2 ...], see dsp/tce_conv1x1_s8.c.

    One word of memory holds taps (t, t + 2) of both channels, so that two SXTB16 give one operand of SMLAD each.
    After all whole quads: the last 1 to 3 taps [pair][tap][channel], then an odd last channel as it is.
    """
    rows = weights.reshape(weights.shape[0], -1)  # (c_out, k)
    c_out, k = rows.shape
    pairs, quads, rest = c_out // 2, k // 4, k % 4
    paired = rows[: 2 * pairs]
    whole = paired[:, : 4 * quads].reshape(pairs, 2, quads, 2, 2)  # pair, channel, quad, tap / 2, tap % 2
    tail = paired[:, 4 * quads :].reshape(pairs, 2, rest)
    return np.concatenate(
        [whole.transpose(0, 2, 4, 3, 1).reshape(-1), tail.transpose(0, 2, 1).reshape(-1), rows[2 * pairs :].reshape(-1)]
    )


def dense(weights: np.ndarray) -> np.ndarray:
    """(c_out, c_in) as `product`; the first channel of each pair plus 128 in its whole quads, see dsp/tce_dense_s8.c."""
    shifted = weights.copy()
    paired, whole = weights.shape[0] & ~1, weights.shape[1] & ~3
    shifted[0:paired:2, :whole] ^= -128  # plus 128 modulo 256
    return product(shifted)


def depthwise(weights: np.ndarray) -> np.ndarray:
    """(..., kernel_h, kernel_w, c) to [c][taps]; 3x3 in the order w00 w01 w10 w11 w02 w20 w12 w21 w22."""
    kernel_h, kernel_w, channels = weights.shape[-3:]
    taps = weights.reshape(kernel_h * kernel_w, channels)
    if (kernel_h, kernel_w) == (3, 3):
        taps = taps[[0, 1, 3, 4, 2, 6, 5, 7, 8]]
    return taps.T.reshape(-1)


def _pixels(k: int) -> int:
    """Pixels of k values that are widened at once."""
    return max(4, PIXEL_BYTES // (8 * _quads(k)) & ~1)


def _quads(k: int) -> int:
    return (k + 3) // 4


def conv1x1_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: a chunk of widened pixels and the widened weights of two channels.

    struct may also hold `pixels`, the most that one call is given.
    """
    quads = _quads(struct["k"])
    return 8 * quads * min(_pixels(struct["k"]), struct.get("pixels", PIXEL_BYTES)) + 16 * quads


def conv_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: the gathered taps of a chunk of pixels before what the product needs."""
    k, out_w = struct["product"]["k"], struct["window"]["out_w"]
    return -(-_pixels(k) * k // 16) * 16 + conv1x1_scratch({"k": k, "pixels": out_w})


def depthwise_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: the columns that one channel's windows see, and its weights, 16 bits each (tce_lines)."""
    w = struct["window"]
    columns = (w["out_w"] - 1) * w["stride_w"] + (w["kernel_w"] - 1) * w["dilation_w"] + 1
    line = (-(-columns // w["dilation_w"]) + 1) * w["dilation_w"]
    return 2 * (_even(line * w["kernel_h"]) + w["kernel_h"] * _even(w["kernel_w"]))


def _even(count: int) -> int:
    return count + count % 2


def dense_scratch(struct: Mapping[str, Any]) -> int:
    """Bytes: a row of widened inputs, and a sum a channel."""
    return 8 * (struct["c_in"] // 4) + 4 * struct["c_out"]


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tce_conv1x1_s8": product,
    "tce_conv_s8": product,
    "tce_dense_s8": dense,
    "tce_depthwise_s8": depthwise,
}
SCRATCH: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "tce_conv1x1_s8": conv1x1_scratch,
    "tce_conv_s8": conv_scratch,
    "tce_dense_s8": dense_scratch,
    "tce_depthwise_s8": depthwise_scratch,
}
