"""The export graph as a torch module: what the int8 graph will compute, in float, with gradients.

Arrays keep the graph's NHWC layout, their leading axis of one being the batch. A kind of operator is an entry of
KERNELS; one that is missing there is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from tinyclap_export.errors import ExportError
from tinyclap_export.fold import fold_hard_sigmoid, fuse_activations
from tinyclap_export.graph import WEIGHTED, Graph, Op
from tinyclap_export.quantize import FIXED_OUTPUT, SAME_SCALE, SATURATES
from tinyclap_export.samples import last_uses
from tinyclap_export.windows import Window
from torch import Tensor, nn

from tinyclap_edge.distill.fake_quant import FakeActivation, FakeWeight

MOVES = ("RESHAPE", "TRANSPOSE", "PAD", "MAX_POOL_2D")  # codes pass through as they are
TO_TORCH = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}
FROM_TORCH = {"CONV_2D": (0, 2, 3, 1), "DEPTHWISE_CONV_2D": (1, 2, 3, 0), "FULLY_CONNECTED": (0, 1)}
ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "NONE": lambda x: x,
    "RELU": F.relu,
    "RELU6": F.relu6,
    "RELU_N1_TO_1": lambda x: x.clamp(-1, 1),
}
Values = dict[str, Tensor]


@dataclass(frozen=True)
class Learnt:
    """What training found: the float graph with its new constants, ranges by activation, weight scales by operator."""

    graph: Graph
    ranges: dict[str, tuple[float, float]]
    weight_scales: dict[str, np.ndarray]


class QatGraph(nn.Module):
    """A float graph, prepared as the quantiser prepares it, with fake quantisation on every tensor that gets int8.

    int8: the same graph quantised after training (quantize(graph, ranges)); its scales are where learning starts.
    forward(x, rounded) takes (n, *input shape without the leading one), returns (n, ...) of the first output, and what
    the tensors in `watched` held: the linear ones between blocks, where a float and an int8 graph can be compared.
    """

    def __init__(self, graph: Graph, int8: Graph) -> None:
        super().__init__()
        self.source = graph
        self.graph, saturated = fold_hard_sigmoid(fuse_activations(graph))
        if any(t.shape[:1] != (1,) for t in self.graph.activations()):
            raise ExportError("quantisation-aware training needs a graph whose maps have a leading axis of one")
        self.weights, self.biases = nn.ModuleDict(), nn.ParameterDict()
        self.fakes = nn.ModuleDict()
        self.key = {t.name: f"t{i}" for i, t in enumerate(self.graph.activations())}  # names hold dots and slashes
        self.watched = [op.outputs[0] for op in self.graph.ops if _is_linear(self.graph, op)]
        self._share_fakes(int8, saturated)
        for index, op in enumerate(self.graph.ops):
            if op.kind not in KERNELS and op.kind not in WEIGHTED:
                raise ExportError(f"operator {op.name}: {op.kind} cannot be trained", exit_code=5)
            if op.kind in WEIGHTED:
                self._add_weights(f"o{index}", op, int8)

    def _share_fakes(self, int8: Graph, saturated: set[str]) -> None:
        """One FakeActivation for all tensors that share one Quant in the int8 graph."""
        shared: dict[int, FakeActivation] = {}
        pinned = saturated | {op.outputs[0] for op in self.graph.ops if op.kind in FIXED_OUTPUT}
        fixed = {id(int8.tensors[name].quant) for name in pinned}
        bounded = {op.inputs[0] for op in self.graph.ops if op.kind in SATURATES}
        for tensor in self.graph.activations():
            quant = int8.tensors[tensor.name].quant
            assert quant is not None
            if id(quant) not in shared:
                shared[id(quant)] = FakeActivation(quant, learn=id(quant) not in fixed)
            if tensor.name in bounded:
                shared[id(quant)].limit = float(quant.s)
            self.fakes[self.key[tensor.name]] = shared[id(quant)]

    def _add_weights(self, key: str, op: Op, int8: Graph) -> None:
        value = torch.from_numpy(np.array(self.graph.constant(op.inputs[1]))).permute(TO_TORCH[op.kind]).contiguous()
        scale = int8.tensors[next(o for o in int8.ops if o.name == op.name).inputs[1]].quant
        assert scale is not None
        self.weights[key] = FakeWeight(value, torch.from_numpy(scale.scale.copy()))
        bias = self.graph.constant(op.bias).reshape(-1) if op.bias else np.zeros(0, np.float32)
        step = float(int8.tensors[op.outputs[0]].quant.s)  # type: ignore[union-attr]
        # in codes of the output; one that is zero throughout stands for none, and a student file has no place for it
        self.biases[key] = nn.Parameter(torch.from_numpy(np.array(bias)) / step, requires_grad=bool(bias.any()))
        self.register_buffer(f"step_{key}", torch.tensor(step))

    def forward(self, x: Tensor, rounded: bool = True) -> tuple[Tensor, list[Tensor]]:
        values: Values = {}

        def put(name: str, value: Tensor, kind: str = "") -> None:
            values[name] = self._fake(name)(value) if rounded and kind not in MOVES else value

        put(self.graph.inputs[0], x)
        for index, op in enumerate(self.graph.ops):
            if op.kind in WEIGHTED:
                key = f"o{index}"
                out = _weighted(op, values[op.inputs[0]], self._weight(key)(rounded), self._bias(key))
                out = ACTIVATE[op.attrs["activation"]](out)
            else:
                out = KERNELS[op.kind](op, [self._value(values, name) for name in op.inputs])
            put(op.outputs[0], out, op.kind)
        return values[self.graph.outputs[0]], [values[name] for name in self.watched]

    @torch.no_grad()
    def correct_biases(self, x: Tensor) -> None:
        """Move each bias so that the mean of its channel before the activation is the float one, first layer first.

        Rounding values that crowd on one side of a code shifts the mean of what is summed over them, and a global pool
        averages everything away but such shifts (bias correction, arXiv 1906.04721). x: (n, *input shape).
        """
        exact: Values = {self.graph.inputs[0]: x}
        rough: Values = {self.graph.inputs[0]: self._fake(self.graph.inputs[0])(x)}
        last = last_uses(self.graph)
        for index, op in enumerate(self.graph.ops):
            key, name = f"o{index}", op.outputs[0]
            if op.kind in WEIGHTED:
                weight, activate = self._weight(key), ACTIVATE[op.attrs["activation"]]
                wanted = _weighted(op, exact[op.inputs[0]], weight(rounded=False), self._bias(key))
                found = _weighted(op, rough[op.inputs[0]], weight(), self._bias(key))
                shift = (wanted - found).flatten(0, -2).mean(0)
                if self.biases[key].requires_grad:
                    self.biases[key] += shift / (getattr(self, f"step_{key}") * weight.gain)
                    found = found + shift
                exact[name], rough[name] = activate(wanted), activate(found)
            else:
                exact[name] = KERNELS[op.kind](op, [self._value(exact, n) for n in op.inputs])
                rough[name] = KERNELS[op.kind](op, [self._value(rough, n) for n in op.inputs])
            if op.kind not in MOVES:
                rough[name] = self._fake(name)(rough[name])
            for read in set(op.inputs) & exact.keys():
                if last[read] == index:
                    del exact[read], rough[read]

    def _weight(self, key: str) -> FakeWeight:
        return cast(FakeWeight, self.weights[key])

    def _fake(self, name: str) -> FakeActivation:
        return cast(FakeActivation, self.fakes[self.key[name]])

    def _bias(self, key: str) -> Tensor | None:
        bias = self.biases[key]
        return bias * getattr(self, f"step_{key}") * self._weight(key).gain if bias.numel() else None

    def _value(self, values: Values, name: str) -> Tensor:
        if name in values:
            return values[name]
        return torch.from_numpy(np.array(self.graph.constant(name)))

    @torch.no_grad()
    def learnt(self) -> Learnt:
        """The result in the source graph's own terms; weights lie on their grids."""
        ranges = {name: self._fake(name).learnt() for name in self.key}
        out, scales = self.source.copy(), {}
        for index, op in enumerate(self.graph.ops):
            if op.kind not in WEIGHTED:
                continue
            value, scale = self._weight(f"o{index}").learnt()
            scales[op.name] = scale.numpy().astype(np.float32)
            bias = self._bias(f"o{index}")
            original = next(o for o in self.source.ops if o.name == op.name)
            gated = op.inputs[1] != original.inputs[1]  # a hard-sigmoid was folded into it: w / 6, (b + 3) / 6
            grown = value * 6 if gated else value
            _replace(out, original.inputs[1], grown.permute(FROM_TORCH[op.kind]).numpy())
            if bias is not None and original.bias:
                _replace(out, original.bias, (bias * 6 - 3 if gated else bias).numpy())
        for op in self.source.ops:  # tensors that fusing took away keep the range of what replaced them
            ranges.setdefault(op.outputs[0], ranges.get(_after(self.source, op), (0.0, 1.0)))
        return Learnt(out.validate(), ranges, scales)


