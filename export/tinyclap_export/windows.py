"""Sliding windows over NHWC arrays: padding, im2col and the shifted-tap depthwise sum, for any dtype."""

from __future__ import annotations

import numpy as np

from tinyclap_export.graph import Op
from tinyclap_export.shapes import conv_output, conv_padding

Pair = tuple[int, int]


class Window:
    """Geometry of one convolution or pool on a (rows, cols) map."""

    def __init__(self, op: Op, in_hw: tuple[int, ...], kernel: tuple[int, ...]) -> None:
        self.kernel: Pair = (kernel[0], kernel[1])
        self.stride: Pair = tuple(op.attrs["stride"])
        self.dilation: Pair = tuple(op.attrs.get("dilation", (1, 1)))
        padding = op.attrs["padding"]
        self.out_hw = tuple(conv_output(in_hw[i], kernel[i], self.stride[i], self.dilation[i], padding) for i in (0, 1))
        self.pads = tuple(conv_padding(in_hw[i], kernel[i], self.stride[i], self.dilation[i], padding) for i in (0, 1))
        self.is_pointwise = self.kernel == (1, 1) and self.stride == (1, 1) and not any(map(any, self.pads))

    def pad(self, x: np.ndarray, value: float) -> np.ndarray:
        """x: (n, h, w, c) to the padded map."""
        if not any(map(any, self.pads)):
            return x
        return np.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=value)

    def tap(self, padded: np.ndarray, row: int, col: int) -> np.ndarray:
        """The input element under kernel position (row, col) for every output: (n, oh, ow, c), a view."""
        (oh, ow), (sh, sw) = self.out_hw, self.stride
        top, left = row * self.dilation[0], col * self.dilation[1]
        return padded[:, top : top + (oh - 1) * sh + 1 : sh, left : left + (ow - 1) * sw + 1 : sw]

    def taps(self) -> list[Pair]:
        return [(i, j) for i in range(self.kernel[0]) for j in range(self.kernel[1])]

    def columns(self, x: np.ndarray, value: float) -> np.ndarray:
        """im2col: (n, h, w, c) to (n * oh * ow, kh * kw * c), in OHWI order."""
        if self.is_pointwise:
            return x.reshape(-1, x.shape[-1])
        padded = self.pad(x, value)
        out = np.empty((x.shape[0], *self.out_hw, len(self.taps()), x.shape[-1]), x.dtype)
        for index, (i, j) in enumerate(self.taps()):
            out[..., index, :] = self.tap(padded, i, j)
        return out.reshape(-1, out.shape[-2] * out.shape[-1])

    def conv(self, x: np.ndarray, weights: np.ndarray, pad_value: float) -> np.ndarray:
        """x: (n, h, w, ci), weights: (co, kh, kw, ci / groups) to (n, oh, ow, co), by matrix product."""
        co, groups = weights.shape[0], x.shape[-1] // weights.shape[-1]
        step_in, step_out = weights.shape[-1], co // groups
        parts = [
            self.columns(x[..., g * step_in : (g + 1) * step_in], pad_value)
            @ weights[g * step_out : (g + 1) * step_out].reshape(step_out, -1).T
            for g in range(groups)
        ]
        out = parts[0] if groups == 1 else np.concatenate(parts, axis=-1)
        return out.reshape(x.shape[0], *self.out_hw, co)

    def depthwise(self, x: np.ndarray, weights: np.ndarray, pad_value: float) -> np.ndarray:
        """x: (n, h, w, c), weights: (1, kh, kw, c * multiplier) to (n, oh, ow, c * multiplier)."""
        multiplier = weights.shape[-1] // x.shape[-1]
        padded = self.pad(x if multiplier == 1 else np.repeat(x, multiplier, axis=-1), pad_value)
        oh, ow = self.out_hw
        channels = weights.shape[-1]
        out = np.zeros((x.shape[0], oh, ow * channels), x.dtype)
        scratch = np.empty_like(out)
        for i, j in self.taps():
            row = np.tile(weights[0, i, j], ow)  # (ow * channels,): one long inner loop instead of ow short ones
            tap = self.tap(padded, i, j).reshape(x.shape[0], oh, ow * channels)
            np.multiply(tap, row, out=scratch)
            out += scratch
        return out.reshape(x.shape[0], oh, ow, channels)


def fold_samples(x: np.ndarray) -> np.ndarray:
    """(samples, batch, h, w, c) to (samples * batch, h, w, c)."""
    return x.reshape(-1, *x.shape[2:])
