"""Small random int8 graphs that reach every kernel's corners: odd shapes, all paddings, any scale and zero point.

`random_graph(seed)` always gives the same graph. Quantisation is drawn directly, not calibrated, so that saturation,
multipliers above one and unequal scales all occur.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant


class Builder:
    """One graph in the making. `pool` holds the tensors that later operators may read again."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph(f"random {seed}")
        shape = (1, self.pick(range(1, 10)), self.pick(range(1, 10)), self.pick(range(1, 10)))
        self.pool = [self.graph.add_input("x", shape, "int8", self.quant())]

    def pick(self, options):
        options = list(options)
        return options[int(self.rng.integers(len(options)))]

    def quant(self, scale: float | None = None) -> Quant:
        scale = 10 ** self.rng.uniform(-3, 0) if scale is None else scale
        zero_point = self.pick([-128, 127, 0, int(self.rng.integers(-128, 128))])
        return Quant(np.float32(scale), np.int32(zero_point))

    def gain(self) -> float:
        """Output range of a weighted operator, over what its sums would fill: small ones saturate."""
        return 10 ** self.rng.uniform(-2.5, 1)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.tensors[name].shape

    def scale(self, name: str) -> float:
        return float(self.graph.tensors[name].quant.s)

    def op(self, kind: str, inputs: list[str], quant: Quant | None, **attrs) -> str:
        """Append an operator; quant None copies its first input's."""
        name = self.graph.add_op(kind, inputs, f"t{len(self.graph.ops)}", **attrs)
        quant = quant or self.graph.tensors[inputs[0]].quant
        self.graph.tensors[name] = replace(self.graph.tensors[name], quant=quant)
        self.pool.append(name)
        return name

    def weighted(self, kind: str, x: str, shape: tuple[int, ...], axis: int, **attrs) -> str:
        """A weighted operator with random weights, per-channel or per-tensor, with or without bias."""
        rng, count, index = self.rng, shape[axis], len(self.graph.ops)
        w = rng.integers(-127, 128, shape).astype(np.int8)
        if rng.random() < 0.1:
            w[:] = self.pick([-127, 127, 0])
        channels = count if rng.random() < 0.8 else 1
        s_w = (10 ** rng.uniform(-3, -1, channels)).astype(np.float32)
        per_channel = Quant(s_w, np.zeros(channels, np.int32), axis if channels == count and channels > 1 else None)
        weights = self.graph.add_const(f"w{index}", w, per_channel)
        inputs = [x, weights]
        taps = int(np.prod(shape)) // count
        if rng.random() < 0.8:
            bias = rng.integers(-3000, 3000, count).astype(np.int32) * int(np.sqrt(taps))
            scales = Quant((self.scale(x) * s_w).astype(np.float32), np.zeros(channels, np.int32), 0)
            inputs.append(self.graph.add_const(f"b{index}", bias, scales if channels == count else None))
        spread = self.scale(x) * float(s_w.mean()) * 70 * np.sqrt(taps)
        out = self.quant(spread * self.gain())
        return self.op(
            kind, inputs, out, activation=self.pick(["NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"]), **attrs
        )


def _window(b: Builder) -> dict:
    return {"stride": (b.pick([1, 1, 2, 3]), b.pick([1, 1, 2])), "padding": b.pick(["SAME", "VALID"])}


def conv(b: Builder, x: str) -> None:
    kernel = (b.pick([1, 2, 3, 4]), b.pick([1, 3, 5]))
    shape = (b.pick(range(1, 10)), *kernel, b.shape(x)[3])
    b.weighted("CONV_2D", x, shape, 0, dilation=(b.pick([1, 1, 2]), b.pick([1, 1, 2])), **_window(b))


def conv1x1(b: Builder, x: str) -> None:
    b.weighted("CONV_2D", x, (b.pick(range(1, 10)), 1, 1, b.shape(x)[3]), 0)


