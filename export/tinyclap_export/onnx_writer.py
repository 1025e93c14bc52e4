"""A graph to ONNX: QDQ int8 with the scales of the .tflite, or plain float.

Input and output keep the .tflite's layout and, for int8, its codes: (1, T, M, 1) in, (1, r) out, int8. Inside, rank-4
maps are NCHW. Every activation is Q/DQ'd with its own scale, weights are int8 per channel behind DequantizeLinear,
biases int32. ONNX runtimes compute between DQ and Q in float (or fuse with their own rounding): compare by cosine,
never by equality.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Op, Tensor
from tinyclap_export.shapes import conv_padding

OPSET = 19
IR_VERSION = 9

_UNARY = {"LOGISTIC": "Sigmoid", "TANH": "Tanh", "RELU": "Relu", "HARD_SWISH": "HardSwish"}
_BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def write_onnx(graph: Graph, producer: str = "tinyclap-edge") -> bytes:
    """Bytes of the ONNX model of an int8 graph (QDQ) or of a float graph; checked by onnx.checker, deterministic."""
    try:
        import onnx
    except ImportError as error:
        raise ExportError("onnx is not installed", "pip install 'onnx>=1.19,<2'", 3) from error
    graph.validate()
    writer = _Writer(onnx, graph)
    model = onnx.helper.make_model(
        writer.build(),
        producer_name=producer,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _nchw_axis(axis: int, rank: int) -> int:
    """Where an NHWC axis lies in the ONNX map of the same rank."""
    axis %= rank
    return _TO_NCHW.index(axis) if rank == 4 else axis


class _Writer:
    """Emits nodes; `value[name]` is the float ONNX value of a graph tensor (NCHW where its rank is 4)."""

    def __init__(self, onnx: Any, graph: Graph) -> None:
        self.onnx, self.graph = onnx, graph
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.value: dict[str, str] = {}
        self.count = 0

    def build(self) -> Any:
        helper = self.onnx.helper
        for name in self.graph.inputs:
            tensor = self.graph.tensors[name]
            self.value[name] = self.to_nchw(self.dequantize(name, tensor), tensor)
        for op in self.graph.ops:
            self.operator(op)
        for name in self.graph.outputs:
            self.output(name)
        infos = [[helper.make_tensor_value_info(self.io_name(n, names is self.graph.outputs),
                                                self.element_type(self.graph.tensors[n]), self.graph.tensors[n].shape)
                  for n in names] for names in (self.graph.inputs, self.graph.outputs)]  # fmt: skip
        return helper.make_graph(self.nodes, self.graph.name, *infos, initializer=self.initializers)

    # -- small pieces --------------------------------------------------------------------------------------------

    def io_name(self, name: str, is_output: bool) -> str:
        return f"{name}_output" if is_output and name in self.graph.inputs else name

    def element_type(self, tensor: Tensor) -> int:
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))

    def fresh(self, hint: str) -> str:
        self.count += 1
        return f"{hint}#{self.count}"

    def node(self, kind: str, inputs: list[str], hint: str, output: str = "", **attributes: Any) -> str:
        out = output or self.fresh(f"{hint}/{kind}")
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [out], name=f"n_{out}", **attributes))
        return out

    def constant(self, array: np.ndarray, hint: str) -> str:
        name = self.fresh(hint)
        self.initializers.append(self.onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def scale_inputs(self, tensor: Tensor, axis: int | None) -> list[str]:
        assert tensor.quant is not None
        kind = np.dtype(tensor.dtype)
        scale, zero = tensor.quant.scale, tensor.quant.zero_point.astype(kind)
        if axis is None:
            scale, zero = scale[0], zero[0]
        return [
            self.constant(np.asarray(scale), f"{tensor.name}/scale"),
            self.constant(np.asarray(zero), f"{tensor.name}/zero"),
        ]

    def dequantize(self, value: str, tensor: Tensor, axis: int | None = None) -> str:
        if tensor.dtype == "float32":
            return value
        extra: dict[str, Any] = {} if axis is None else {"axis": axis}
        return self.node("DequantizeLinear", [value, *self.scale_inputs(tensor, axis)], tensor.name, **extra)

    def to_nchw(self, value: str, tensor: Tensor) -> str:
        return self.node("Transpose", [value], tensor.name, perm=_TO_NCHW) if len(tensor.shape) == 4 else value

    def to_nhwc(self, value: str, tensor: Tensor) -> str:
        return self.node("Transpose", [value], tensor.name, perm=_TO_NHWC) if len(tensor.shape) == 4 else value

    def finish(self, name: str, value: str) -> None:
        """Quantise and dequantise an operator's result: the rounding that the .tflite has there."""
        tensor = self.graph.tensors[name]
        if tensor.dtype == "int8":
            codes = self.node("QuantizeLinear", [value, *self.scale_inputs(tensor, None)], name)
            value = self.dequantize(codes, tensor)
        self.value[name] = value

    def output(self, name: str) -> None:
        tensor = self.graph.tensors[name]
        value = self.to_nhwc(self.value[name], tensor)
        if tensor.dtype == "int8":
            self.node("QuantizeLinear", [value, *self.scale_inputs(tensor, None)], name, self.io_name(name, True))
        else:
            self.node("Identity", [value], name, self.io_name(name, True))

    def operand(self, name: str, rank: int) -> str:
        """Float value of an activation or constant, NCHW, broadcastable at `rank`."""
        tensor = self.graph.tensors[name]
        if tensor.data is not None:
            data = tensor.data.reshape((1,) * (rank - len(tensor.shape)) + tensor.shape)
            data = data.transpose(_TO_NCHW) if rank == 4 else data
            return self.dequantize(self.constant(data, name), tensor)
        if len(tensor.shape) == rank:
            return self.value[name]
        shape = (1,) * (rank - len(tensor.shape)) + tensor.shape
        value = self.node("Reshape", [self.value[name], self.constant(np.array(shape, np.int64), "shape")], name)
        return self.node("Transpose", [value], name, perm=_TO_NCHW) if rank == 4 else value

    # -- operators -----------------------------------------------------------------------------------------------

    def operator(self, op: Op) -> None:
        emit = _EMIT.get(op.kind)
        if emit is None:
            raise ExportError(f"operator {op.name}: {op.kind} has no ONNX form here")
        value = emit(self, op)
        activation = op.attrs.get("activation", "NONE")
        if activation == "RELU":
            value = self.node("Relu", [value], op.name)
        elif activation != "NONE":
            value = self.clip(value, op.name, *((0, 6) if activation == "RELU6" else (-1, 1)))
        self.finish(op.outputs[0], value)

    def clip(self, value: str, hint: str, low: float, high: float) -> str:
        limits = [self.constant(np.float32(v), f"{hint}/limit") for v in (low, high)]
        return self.node("Clip", [value, *limits], hint)

    def shapes(self, op: Op) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.graph.tensors[op.inputs[0]].shape, self.graph.tensors[op.outputs[0]].shape

    def pads(self, op: Op, kernel: tuple[int, ...]) -> list[int]:
        shape, a = self.shapes(op)[0], op.attrs
        dilation = a.get("dilation", (1, 1))
        sides = [conv_padding(shape[1 + i], kernel[i], a["stride"][i], dilation[i], a["padding"]) for i in (0, 1)]
        return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]]

    def conv(self, op: Op) -> str:
        weights = self.graph.tensors[op.inputs[1]]
        assert weights.data is not None
        depthwise = op.kind == "DEPTHWISE_CONV_2D"
        data = weights.data.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))  # to OIHW
        group = self.shapes(op)[0][3] // data.shape[1]
        kernel = weights.shape[1:3]
        per_channel = weights.quant is not None and weights.quant.scale.size > 1
        inputs = [self.value[op.inputs[0]],
                  self.dequantize(self.constant(data, weights.name), weights, 0 if per_channel else None)]  # fmt: skip
        inputs += self.bias(op)
        return self.node("Conv", inputs, op.name, kernel_shape=kernel, strides=op.attrs["stride"], group=group,
                         dilations=op.attrs["dilation"], pads=self.pads(op, kernel))  # fmt: skip

    def bias(self, op: Op) -> list[str]:
        if op.bias is None:
            return []
        tensor = self.graph.tensors[op.bias]
        assert tensor.data is not None
        data = self.constant(tensor.data.reshape(-1), tensor.name)
        per_channel = tensor.quant is not None and tensor.quant.scale.size > 1
        return [self.dequantize(data, tensor, 0 if per_channel else None)]

    def dense(self, op: Op) -> str:
        (x_shape, out_shape), weights = self.shapes(op), self.graph.tensors[op.inputs[1]]
        assert weights.data is not None
        flat = self.reshaped(self.to_nhwc(self.value[op.inputs[0]], self.graph.tensors[op.inputs[0]]), op.name,
                             (int(np.prod(x_shape)) // weights.shape[1], weights.shape[1]))  # fmt: skip
        per_channel = weights.quant is not None and weights.quant.scale.size > 1
        w = self.dequantize(self.constant(weights.data, weights.name), weights, 0 if per_channel else None)
        value = self.node("Gemm", [flat, w, *self.bias(op)], op.name, transB=1)
        out = self.graph.tensors[op.outputs[0]]
        return self.to_nchw(self.reshaped(value, op.name, out_shape), out)

    def reshaped(self, value: str, hint: str, shape: tuple[int, ...]) -> str:
        return self.node("Reshape", [value, self.constant(np.array(shape, np.int64), f"{hint}/shape")], hint)

    def binary(self, op: Op) -> str:
        rank = len(self.shapes(op)[1])
        return self.node(_BINARY[op.kind], [self.operand(n, rank) for n in op.inputs], op.name)

    def mean(self, op: Op) -> str:
        x_shape, out_shape = self.shapes(op)
        rank = len(x_shape)
        axes = self.constant(np.array([_nchw_axis(a, rank) for a in op.attrs["axes"]], np.int64), f"{op.name}/axes")
        value = self.node("ReduceMean", [self.value[op.inputs[0]], axes], op.name, keepdims=1)
        if len(out_shape) != rank:
            kept = tuple(1 if i in {a % rank for a in op.attrs["axes"]} else d for i, d in enumerate(x_shape))
            value = self.to_nhwc(value, Tensor(op.name, kept))
            value = self.to_nchw(self.reshaped(value, op.name, out_shape), self.graph.tensors[op.outputs[0]])
        return value

    def pool(self, op: Op) -> str:
        kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
        extra: dict[str, Any] = {} if kind == "MaxPool" else {"count_include_pad": 0}
        return self.node(kind, [self.value[op.inputs[0]]], op.name, kernel_shape=op.attrs["filter"],
                         strides=op.attrs["stride"], pads=self.pads(op, op.attrs["filter"]), **extra)  # fmt: skip

    def pad(self, op: Op) -> str:
        pairs = list(op.attrs["pads"])
        if len(pairs) == 4:
            pairs = [pairs[i] for i in _TO_NCHW]
        pads = np.array([p[0] for p in pairs] + [p[1] for p in pairs], np.int64)
        return self.node("Pad", [self.value[op.inputs[0]], self.constant(pads, f"{op.name}/pads")], op.name)

    def concat(self, op: Op) -> str:
        rank = len(self.shapes(op)[1])
        return self.node("Concat", [self.operand(n, rank) for n in op.inputs], op.name,
                         axis=_nchw_axis(op.attrs["axis"], rank))  # fmt: skip

    def reshape(self, op: Op) -> str:
        x, out = self.graph.tensors[op.inputs[0]], self.graph.tensors[op.outputs[0]]
        return self.to_nchw(self.reshaped(self.to_nhwc(self.value[x.name], x), op.name, out.shape), out)

    def transpose(self, op: Op) -> str:
        x, out = self.graph.tensors[op.inputs[0]], self.graph.tensors[op.outputs[0]]
        value = self.node("Transpose", [self.to_nhwc(self.value[x.name], x)], op.name, perm=op.attrs["perm"])
        return self.to_nchw(value, out)

    def gelu(self, op: Op) -> str:
        """x / 2 * (1 + erf(x / sqrt 2)); ONNX has the operator itself from opset 20 on."""
        value, name = self.value[op.inputs[0]], op.name

        def constant(number: float) -> str:
            return self.constant(np.float32(number), f"{name}/constant")

        bell = self.node("Erf", [self.node("Mul", [value, constant(0.5**0.5)], name)], name)
        half = self.node("Mul", [value, constant(0.5)], name)
        return self.node("Mul", [half, self.node("Add", [bell, constant(1)], name)], name)

    def softmax(self, op: Op) -> str:
        rank = len(self.shapes(op)[0])
        value = self.value[op.inputs[0]]
        if op.attrs["beta"] != 1.0:
            value = self.node("Mul", [value, self.constant(np.float32(op.attrs["beta"]), f"{op.name}/beta")], op.name)
        return self.node("Softmax", [value], op.name, axis=_nchw_axis(-1, rank))


_EMIT: dict[str, Any] = {
    "CONV_2D": _Writer.conv,
    "DEPTHWISE_CONV_2D": _Writer.conv,
    "FULLY_CONNECTED": _Writer.dense,
    "MEAN": _Writer.mean,
    "AVERAGE_POOL_2D": _Writer.pool,
    "MAX_POOL_2D": _Writer.pool,
    "PAD": _Writer.pad,
    "CONCATENATION": _Writer.concat,
    "RESHAPE": _Writer.reshape,
    "TRANSPOSE": _Writer.transpose,
    "SOFTMAX": _Writer.softmax,
    "GELU": _Writer.gelu,
    "QUANTIZE": lambda w, op: w.value[op.inputs[0]],
    "RELU6": lambda w, op: w.clip(w.value[op.inputs[0]], op.name, 0, 6),
    "RELU_0_TO_1": lambda w, op: w.clip(w.value[op.inputs[0]], op.name, 0, 1),
    "LEAKY_RELU": lambda w, op: w.node("LeakyRelu", [w.value[op.inputs[0]]], op.name, alpha=float(op.attrs["alpha"])),
    "HARD_SIGMOID": lambda w, op: w.node("HardSigmoid", [w.value[op.inputs[0]]], op.name, alpha=1 / 6, beta=0.5),
    **dict.fromkeys(_BINARY, _Writer.binary),
    **{kind: (lambda w, op: w.node(_UNARY[op.kind], [w.value[op.inputs[0]]], op.name)) for kind in _UNARY},
}
