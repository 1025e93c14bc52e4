"""Float kernels, one a kind. Arrays are (samples, *tensor shape); constants have one sample."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyclap_export.graph import Op
from tinyclap_export.windows import Window, fold_samples

FloatKernel = Callable[[Op, list[np.ndarray]], np.ndarray]


def activate(x: np.ndarray, activation: str) -> np.ndarray:
    """Fused activation, in place where there is one."""
    if activation == "RELU":
        return np.maximum(x, 0, out=x)
    if activation == "RELU6":
        return np.clip(x, 0, 6, out=x)
    if activation == "RELU_N1_TO_1":
        return np.clip(x, -1, 1, out=x)
    return x


_erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x: np.ndarray) -> np.ndarray:
    """x times the normal distribution function, exactly (not the tanh form); the dtype stays."""
    return (0.5 * x * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)


def align(x: np.ndarray, rank: int) -> np.ndarray:
    """Insert axes after the sample axis, so that tensors of different rank broadcast as their shapes do."""
    return x.reshape(x.shape[0], *(1,) * (rank - x.ndim + 1), *x.shape[1:])


def _weighted(op: Op, args: list[np.ndarray]) -> np.ndarray:
    x, weights = args[0], args[1][0]
    if op.kind == "FULLY_CONNECTED":
        out = x.reshape(x.shape[0], -1, weights.shape[1]) @ weights.T
        if op.attrs["keep_num_dims"]:
            out = out.reshape(*x.shape[:-1], weights.shape[0])
    else:
        window = Window(op, x.shape[2:4], weights.shape[1:3])
        run = window.conv if op.kind == "CONV_2D" else window.depthwise
        out = run(fold_samples(x), weights, 0.0)
        out = out.reshape(*x.shape[:2], *out.shape[1:])
    if len(args) > 2:
        out += args[2].reshape(-1)
    return activate(out, op.attrs["activation"])


def _binary(function: np.ufunc) -> FloatKernel:
    def run(op: Op, args: list[np.ndarray]) -> np.ndarray:
        rank = max(a.ndim for a in args) - 1
        return activate(function(align(args[0], rank), align(args[1], rank)), op.attrs["activation"])

    return run


def _mean(op: Op, args: list[np.ndarray]) -> np.ndarray:
    rank = args[0].ndim - 1
    axes = tuple(a % rank + 1 for a in op.attrs["axes"])
    return args[0].mean(axis=axes, keepdims=op.attrs["keep_dims"])


def _pool(op: Op, args: list[np.ndarray]) -> np.ndarray:
    x = fold_samples(args[0])
    window = Window(op, x.shape[1:3], tuple(op.attrs["filter"]))
    if op.kind == "MAX_POOL_2D":
        padded = window.pad(x, -np.inf)
        out = np.maximum.reduce([window.tap(padded, i, j) for i, j in window.taps()])
    else:
        padded, ones = window.pad(x, 0.0), window.pad(np.ones((1, *x.shape[1:3], 1), x.dtype), 0.0)
        total = sum(window.tap(padded, i, j) for i, j in window.taps())
        out = total / sum(window.tap(ones, i, j) for i, j in window.taps())
    out = activate(np.ascontiguousarray(out), op.attrs["activation"])
    return out.reshape(*args[0].shape[:2], *out.shape[1:])


def _pad(op: Op, args: list[np.ndarray]) -> np.ndarray:
    return np.pad(args[0], ((0, 0), *op.attrs["pads"]))


def _concat(op: Op, args: list[np.ndarray]) -> np.ndarray:
    samples, rank = max(a.shape[0] for a in args), args[0].ndim - 1
    full = [np.broadcast_to(a, (samples, *a.shape[1:])) for a in args]
    return activate(np.concatenate(full, axis=op.attrs["axis"] % rank + 1), op.attrs["activation"])


def _softmax(op: Op, args: list[np.ndarray]) -> np.ndarray:
    e = np.exp((args[0] - args[0].max(axis=-1, keepdims=True)) * op.attrs["beta"])
    return e / e.sum(axis=-1, keepdims=True)


FLOAT_KERNELS: dict[str, FloatKernel] = {
    "CONV_2D": _weighted,
    "DEPTHWISE_CONV_2D": _weighted,
    "FULLY_CONNECTED": _weighted,
    "ADD": _binary(np.add),
    "SUB": _binary(np.subtract),
    "MUL": _binary(np.multiply),
    "MEAN": _mean,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "CONCATENATION": _concat,
    "RESHAPE": lambda op, args: args[0],
    "TRANSPOSE": lambda op, args: args[0].transpose(0, *(p + 1 for p in op.attrs["perm"])),
    "SOFTMAX": _softmax,
    "LEAKY_RELU": lambda op, args: np.where(args[0] >= 0, args[0], args[0] * np.float32(op.attrs["alpha"])),
    "RELU": lambda op, args: np.maximum(args[0], 0),
    "RELU6": lambda op, args: np.clip(args[0], 0, 6),
    "RELU_0_TO_1": lambda op, args: np.clip(args[0], 0, 1),
    "HARD_SWISH": lambda op, args: args[0] * np.clip(args[0] + 3, 0, 6) * np.float32(1 / 6),
    "HARD_SIGMOID": lambda op, args: np.clip(args[0] + 3, 0, 6) * np.float32(1 / 6),
    "GELU": lambda op, args: gelu(args[0]),
    "LOGISTIC": lambda op, args: 1 / (1 + np.exp(-args[0])),
    "TANH": lambda op, args: np.tanh(args[0]),
    "QUANTIZE": lambda op, args: args[0],
}
