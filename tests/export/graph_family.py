"""A family of small int8 graphs, by number: every operator, edge shape and structure that a user's model may have.

    graph = family_graph(17)                   always the same graph
    want = litert_outputs(write_tflite(graph), inputs_of(graph, 3))

One member in four is a single operator on an edge shape, one a chain of operators, one an inverted-residual block with
its head (what a row schedule streams), one a graph with several inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from made_graphs import KINDS, UNARY, RandomInt8
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant

SIDES = (1, 2, 3, 4, 5, 7, 8, 11, 16, 17)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 20, 31, 32, 33)
STRUCTURES = ("operator", "chain", "block", "branches")
MAX_ELEMENTS = 6000  # of one map: a family of hundreds runs in seconds
ATTEMPTS = 20


class Member(RandomInt8):
    """One graph in the making, on an edge shape instead of a small random one."""

    def __init__(self, number: int, attempt: int) -> None:
        super().__init__(number)
        self.rng = np.random.default_rng((number, attempt))
        self.graph = Graph(f"family {number}")
        self.last = self.graph.add_input("x", self.edge_shape(), "int8", self.quant())

    def edge_shape(self) -> tuple[int, int, int, int]:
        """(1, rows, columns, channels): edges of rows, columns and channels alike, never too large."""
        while True:
            shape = (1, self.pick(*SIDES), self.pick(*SIDES), self.pick(*CHANNELS))
            if np.prod(shape) <= MAX_ELEMENTS:
                return shape

    def fits(self) -> bool:
        """Whether the last map is small enough to go on."""
        return int(np.prod(self.shape)) <= MAX_ELEMENTS

    # -- structures ----------------------------------------------------------------------------------------------

    def operator(self, number: int) -> None:
        """A single operator, each kind in turn."""
        self.add(KINDS[number // len(STRUCTURES) % len(KINDS)])

    def chain(self, _: int) -> None:
        """Three to six operators, each on what the one before made."""
        for _ in range(self.between(3, 6)):
            if self.fits():
                self.add(self.pick(*KINDS))

    def block(self, _: int) -> None:
        """Inverted residuals with pads, squeeze-excite or pools between, then MEAN and a dense head."""
        for _ in range(self.between(1, 3)):
            if len(self.shape) != 4 or not self.fits():
                break
            start = self.last
            self.convolution((1, 1), (1, 1), self.shape[3] * self.pick(1, 2, 3))
            if self.rng.random() < 0.5:
                self.unary(self.pick("HARD_SWISH", "RELU6", "LEAKY_RELU", "QUANTIZE"))
            if self.rng.random() < 0.3:
                self.pad()
            self.spatial()
            if self.rng.random() < 0.4:
                self.squeeze_excite()
            self.convolution((1, 1), (1, 1), self.graph.tensors[start].shape[3])
            if self.graph.tensors[start].shape == self.shape:
                self.binary_of(self.pick("ADD", "ADD", "SUB", "MUL"), start, self.last)
        if self.rng.random() < 0.8:
            spread = float(self.last_quant.s) * self.pick(0.3, 1.0)
            keep = self.pick(True, False)
            self.emit("MEAN", [self.last], self.quant(spread), axes=(1, 2), keep_dims=keep)
            self.weighted("FULLY_CONNECTED")

    def branches(self, _: int) -> None:
        """Two inputs that meet, tensors that are read twice, and up to three outputs."""
        first = self.last
        second = self.graph.add_input("x_1", self.graph.tensors[first].shape, "int8", self.quant())
        self.last = second
        self.convolution(self.pick((1, 1), (3, 3)), (1, 1), self.shape[3])
        self.binary_of(self.pick("ADD", "SUB", "MUL"), first, self.last)
        middle = self.last
        for _ in range(self.between(1, 3)):
            if self.fits():
                self.add(self.pick("CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "MAX_POOL_2D", "PAD", *UNARY))
        written = [op.outputs[0] for op in self.graph.ops]
        extra = [t for t in dict.fromkeys((middle, self.pick(*written))) if t != self.last]
        self.graph.outputs = [self.last, *extra[: self.between(0, 2)]]

    # -- parts ---------------------------------------------------------------------------------------------------

    def convolution(self, kernel: tuple[int, int], stride: tuple[int, int], channels: int) -> None:
        """A CONV_2D of a given shape."""
        depth = kernel[0] * kernel[1] * self.shape[3]
        self.product("CONV_2D", (channels, *kernel, self.shape[3]), 0, depth, stride=stride)

    def spatial(self) -> None:
        """A depthwise convolution or a pool, stride 1 to 3, any padding that fits."""
        kernel = self.pick((3, 3), (3, 3), (5, 3), (1, 4), (2, 2), (7, 7))
        stride = self.pick((1, 1), (1, 1), (2, 2), (2, 1), (1, 2), (3, 3))
        fits = kernel[0] <= self.shape[1] and kernel[1] <= self.shape[2]
        padding = self.pick("SAME", "SAME", "VALID") if fits else "SAME"
        if self.rng.random() < 0.2:
            kind = self.pick("AVERAGE_POOL_2D", "MAX_POOL_2D")
            self.emit(kind, [self.last], self.last_quant, filter=kernel, stride=stride, padding=padding)
        else:
            shape = (1, *kernel, self.shape[3])
            self.product("DEPTHWISE_CONV_2D", shape, 3, kernel[0] * kernel[1], stride=stride, padding=padding)

    def squeeze_excite(self) -> None:
        """MEAN, two 1x1 convolutions, a sigmoid, and the product with what they came from."""
        x, wide = self.last, self.shape[3]
        self.emit("MEAN", [x], self.quant(float(self.last_quant.s)), axes=(1, 2), keep_dims=True)
        self.convolution((1, 1), (1, 1), max(1, wide // 4))
        self.unary("RELU")
        self.convolution((1, 1), (1, 1), wide)
        self.unary("LOGISTIC")
        self.binary_of("MUL", x, self.last)

    def product(self, kind: str, shape: tuple[int, ...], axis: int, depth: int, **attrs) -> None:
        """A weighted operator whose output spreads over its codes."""
        channels, index = shape[axis], len(self.graph.ops)
        s_w = (10 ** self.rng.uniform(-2.5, -1.5, channels)).astype(np.float32)
        zeros = np.zeros(channels, np.int32)
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        if self.rng.random() < 0.2:  # dead filters, which a pass may remove
            np.moveaxis(data, axis, 0)[self.rng.random(channels) < 0.4] = 0
        inputs = [self.last, self.graph.add_const(f"w{index}", data, Quant(s_w, zeros, axis if channels > 1 else None))]
        if self.rng.random() < 0.8:
            bias = self.rng.integers(-2000, 2001, channels).astype(np.int32)
            scales = Quant(self.last_quant.s * s_w, zeros, 0 if channels > 1 else None)
            inputs.append(self.graph.add_const(f"b{index}", bias, scales))
        spread = float(self.last_quant.s) * float(s_w.max()) * np.sqrt(depth) * 75 * 75 / 64
        out = self.quant(spread * 10 ** self.rng.uniform(-0.3, 0.3))
        self.emit(kind, inputs, out, activation=self.pick("NONE", "NONE", "RELU", "RELU6"), **attrs)

    def binary_of(self, kind: str, a: str, b: str) -> None:
        """ADD, SUB or MUL of two tensors."""
        qa, qb = self.graph.tensors[a].quant, self.graph.tensors[b].quant
        assert qa is not None and qb is not None
        spread = float(qa.s * qb.s) * 75 if kind == "MUL" else float(max(qa.s, qb.s))
        inputs = [a, b] if self.rng.random() < 0.7 or kind == "SUB" else [b, a]
        self.emit(kind, inputs, self.quant(spread * 10 ** self.rng.uniform(-0.3, 0.5)),
                  activation=self.pick("NONE", "NONE", "RELU", "RELU6"))  # fmt: skip


def family_graph(number: int) -> Graph:
    """Member `number`, from 0: the same graph every time."""
    for attempt in range(ATTEMPTS):
        member = Member(number, attempt)
        try:
            getattr(member, STRUCTURES[number % len(STRUCTURES)])(number)
            if not member.graph.ops:
                continue
            member.graph.outputs = member.graph.outputs or [member.last]
            return member.graph.validate()
        except ExportError:  # a window larger than its map: draw again
            continue
    raise AssertionError(f"no graph of number {number} in {ATTEMPTS} attempts")


def inputs_of(graph: Graph, samples: int) -> list[np.ndarray]:
    """One (samples, *shape) int8 array an input: extremes first, then uniform codes."""
    rng = np.random.default_rng(11)
    arrays = []
    for name in graph.inputs:
        x = rng.integers(-128, 128, (samples, *graph.tensors[name].shape)).astype(np.int8)
        x[0] = rng.choice(np.array([-128, 127], np.int8), x.shape[1:])
        arrays.append(x)
    return arrays


def litert_outputs(tflite: bytes, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One (samples, *shape) int8 array an output, by LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    sources = [d["index"] for d in interpreter.get_input_details()]
    targets = [d["index"] for d in interpreter.get_output_details()]
    rows: list[list[np.ndarray]] = [[] for _ in targets]
    for i in range(len(inputs[0])):
        for index, x in zip(sources, inputs, strict=True):
            interpreter.set_tensor(index, np.ascontiguousarray(x[i]))
        interpreter.invoke()
        for row, index in zip(rows, targets, strict=True):
            row.append(interpreter.get_tensor(index))
    return [np.stack(row) for row in rows]