def depthwise(b: Builder, x: str) -> None:
    multiplier = b.pick([1, 1, 1, 2, 3])
    shape = (1, b.pick([1, 3, 3, 5, 9]), b.pick([1, 2, 3, 3, 8]), b.shape(x)[3] * multiplier)
    b.weighted("DEPTHWISE_CONV_2D", x, shape, 3, dilation=(b.pick([1, 1, 2]), b.pick([1, 1, 2])),
               depth_multiplier=multiplier, **_window(b))  # fmt: skip


def padded_conv(b: Builder, x: str) -> None:
    pads = ((0, 0), (b.pick([0, 1, 2]), b.pick([0, 1])), (b.pick([0, 1]), b.pick([0, 3])), (0, 0))
    (depthwise if b.rng.random() < 0.5 else conv)(b, b.op("PAD", [x], None, pads=pads))


def pad(b: Builder, x: str) -> None:
    b.op("PAD", [x], None, pads=((0, b.pick([0, 0])), *(tuple(b.rng.integers(0, 3, 2).tolist()) for _ in range(3))))


def dense(b: Builder, x: str) -> None:
    keep = b.rng.random() < 0.3
    if not keep and b.rng.random() < 0.5:
        x = b.op("RESHAPE", [x], None, new_shape=(1, -1))
    c_in = b.shape(x)[-1]
    y = b.weighted("FULLY_CONNECTED", x, (b.pick(range(1, 12)), c_in), 0, keep_num_dims=keep)
    shape = b.shape(y)
    if len(shape) < 4:
        b.op("RESHAPE", [y], None, new_shape=(1, 1, *shape[-2:]) if len(shape) > 1 else (1, 1, 1, *shape))


def binary(b: Builder, x: str) -> None:
    shape, kind = b.shape(x), b.pick(["ADD", "SUB", "MUL"])
    same = [t for t in b.pool if b.shape(t) == shape]
    choice = b.pick(["tensor", "tensor", "gate", "const", "row"])
    if choice == "gate":
        other = b.op("MEAN", [x], b.quant(b.scale(x)), axes=(1, 2))
    elif choice == "tensor":
        other = b.pick(same)
    else:
        const = {"const": shape, "row": (1, shape[1], 1, b.pick([1, shape[3]]))}[choice]
        data = b.rng.integers(-128, 128, const).astype(np.int8)
        other = b.graph.add_const(f"k{len(b.graph.ops)}", data, b.quant())
    operands = [x, other] if b.rng.random() < 0.7 else [other, x]
    typical = b.scale(x) * b.scale(other) * 70 if kind == "MUL" else max(b.scale(x), b.scale(other))
    quant = b.quant(typical * 10 ** b.rng.uniform(-0.5, 0.7))
    b.op(kind, operands, quant, activation=b.pick(["NONE", "NONE", "RELU", "RELU6"]))


def mean(b: Builder, x: str) -> None:
    axes = b.pick([(1, 2), (1,), (2,), (3,), (1, 3), (2, 3), (1, 2, 3)])
    b.op("MEAN", [x], b.quant(b.scale(x) * 10 ** b.rng.uniform(-1, 0.5)), axes=axes)


def pool(b: Builder, x: str) -> None:
    size = {"filter": (b.pick([1, 2, 3]), b.pick([1, 2, 4])), "activation": b.pick(["NONE", "RELU"])}
    b.op(b.pick(["AVERAGE_POOL_2D", "MAX_POOL_2D"]), [x], None, **size, **_window(b))


def concat(b: Builder, x: str) -> None:
    axis = b.pick([1, 2, 3, -1])
    pads = [(0, 0)] * 4
    pads[axis] = (b.pick([0, 1]), b.pick([0, 2]))
    parts = [x, b.op("PAD", [x], None, pads=tuple(pads))]
    b.op("CONCATENATION", parts if b.rng.random() < 0.5 else [*parts[::-1], x], None, axis=axis)


def move(b: Builder, x: str) -> None:
    if b.rng.random() < 0.5:
        b.op("TRANSPOSE", [x], None, perm=(0, *(int(i) + 1 for i in b.rng.permutation(3))))
    else:
        _, h, w, c = b.shape(x)
        b.op("RESHAPE", [x], None, new_shape=(1, w, 1, h * c))


