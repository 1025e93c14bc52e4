"""Output shapes of every operator kind, with TFLite's padding arithmetic."""

from __future__ import annotations

import math

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Op, Tensor

MAX_ELEMENTS = 1 << 27  # a larger tensor is refused: no microcontroller holds it, and no index overflows
MAX_TAPS = 1 << 16  # of a convolution or pooling window
MAX_WINDOW_WORK = 1 << 28  # taps times output pixels, of one channel: counting a pool's elements takes a second


def conv_output(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Length of one output axis (TFLite ComputeOutSize)."""
    span = (kernel - 1) * dilation + 1
    if padding == "SAME":
        return -(-size // stride)
    return -(-(size - span + 1) // stride)


def conv_padding(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """(before, after) padding of one axis: TFLite puts the odd element after. VALID gives (0, 0)."""
    if padding == "VALID":
        return 0, 0
    out = conv_output(size, kernel, stride, dilation, padding)
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(d) for d in np.broadcast_shapes(a, b))


def normal_axes(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Sorted, unique, non-negative axes; raises ValueError when one is out of range."""
    out = set()
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(f"axis {axis} out of range for rank {rank}")
        out.add(int(axis) % rank)
    return tuple(sorted(out))


def infer_shapes(op: Op, inputs: list[Tensor]) -> list[tuple[int, ...]]:
    """Output shapes of `op` for these input tensors; raises ExportError (exit code 5) when they do not fit."""
    try:
        shape = _INFER.get(op.kind, _same)(op, [t.shape for t in inputs])
    except (ValueError, IndexError, ZeroDivisionError) as error:
        shapes = ", ".join(str(list(t.shape)) for t in inputs)
        raise ExportError(f"operator {op.name} ({op.kind}): input shapes {shapes} do not fit: {error}",
                          "check the layer that writes this operator", exit_code=5) from error  # fmt: skip
    shape = tuple(int(d) for d in shape)
    if any(d < 1 for d in shape):
        raise ExportError(f"operator {op.name} ({op.kind}): output shape {list(shape)} is empty", exit_code=5)
    if math.prod(shape) > MAX_ELEMENTS:
        raise ExportError(f"operator {op.name} ({op.kind}): output shape {list(shape)} is too large", exit_code=5)
    return [shape]


Shapes = list[tuple[int, ...]]


def _same(op: Op, shapes: Shapes) -> tuple[int, ...]:
    return shapes[0]


def _window(op: Op, x: tuple[int, ...], kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    stride = op.attrs["stride"]
    if min(*stride, *dilation, *kernel) < 1:
        raise ValueError("stride, dilation and kernel must be at least 1")
    if op.attrs["padding"] not in ("SAME", "VALID"):
        raise ValueError(f"padding {op.attrs['padding']!r} is neither SAME nor VALID")
    spans = [(kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
    if math.prod(kernel) > MAX_TAPS or math.prod(x[1 + i] + spans[i] for i in (0, 1)) * x[3] > MAX_ELEMENTS:
        raise ValueError(f"a kernel of {kernel[0]} x {kernel[1]}, dilation {dilation}, is too large")
    rows, cols = (conv_output(x[1 + i], kernel[i], stride[i], dilation[i], op.attrs["padding"]) for i in (0, 1))
    if rows * cols * math.prod(kernel) > MAX_WINDOW_WORK:
        raise ValueError(f"a kernel of {kernel[0]} x {kernel[1]} over {rows} x {cols} pixels is too much work")
    return rows, cols


def _conv(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x, w = shapes[0], shapes[1]
    if len(x) != 4 or len(w) != 4:
        raise ValueError("input and weights must have rank 4")
    if w[3] < 1 or x[3] % w[3] or w[0] % (x[3] // w[3]):
        raise ValueError(f"{x[3]} input channels do not suit {w[0]} filters of {w[3]}")
    _check_bias(shapes, w[0])
    return (x[0], *_window(op, x, w[1:3], op.attrs["dilation"]), w[0])


def _depthwise(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x, w = shapes[0], shapes[1]
    if len(x) != 4 or len(w) != 4 or w[0] != 1:
        raise ValueError("input must have rank 4 and weights shape [1, kh, kw, channels]")
    if w[3] != x[3] * op.attrs["depth_multiplier"]:
        raise ValueError(f"{w[3]} filters are not {x[3]} channels x multiplier {op.attrs['depth_multiplier']}")
    _check_bias(shapes, w[3])
    return (x[0], *_window(op, x, w[1:3], op.attrs["dilation"]), w[3])


def _check_bias(shapes: Shapes, channels: int) -> None:
    if len(shapes) > 2 and math.prod(shapes[2]) != channels:
        raise ValueError(f"bias of {math.prod(shapes[2])} for {channels} channels")


def _dense(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x, w = shapes[0], shapes[1]
    if len(w) != 2 or math.prod(x) % w[1]:
        raise ValueError("weights must be [c_out, c_in] and divide the input")
    _check_bias(shapes, w[0])
    if op.attrs["keep_num_dims"]:
        if x[-1] != w[1]:
            raise ValueError("keep_num_dims needs the last axis to be c_in")
        return (*x[:-1], w[0])
    return (math.prod(x) // w[1], w[0])


def _binary(op: Op, shapes: Shapes) -> tuple[int, ...]:
    return broadcast_shape(shapes[0], shapes[1])


def _mean(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x = shapes[0]
    axes = normal_axes(op.attrs["axes"], len(x))
    if op.attrs["keep_dims"]:
        return tuple(1 if i in axes else d for i, d in enumerate(x))
    return tuple(d for i, d in enumerate(x) if i not in axes)


def _pool(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x = shapes[0]
    if len(x) != 4:
        raise ValueError("input must have rank 4")
    return (x[0], *_window(op, x, op.attrs["filter"], (1, 1)), x[3])


def _pad(op: Op, shapes: Shapes) -> tuple[int, ...]:
    x, pads = shapes[0], op.attrs["pads"]
    if len(pads) != len(x):
        raise ValueError(f"{len(pads)} pad pairs for rank {len(x)}")
    if any(v < 0 for pair in pads for v in pair):
        raise ValueError("a negative pad")
    return tuple(d + a + b for d, (a, b) in zip(x, pads, strict=True))


def _concat(op: Op, shapes: Shapes) -> tuple[int, ...]:
    rank = len(shapes[0])
    (axis,) = normal_axes((op.attrs["axis"],), rank)
    for shape in shapes:
        if len(shape) != rank or any(
            a != b for i, (a, b) in enumerate(zip(shape, shapes[0], strict=True)) if i != axis
        ):
            raise ValueError("shapes differ outside the concatenation axis")
    return tuple(sum(s[axis] for s in shapes) if i == axis else d for i, d in enumerate(shapes[0]))


def _reshape(op: Op, shapes: Shapes) -> tuple[int, ...]:
    new, size = list(op.attrs["new_shape"]), math.prod(shapes[0])
    if new.count(-1) == 1:
        known = math.prod(d for d in new if d != -1)
        new[new.index(-1)] = size // known
    if any(d < 0 for d in new) or math.prod(new) != size:
        raise ValueError(f"cannot reshape {size} elements to {list(op.attrs['new_shape'])}")
    return tuple(new)


def _transpose(op: Op, shapes: Shapes) -> tuple[int, ...]:
    perm = op.attrs["perm"]
    if sorted(perm) != list(range(len(shapes[0]))):
        raise ValueError(f"{list(perm)} is no permutation of {len(shapes[0])} axes")
    return tuple(shapes[0][p] for p in perm)


_INFER = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "ADD": _binary,
    "SUB": _binary,
    "MUL": _binary,
    "MEAN": _mean,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "CONCATENATION": _concat,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
}
