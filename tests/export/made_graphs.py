"""Graphs for the tests: a small float inverted-residual network, and random int8 graphs of every operator kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.requant import hard_swish_output_exponent

FIXED = {"LOGISTIC": Quant(1 / 256, -128), "SOFTMAX": Quant(1 / 256, -128), "TANH": Quant(1 / 128, 0)}
UNARY = ("HARD_SWISH", "LOGISTIC", "TANH", "RELU", "RELU6", "RELU_0_TO_1", "LEAKY_RELU", "QUANTIZE", "SOFTMAX", "GELU")
KINDS = (*UNARY, "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "MEAN", "AVERAGE_POOL_2D",
         "MAX_POOL_2D", "PAD", "CONCATENATION", "RESHAPE", "TRANSPOSE")  # fmt: skip


class FloatBuilder:
    """A float graph with seeded weights of sensible size."""

    def __init__(self, name: str, shape: tuple[int, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph(name)
        self.x = self.graph.add_input("x", shape)

    def conv(self, x: str, channels: int, kernel: int, name: str, **attrs) -> str:
        fan_in = kernel * kernel * self.graph.tensors[x].shape[-1]
        shape = (channels, kernel, kernel, self.graph.tensors[x].shape[-1])
        return self.weighted("CONV_2D", x, shape, fan_in, channels, name, **attrs)

    def depthwise(self, x: str, name: str, **attrs) -> str:
        channels = self.graph.tensors[x].shape[-1]
        return self.weighted("DEPTHWISE_CONV_2D", x, (1, 3, 3, channels), 9, channels, name, **attrs)

    def weighted(
        self, kind: str, x: str, shape: tuple[int, ...], fan_in: int, channels: int, name: str, **attrs
    ) -> str:
        w = (self.rng.normal(size=shape) * 1.5 / np.sqrt(fan_in)).astype(np.float32)
        b = (self.rng.normal(size=channels) * 0.2).astype(np.float32)
        inputs = [x, self.graph.add_const(f"{name}_w", w), self.graph.add_const(f"{name}_b", b)]
        return self.graph.add_op(kind, inputs, name, **attrs)


def inverted_residuals(gate: str = "HARD_SIGMOID", activation: str = "HARD_SWISH", rows: int = 24) -> Graph:
    """Stem, three inverted-residual blocks (the middle one residual, with squeeze-excite), mean pool, 1x1 head."""
    b = FloatBuilder("inverted_residuals", (1, rows, 16, 1), seed=3)
    g = b.graph
    y = b.conv(b.x, 8, 3, "stem", stride=(2, 2), activation="RELU6")
    for i, (channels, stride) in enumerate(((12, 2), (12, 1), (16, 2))):
        wide = g.tensors[y].shape[-1] * 4
        h = g.add_op(activation, [b.conv(y, wide, 1, f"expand{i}")], f"expand{i}_act")
        h = b.depthwise(h, f"depth{i}", stride=(stride, stride), activation="RELU6")
        if stride == 1:
            s = g.add_op("MEAN", [h], f"squeeze{i}", axes=(1, 2))
            s = g.add_op("RELU", [b.conv(s, 4, 1, f"se_down{i}")], f"se_relu{i}")
            s = g.add_op(gate, [b.conv(s, wide, 1, f"se_up{i}")], f"gate{i}")
            h = g.add_op("MUL", [h, s], f"excite{i}")
        h = b.conv(h, channels, 1, f"project{i}")
        y = g.add_op("ADD", [y, h], f"residual{i}") if stride == 1 else h
    y = b.conv(g.add_op("MEAN", [y], "pool", axes=(1, 2)), 16, 1, "head")
    g.outputs = [g.add_op("RESHAPE", [y], "embedding", new_shape=(1, 16))]
    return g.validate()


def windows(graph: Graph, count: int, seed: int = 5) -> np.ndarray:
    """(count, T, M, 1) float32 inputs with slow structure, like a log-mel picture."""
    _, rows, cols, _ = graph.tensors[graph.inputs[0]].shape
    rng = np.random.default_rng(seed)
    slow = rng.normal(size=(count, rows // 4 + 1, cols // 4 + 1)).repeat(4, axis=1).repeat(4, axis=2)
    return (slow[:, :rows, :cols] + 0.3 * rng.normal(size=(count, rows, cols)))[..., None].astype(np.float32)


class RandomInt8:
    """A random int8 graph: quantisation is drawn, not calibrated, so saturation and odd zero points occur.

    Effective multipliers stay where the C arithmetic of TFLite is defined (no int32 overflow before the high multiply).
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph(f"random {seed}")
        shape = (1, self.between(1, 9), self.between(1, 9), self.between(1, 9))
        self.last = self.graph.add_input("x", shape, "int8", self.quant())

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def quant(self, scale: float | None = None) -> Quant:
        scale = 10 ** self.rng.uniform(-2.5, -0.5) if scale is None else scale
        return Quant(np.float32(scale), self.pick(-128, 127, 0, self.between(-128, 127)))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.graph.tensors[self.last].shape

    @property
    def last_quant(self) -> Quant:
        quant = self.graph.tensors[self.last].quant
        assert quant is not None
        return quant

    def emit(self, kind: str, inputs: list[str], quant: Quant, **attrs) -> None:
        name = self.graph.add_op(kind, inputs, f"t{len(self.graph.ops)}_{kind.lower()}", **attrs)
        self.graph.tensors[name] = replace(self.graph.tensors[name], quant=quant)
        self.last = name

    def add(self, kind: str) -> bool:
        """Append one operator of a kind; False when the current shape does not suit it."""
        if len(self.shape) != 4 and kind not in (*UNARY, "FULLY_CONNECTED", "ADD", "SUB", "MUL", "RESHAPE"):
            return False
        if kind in UNARY:
            self.unary(kind)
        elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            self.weighted(kind)
        elif kind in ("ADD", "SUB", "MUL"):
            self.binary(kind)
        else:
            getattr(self, kind.lower())()
        return True

    def finish(self) -> Graph:
        self.graph.outputs = [self.last]
        return self.graph.validate()

    # -- kinds ---------------------------------------------------------------------------------------------------

    def unary(self, kind: str) -> None:
        quant = FIXED.get(kind) or self.quant(float(self.last_quant.s) * 10 ** self.rng.uniform(-1, 1))
        if kind == "HARD_SWISH":
            while hard_swish_output_exponent(self.last_quant.s, quant.s) > 0:
                quant = self.quant()
        attrs = {"LEAKY_RELU": {"alpha": self.pick(0.01, 0.3, -0.2)}, "SOFTMAX": {"beta": self.pick(1.0, 0.5)}}
        self.emit(kind, [self.last], quant, **attrs.get(kind, {}))

    def weighted(self, kind: str) -> None:
        x, index = self.last, len(self.graph.ops)
        if kind == "FULLY_CONNECTED":
            depth, attrs, axis = self.shape[-1], {}, 0
            shape: tuple[int, ...] = (self.between(1, 9), depth)
            attrs["keep_num_dims"] = self.pick(True, False)
        else:
            kernel = (self.between(1, 4), self.between(1, 4))
            dilation = self.pick((1, 1), (1, 1), (2, 1), (2, 2))
            spans = [(kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
            fits = all(spans[i] <= self.shape[1 + i] for i in (0, 1))
            attrs = {"stride": (self.between(1, 3), self.between(1, 3)), "dilation": dilation,
                     "padding": self.pick("SAME", "VALID") if fits else "SAME"}  # fmt: skip
            if kind == "CONV_2D":
                shape, axis, depth = (
                    (self.between(1, 9), *kernel, self.shape[3]),
                    0,
                    kernel[0] * kernel[1] * self.shape[3],
                )
            else:
                attrs["depth_multiplier"] = self.between(1, 3)
                shape, axis, depth = (1, *kernel, self.shape[3] * attrs["depth_multiplier"]), 3, kernel[0] * kernel[1]
        channels = shape[axis]
        per_tensor = kind == "FULLY_CONNECTED" or self.rng.random() < 0.2
        s_w = (10 ** self.rng.uniform(-3, -1.5, 1 if per_tensor else channels)).astype(np.float32)
        w = self.rng.integers(-127, 128, shape).astype(np.int8)
        w_quant = Quant(s_w, np.zeros(s_w.size, np.int32), axis if s_w.size > 1 else None)
        inputs = [x, self.graph.add_const(f"w{index}", w, w_quant)]
        if self.rng.random() < 0.8:
            b = self.rng.integers(-1000, 1001, channels).astype(np.int32)
            b_quant = Quant(self.last_quant.s * s_w, np.zeros(s_w.size, np.int32), 0 if s_w.size > 1 else None)
            inputs.append(self.graph.add_const(f"b{index}", b, b_quant))
        spread = float(self.last_quant.s) * float(s_w.max()) * np.sqrt(depth) * 75 * 75 / 64
        attrs["activation"] = self.pick("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
        self.emit(kind, inputs, self.quant(spread * 10 ** self.rng.uniform(-0.3, 0.5)), **attrs)

    def binary(self, kind: str) -> None:
        shape = tuple(d if self.rng.random() < 0.6 else 1 for d in self.shape)
        shape = shape[self.pick(0, 0, len(shape) - 1) :]
        s_other = float(self.last_quant.s) * 10 ** self.rng.uniform(-1, 1)
        other = self.graph.add_const(f"c{len(self.graph.ops)}", self.rng.integers(-128, 128, shape).astype(np.int8),
                                     self.quant(s_other))  # fmt: skip
        if self.rng.random() < 0.3:
            other = self.last  # x + x, x * x
        elif self.rng.random() < 0.3 and kind != "SUB":
            self.last, other = other, self.last
        q1, q2 = self.graph.tensors[self.last].quant, self.graph.tensors[other].quant
        assert q1 is not None and q2 is not None
        spread = float(q1.s * q2.s) * 75 if kind == "MUL" else float(max(q1.s, q2.s))
        self.emit(kind, [self.last, other], self.quant(spread * 10 ** self.rng.uniform(-0.5, 0.8)),
                  activation=self.pick("NONE", "RELU", "RELU6"))  # fmt: skip

    def mean(self) -> None:
        axes, keep = self.pick((1, 2), (1, 2), (2, 1), (1,), (2,), (3,), (1, 2, 3), (2, 3)), self.pick(True, False)
        if self.rng.random() < 0.3:
            quant = self.last_quant
        else:
            quant = self.quant(float(self.last_quant.s) * 10 ** self.rng.uniform(-1, 0.5))
        self.emit("MEAN", [self.last], quant, axes=axes, keep_dims=keep)

    def pool(self, kind: str) -> None:
        size = (self.between(1, 4), self.between(1, 4))
        fits = all(size[i] <= self.shape[1 + i] for i in (0, 1))
        stride, padding = (self.between(1, 3), self.between(1, 3)), self.pick("SAME", "VALID") if fits else "SAME"
        attrs = {"filter": size, "stride": stride, "padding": padding, "activation": self.pick("NONE", "RELU6")}
        self.emit(kind, [self.last], self.last_quant, **attrs)

    def average_pool_2d(self) -> None:
        self.pool("AVERAGE_POOL_2D")

    def max_pool_2d(self) -> None:
        self.pool("MAX_POOL_2D")

    def pad(self) -> None:
        pads = ((0, 0), *((self.between(0, 2), self.between(0, 2)) for _ in range(2)), (0, self.pick(0, 0, 1)))
        self.emit("PAD", [self.last], self.last_quant, pads=pads)

    def concatenation(self) -> None:
        axis = self.pick(1, 2, 3, -1)
        shape = tuple(self.between(1, 3) if i == axis % 4 else d for i, d in enumerate(self.shape))
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        other = self.graph.add_const(f"c{len(self.graph.ops)}", data, self.last_quant)
        self.emit(
            "CONCATENATION", self.pick([self.last, other], [other, self.last, self.last]), self.last_quant, axis=axis
        )

    def reshape(self) -> None:
        size = int(np.prod(self.shape))
        first = self.pick(*(d for d in range(1, size + 1) if size % d == 0))
        new = self.pick((1, size), (1, first, size // first, 1), (1, 1, first, size // first), (first, size // first))
        self.emit("RESHAPE", [self.last], self.last_quant, new_shape=new)

    def transpose(self) -> None:
        perm = self.pick((0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1), (0, 1, 3, 2))
        self.emit("TRANSPOSE", [self.last], self.last_quant, perm=perm)


def random_graph(seed: int, kinds: tuple[str, ...] = KINDS, length: int = 4) -> Graph:
    """A random graph of `length` operators drawn from `kinds`; the first is always kinds[0] when there is just one."""
    r = RandomInt8(seed)
    while len(r.graph.ops) < length:
        r.add(r.pick(*kinds))
    return r.finish()


def graph_of(kind: str, seed: int) -> Graph:
    """A graph whose first operator is of this kind, on a rank-4 input."""
    r = RandomInt8(seed)
    r.add(kind)
    return r.finish()


def codes(graph: Graph, count: int, seed: int = 0) -> np.ndarray:
    """(count, *input shape) int8, extremes included."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (count, *graph.tensors[graph.inputs[0]].shape)).astype(np.int8)
    x[0] = rng.choice(np.array([-128, 127], np.int8), x.shape[1:])
    return x
