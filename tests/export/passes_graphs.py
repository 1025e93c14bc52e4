"""Random int8 graphs with something in them for every pass: dead filters, clamps, clips of their own, moves that cancel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_graphs import KINDS, RandomInt8
from tinyclap_export.graph import Graph, Op, Quant
from tinyclap_export.integer import run_integer
from tinyclap_export.passes import optimise

FREE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
CHAIN = ("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "RELU", "HARD_SWISH", "MEAN", "MUL", "ADD", "PAD",
         "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "TRANSPOSE", "RESHAPE", "QUANTIZE")  # fmt: skip


class Wasteful(RandomInt8):
    """A random graph to which no converter was kind."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.branches = [self.last]

    def add(self, kind: str) -> bool:
        if not super().add(kind):
            return False
        if self.graph.ops[-1].kind in FREE and self.rng.random() < 0.7:
            self.kill(self.graph.ops[-1])
        if self.rng.random() < 0.5:
            self.waste()
        self.branches.append(self.last)
        if self.rng.random() < 0.1:  # a dead branch, or one that a later sum or output uses
            self.last = self.pick(*self.branches)
        return True

    def kill(self, op: Op) -> None:
        """Empty some filters and some taps, push some biases past the clamp."""
        g, axis = self.graph, 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
        data = np.moveaxis(g.tensors[op.inputs[1]].data.copy(), axis, 0)
        data[self.rng.random(len(data)) < self.pick(0.3, 0.6, 1.0)] = 0
        if axis == 0:
            data[..., self.rng.random(data.shape[-1]) < 0.3] = 0
        data = np.ascontiguousarray(np.moveaxis(data, 0, axis))
        g.tensors[op.inputs[1]] = replace(g.tensors[op.inputs[1]], data=data)
        if op.bias is not None:
            bias = g.tensors[op.bias].data.copy()
            bias[self.rng.random(bias.size) < 0.3] = self.pick(-(1 << 20), 1 << 20, 0)
            g.tensors[op.bias] = replace(g.tensors[op.bias], data=bias)

    def waste(self) -> None:
        """An operator or two that a pass can take out."""
        quant, shape, rank = self.last_quant, self.shape, len(self.shape)
        what = self.pick(
            "clip", "clip", "same", "reshape", "transpose", "pad", "pick", "zeros", "twice", "gate", "join"
        )
        if what == "clip":
            self.emit(self.pick("RELU", "RELU6", "RELU_0_TO_1"), [self.last], quant)
        elif what == "same":
            self.emit("QUANTIZE", [self.last], quant)
        elif what == "reshape":
            self.emit("RESHAPE", [self.last], quant, new_shape=(1, int(np.prod(shape))))
            self.emit("RESHAPE", [self.last], quant, new_shape=shape)
        elif what == "transpose":
            perm = tuple(int(axis) for axis in self.rng.permutation(rank))
            self.emit("TRANSPOSE", [self.last], quant, perm=perm)
            if self.rng.random() < 0.7:
                self.emit("TRANSPOSE", [self.last], quant, perm=tuple(int(axis) for axis in np.argsort(perm)))
        elif what == "pad" and rank == 4:
            self.emit("PAD", [self.last], quant, pads=((0, 0), self.pick((0, 0), (1, 1), (0, 1)), (0, 0), (0, 0)))
        elif what == "pick" and rank == 4:
            stride = (self.between(1, 3), self.between(1, 3))
            self.emit("AVERAGE_POOL_2D", [self.last], quant, filter=(1, 1), stride=stride)
        elif what == "zeros":
            zero = self.graph.add_const(f"z{len(self.graph.ops)}", np.full(shape, quant.z, np.int8), quant)
            self.emit(self.pick("ADD", "MUL"), [self.last, zero], Quant(quant.s * 1.5, quant.z))
        elif what == "gate" and rank == 4:
            full = self.last
            self.emit("MEAN", [full], quant, axes=(1, 2))
            self.emit("LOGISTIC", [self.last], Quant(1 / 256, -128))
            self.emit("MUL", [full, self.last], Quant(quant.s / 2, quant.z))
        elif what == "join":
            first = self.last
            self.emit("RELU", [first], quant)
            self.emit("CONCATENATION", [self.last, first], quant, axis=self.pick(rank - 1, 0))
        elif what == "twice":
            first = self.last
            self.emit("HARD_SWISH", [first], Quant(quant.s * 2, 3))
            one = self.last
            self.emit("HARD_SWISH", [first], Quant(quant.s * 2, 3))
            self.emit("ADD", [one, self.last], Quant(quant.s * 5, -3))

    def finish(self) -> Graph:
        self.graph.outputs = [self.last]
        if self.rng.random() < 0.3:
            more = self.pick(*self.branches)
            if more not in (*self.graph.outputs, *self.graph.inputs):
                self.graph.outputs.append(more)
        return self.graph.validate()


def wasteful_graph(seed: int, length: int = 6, kinds: tuple[str, ...] = CHAIN) -> Graph:
    """A random graph of about `length` operators and some that waste time."""
    r = Wasteful(seed)
    while len(r.graph.ops) < length:
        r.add(r.pick(*kinds, *KINDS) if r.rng.random() < 0.5 else r.pick(*kinds))
    return r.finish()


def outputs_of(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every graph output by name."""
    kept = run_integer(graph, x, keep=True)
    assert isinstance(kept, dict)
    return {name: kept[name] for name in graph.outputs}


def optimised(graph: Graph, x: np.ndarray) -> Graph:
    """The optimised graph, after checking that it gives the bytes of the first one."""
    result, _ = optimise(graph)
    before, after = outputs_of(graph, x), outputs_of(result, x)
    assert list(before) == list(after)
    for name in before:
        assert np.array_equal(before[name], after[name]), f"output {name} of {graph.name} changed"
    return result