def _is_linear(graph: Graph, op: Op) -> bool:
    """The sum at the end of a block, or a convolution without an activation."""
    if op.kind not in ("CONV_2D", "ADD") or op.attrs["activation"] != "NONE":
        return False
    return all(reader.kind in (*WEIGHTED, "ADD", "MEAN") for reader in graph.consumers(op.outputs[0]))


def _after(graph: Graph, op: Op) -> str:
    readers = graph.consumers(op.outputs[0])
    return readers[0].outputs[0] if readers else op.outputs[0]


def _replace(graph: Graph, name: str, value: np.ndarray) -> None:
    tensor = graph.tensors[name]
    graph.tensors[name] = replace(tensor, data=np.ascontiguousarray(value.reshape(tensor.shape), np.float32))


def _weighted(op: Op, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if op.kind == "FULLY_CONNECTED":
        return F.linear(x.reshape(len(x), -1), weight, bias)
    (top, bottom), (left, right) = Window(op, tuple(x.shape[1:3]), tuple(weight.shape[2:])).pads
    image = x.permute(0, 3, 1, 2)  # a view: NHWC is torch's channels-last
    pads: tuple[int, int] = (top, left)
    if (top, left) != (bottom, right):
        image, pads = F.pad(image, (left, right, top, bottom)), (0, 0)
    groups = x.shape[3] // weight.shape[1]
    out = F.conv2d(image, weight, bias, op.attrs["stride"], pads, op.attrs["dilation"], groups)
    return out.permute(0, 2, 3, 1)


def _pool(kind: str) -> Kernel:
    def run(op: Op, args: list[Tensor]) -> Tensor:
        size, stride, image = op.attrs["filter"], op.attrs["stride"], args[0].permute(0, 3, 1, 2)
        if op.attrs["padding"] != "VALID":
            raise ExportError(f"operator {op.name}: a padded pool cannot be trained", exit_code=5)
        out = F.max_pool2d(image, size, stride) if kind == "MAX_POOL_2D" else F.avg_pool2d(image, size, stride)
        return ACTIVATE[op.attrs["activation"]](out.permute(0, 2, 3, 1))

    return run


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Kernel:
    return lambda op, args: ACTIVATE[op.attrs["activation"]](function(args[0], args[1]))


def _pad(op: Op, args: list[Tensor]) -> Tensor:
    flat = [n for pair in reversed(op.attrs["pads"]) for n in pair]
    return F.pad(args[0], flat)


Kernel = Callable[[Op, list[Tensor]], Tensor]
KERNELS: dict[str, Kernel] = {
    "ADD": _binary(torch.add),
    "SUB": _binary(torch.sub),
    "MUL": _binary(torch.mul),
    "MEAN": lambda op, args: args[0].mean(tuple(op.attrs["axes"]), keepdim=op.attrs["keep_dims"]),
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "PAD": _pad,
    "CONCATENATION": lambda op, args: torch.cat(args, op.attrs["axis"] % args[0].ndim),
    "RESHAPE": lambda op, args: args[0].reshape(len(args[0]), *op.attrs["new_shape"][1:]),
    "TRANSPOSE": lambda op, args: args[0].permute(*op.attrs["perm"]),
    "LEAKY_RELU": lambda op, args: F.leaky_relu(args[0], op.attrs["alpha"]),
    "RELU": lambda op, args: F.relu(args[0]),
    "RELU6": lambda op, args: F.relu6(args[0]),
    "HARD_SWISH": lambda op, args: F.hardswish(args[0]),
    "LOGISTIC": lambda op, args: torch.sigmoid(args[0]),
    "TANH": lambda op, args: torch.tanh(args[0]),
    "QUANTIZE": lambda op, args: args[0],
}
assert set(MOVES) <= set(SAME_SCALE)