def table(b: Builder, x: str) -> None:
    kind = b.pick(
        ["HARD_SWISH", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "QUANTIZE", "SOFTMAX", "GELU"]
    )
    probability = Quant(1 / 256, -128)
    fixed = {"LOGISTIC": probability, "SOFTMAX": probability, "TANH": Quant(1 / 128, 0)}.get(kind)
    attrs = {"alpha": 0.3} if kind == "LEAKY_RELU" else {}
    b.op(kind, [x], fixed or b.quant(b.scale(x) * 10 ** b.rng.uniform(-1, 0.5)), **attrs)


KINDS: list[Callable[[Builder, str], None]] = [
    conv, conv, conv1x1, conv1x1, depthwise, depthwise, padded_conv, pad, dense, binary, binary, mean, pool, concat,
    move, table, table, table,
]  # fmt: skip


def random_graph(seed: int) -> Graph:
    """A valid int8 graph of one to eight drawn blocks, with one or two outputs."""
    b = Builder(seed)
    for _ in range(b.pick(range(1, 9))):
        block, x = b.pick(KINDS), b.pick(b.pool[-3:])
        before = (len(b.graph.ops), dict(b.graph.tensors), list(b.pool))
        if len(b.shape(x)) != 4 or np.prod(b.shape(x)) > 4000:
            continue
        try:
            block(b, x)
        except ExportError:  # a window larger than its map: draw again
            b.graph.ops[before[0] :] = []
            b.graph.tensors, b.pool = before[1], before[2]
    if not b.graph.ops:
        b.op("QUANTIZE", ["x"], b.quant())
    written = [op.outputs[0] for op in b.graph.ops]
    b.graph.outputs = [written[-1]]
    if b.rng.random() < 0.3 and len(written) > 1:
        b.graph.outputs.append(b.pick(written[:-1]))
    return b.graph.validate()


STREAMING: list[Callable[[Builder, str], None]] = [
    conv, conv, conv1x1, depthwise, depthwise, depthwise, padded_conv, pool, table, table, binary, binary, concat,
]  # fmt: skip


class Gentle(Builder):
    """Nothing saturates much: what goes in is still to be seen in what comes out, after a mean."""

    def gain(self) -> float:
        return 10 ** self.rng.uniform(-0.5, 0.2)

    def quant(self, scale: float | None = None) -> Quant:
        scale = 10 ** self.rng.uniform(-2, -1) if scale is None else scale
        return Quant(np.float32(scale), np.int32(self.rng.integers(-30, 31)))


def random_stream(seed: int) -> Graph:
    """A graph that can stream: local operators, one mean over rows, a vector head."""
    from tinyclap_export.continuous import split_stream

    b = Gentle(seed)
    for _ in range(b.pick(range(1, 8))):
        before = (len(b.graph.ops), dict(b.graph.tensors), list(b.pool))
        try:
            b.pick(STREAMING)(b, b.pick(b.pool[-2:]))
            end = b.op("MEAN", [b.pool[-1]], b.quant(), axes=(1, 2))
            split_stream(Graph("so far", b.graph.tensors, b.graph.ops, b.graph.inputs, [end]))
            b.graph.ops.pop()
            b.graph.tensors.pop(b.pool.pop())
        except ExportError:  # not local, or a window larger than its map: draw again
            b.graph.ops[before[0] :] = []
            b.graph.tensors, b.pool = before[1], before[2]
    features = b.pool[-1]
    x = b.op(
        "MEAN", [features], b.quant(b.scale(features) * 10 ** b.rng.uniform(-1, -0.3)), axes=b.pick([(1, 2), (1,)])
    )
    if b.rng.random() < 0.8:
        b.weighted("CONV_2D", x, (b.pick(range(1, 10)), 1, 1, b.shape(x)[3]), 0)
    if b.rng.random() < 0.5:
        table(b, b.pool[-1])
    b.op("RESHAPE", [b.pool[-1]], None, new_shape=(1, -1))
    b.graph.outputs = [b.pool[-1]]
    return b.graph.validate()
