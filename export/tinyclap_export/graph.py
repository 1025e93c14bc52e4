"""The graph in the middle: typed tensors and operators, in execution order.

Float simulation, calibration, the integer reference, the .tflite and ONNX writers and the C generator all read
this one structure. Layouts are TFLite's: activations NHWC, CONV_2D weights [c_out, kh, kw, c_in], DEPTHWISE_CONV_2D
weights [1, kh, kw, c_in * depth_multiplier], FULLY_CONNECTED weights [c_out, c_in]. Tensors with data are constants.

Attributes by kind (ATTRIBUTES lists them with their defaults):

    CONV_2D, DEPTHWISE_CONV_2D   stride (h, w), dilation (h, w), padding "SAME" | "VALID", activation; depth_multiplier
    AVERAGE_POOL_2D, MAX_POOL_2D filter (h, w), stride (h, w), padding, activation
    FULLY_CONNECTED              activation, keep_num_dims
    ADD, SUB, MUL                activation
    MEAN                         axes (ints >= 0), keep_dims
    PAD                          pads ((before, after), ...) one pair an axis
    CONCATENATION                axis, activation
    RESHAPE                      new_shape
    TRANSPOSE                    perm
    SOFTMAX                      beta
    LEAKY_RELU                   alpha

MEAN's axes, PAD's pads, RESHAPE's shape and TRANSPOSE's permutation are attributes here, never input tensors.
An absent bias is simply not in `inputs`. HARD_SIGMOID exists in float graphs only: `quantize` folds it away.
GELU is x times the normal distribution function; its tanh form is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyclap_export.errors import ExportError

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
DTYPES = ("float32", "int8", "int32")

_REQUIRED = object()  # an attribute without a default

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "CONV_2D": {"stride": (1, 1), "dilation": (1, 1), "padding": "SAME", "activation": "NONE"},
    "DEPTHWISE_CONV_2D": {
        "stride": (1, 1),
        "dilation": (1, 1),
        "padding": "SAME",
        "activation": "NONE",
        "depth_multiplier": 1,
    },
    "FULLY_CONNECTED": {"activation": "NONE", "keep_num_dims": False},
    "ADD": {"activation": "NONE"},
    "SUB": {"activation": "NONE"},
    "MUL": {"activation": "NONE"},
    "MEAN": {"axes": _REQUIRED, "keep_dims": True},
    "AVERAGE_POOL_2D": {"filter": _REQUIRED, "stride": _REQUIRED, "padding": "VALID", "activation": "NONE"},
    "MAX_POOL_2D": {"filter": _REQUIRED, "stride": _REQUIRED, "padding": "VALID", "activation": "NONE"},
    "PAD": {"pads": _REQUIRED},
    "CONCATENATION": {"axis": -1, "activation": "NONE"},
    "RESHAPE": {"new_shape": _REQUIRED},
    "TRANSPOSE": {"perm": _REQUIRED},
    "SOFTMAX": {"beta": 1.0},
    "LEAKY_RELU": {"alpha": _REQUIRED},
    "RELU": {},
    "RELU6": {},
    "RELU_0_TO_1": {},
    "HARD_SWISH": {},
    "GELU": {},
    "HARD_SIGMOID": {},
    "LOGISTIC": {},
    "TANH": {},
    "QUANTIZE": {},
}

KINDS = tuple(ATTRIBUTES)
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, init=False)
class Quant:
    """real = scale * (q - zero_point), per tensor (axis None, one entry) or per slice along `axis`.

    scale: (k,) float32, positive. zero_point: (k,) int32.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    axis: int | None = None

    def __init__(self, scale: npt.ArrayLike, zero_point: npt.ArrayLike, axis: int | None = None) -> None:
        object.__setattr__(self, "scale", np.atleast_1d(np.asarray(scale, np.float32)))
        object.__setattr__(self, "zero_point", np.atleast_1d(np.asarray(zero_point, np.int32)))
        object.__setattr__(self, "axis", axis)

    @property
    def s(self) -> np.float32:
        """The scale of a per-tensor quantisation."""
        return np.float32(self.scale[0])

    @property
    def z(self) -> int:
        """The zero point of a per-tensor quantisation."""
        return int(self.zero_point[0])


@dataclass(frozen=True)
class Tensor:
    """A value: shape, dtype, for a constant its data (C order), for an integer tensor its quantisation."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    data: np.ndarray | None = None
    quant: Quant | None = None

    @property
    def is_const(self) -> bool:
        return self.data is not None

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Op:
    """One operator. Attributes are completed with the defaults of its kind when it is made."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "outputs", tuple(self.outputs))
        if self.kind not in ATTRIBUTES:
            raise ExportError(f"operator {self.name or self.kind}: kind {self.kind} is not supported", exit_code=5)
        known = ATTRIBUTES[self.kind]
        unknown = sorted(set(self.attrs) - set(known))
        if unknown:
            raise ExportError(f"operator {self.name or self.kind}: unknown attribute {unknown[0]} for {self.kind}")
        attrs = {**known, **self.attrs}
        for key, value in attrs.items():
            if value is _REQUIRED:
                raise ExportError(f"operator {self.name or self.kind}: {self.kind} needs attribute {key}")
        for key in ("alpha", "beta"):
            if key in attrs:  # float32 in every file format
                attrs[key] = float(np.float32(attrs[key]))
        object.__setattr__(self, "attrs", attrs)
        if not self.name:
            object.__setattr__(self, "name", self.outputs[0] if self.outputs else self.kind)

    @property
    def bias(self) -> str | None:
        """Name of the bias tensor of a weighted operator, or None."""
        return self.inputs[2] if self.kind in WEIGHTED and len(self.inputs) > 2 else None


@dataclass
class Graph:
    """Tensors by name and operators in execution order; `validate` checks what every consumer relies on."""

    name: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    # -- building ------------------------------------------------------------------------------------------------

    def add_input(self, name: str, shape: tuple[int, ...], dtype: str = "float32", quant: Quant | None = None) -> str:
        self.tensors[name] = Tensor(name, tuple(shape), dtype, None, quant)
        self.inputs.append(name)
        return name

    def add_const(self, name: str, data: np.ndarray, quant: Quant | None = None) -> str:
        data = np.ascontiguousarray(data)
        self.tensors[name] = Tensor(name, tuple(int(d) for d in data.shape), data.dtype.name, data, quant)
        return name

    def add_op(self, kind: str, inputs: list[str] | tuple[str, ...], output: str, **attrs: Any) -> str:
        """Append an operator and its output, whose shape is inferred; the dtype is its first input's."""
        from tinyclap_export.shapes import infer_shapes

        op = Op(kind, tuple(inputs), (output,), attrs, output)
        for name in op.inputs:
            if name not in self.tensors:
                raise ExportError(f"operator {op.name}: input {name} does not exist")
        if output in self.tensors:
            raise ExportError(f"operator {op.name}: tensor {output} exists already")
        (shape,) = infer_shapes(op, [self.tensors[name] for name in op.inputs])
        self.tensors[output] = Tensor(output, shape, self.tensors[op.inputs[0]].dtype)
        self.ops.append(op)
        return output

    # -- reading -------------------------------------------------------------------------------------------------

    def producer(self, tensor: str) -> Op | None:
        """The operator that writes a tensor; None for inputs and constants."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: str) -> list[Op]:
        return [op for op in self.ops if tensor in op.inputs]

    def constant(self, name: str) -> np.ndarray:
        """Data of a constant tensor; ExportError (exit code 5) when it is computed at run time."""
        data = self.tensors[name].data
        if data is None:
            raise ExportError(f"tensor {name} is not a constant", "weights must be constants", exit_code=5)
        return data

    def activations(self) -> Iterator[Tensor]:
        """Graph inputs and operator outputs, in order of first appearance."""
        for name in self.inputs:
            yield self.tensors[name]
        for op in self.ops:
            for name in op.outputs:
                yield self.tensors[name]

    def macs(self) -> int:
        """Multiply-accumulates of one inference, as usually counted: weighted operators only."""
        return sum(op_macs(self, op) for op in self.ops)

    def copy(self) -> Graph:
        """A shallow copy whose lists and tensor table can be changed freely (tensors and ops are immutable)."""
        return replace(self, tensors=dict(self.tensors), ops=list(self.ops), inputs=list(self.inputs),
                       outputs=list(self.outputs))  # fmt: skip

    def validate(self) -> Graph:
        """Check order, shapes, dtypes and quantisation; returns self, raises ExportError naming the operator."""
        from tinyclap_export.validation import validate_graph

        validate_graph(self)
        return self


def op_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one operator; 0 for operators without weights."""
    if op.kind not in WEIGHTED:
        return 0
    weights, out = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    if op.kind == "DEPTHWISE_CONV_2D":
        return out.size * weights.shape[1] * weights.shape[2]
    return out.size * (weights.size // weights.shape[0])
