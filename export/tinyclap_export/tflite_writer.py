"""An int8 graph to the bytes of a .tflite: written directly, no converter, the same graph always the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import WEIGHTED, Graph, Op, Quant, Tensor
from tinyclap_export.schema import ACTIVATION_CODES, BUILTIN, FILE_IDENTIFIER, PADDING_CODES, TENSOR_TYPES, schema

ALIGNMENT = 16  # of constants: the schema's force_align, which the generated Python code forgets


def write_tflite(graph: Graph, description: str = "tinyclap-edge") -> bytes:
    """The .tflite of an int8 graph. Raises ExportError when an activation is not int8 or a kind has no TFLite code."""
    import flatbuffers

    s = schema()
    graph.validate()
    for tensor in graph.activations():
        if tensor.dtype != "int8" or tensor.quant is None:
            raise ExportError(f"tensor {tensor.name} is {tensor.dtype}, not quantised int8", "quantize the graph first")
    writer = _Writer(s, graph)
    model = s.ModelT()
    model.version = 3
    model.description = description
    model.subgraphs = [writer.subgraph()]
    model.operatorCodes = [_operator_code(s, kind) for kind in writer.kinds]
    model.buffers = writer.buffers
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _operator_code(s: Any, kind: str) -> Any:
    code = s.OperatorCodeT()
    code.builtinCode, code.version = BUILTIN[kind]
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    return code


def _aligned_buffer(s: Any, data: bytes) -> Any:
    """A BufferT whose bytes start at a multiple of ALIGNMENT, as TFLM on a microcontroller expects."""

    class AlignedBuffer(s.BufferT):
        def Pack(self, builder: Any) -> int:
            builder.StartVector(1, len(data), ALIGNMENT)
            head = builder.head - len(data)
            builder.head = head
            builder.Bytes[head : head + len(data)] = data
            vector = builder.EndVector()
            s.BufferStart(builder)
            s.BufferAddData(builder, vector)
            return s.BufferEnd(builder)

    return AlignedBuffer()


class _Writer:
    """Collects tensors, buffers and operators in order of first use."""

    def __init__(self, s: Any, graph: Graph) -> None:
        self.s = s
        self.graph = graph
        self.buffers: list[Any] = [s.BufferT()]  # buffer 0 is empty: every activation points to it
        self.tensors: list[Any] = []
        self.index: dict[str, int] = {}
        self.kinds: list[str] = []

    def subgraph(self) -> Any:
        sub = self.s.SubGraphT()
        sub.name = self.graph.name
        for name in self.graph.inputs:
            self.add(self.graph.tensors[name])
        sub.operators = [self.operator(op) for op in self.graph.ops]
        sub.inputs = np.array([self.index[n] for n in self.graph.inputs], np.int32)
        sub.outputs = np.array([self.index[n] for n in self.graph.outputs], np.int32)
        sub.tensors = self.tensors
        return sub

    def add(self, tensor: Tensor) -> int:
        if tensor.name in self.index:
            return self.index[tensor.name]
        t = self.s.TensorT()
        t.name = tensor.name
        t.shape = np.array(tensor.shape, np.int32)
        t.type = TENSOR_TYPES[tensor.dtype]
        t.hasRank = True
        t.buffer = 0
        if tensor.data is not None:
            t.buffer = len(self.buffers)
            little = tensor.data.astype(tensor.data.dtype.newbyteorder("<"))
            self.buffers.append(_aligned_buffer(self.s, little.tobytes()))
        if tensor.quant is not None:
            q = self.s.QuantizationParametersT()
            q.scale = tensor.quant.scale.astype(np.float32)
            q.zeroPoint = tensor.quant.zero_point.astype(np.int64)
            q.quantizedDimension = tensor.quant.axis or 0
            t.quantization = q
        self.index[tensor.name] = len(self.tensors)
        self.tensors.append(t)
        return self.index[tensor.name]

    def add_int32(self, name: str, values: Any) -> int:
        data = np.ascontiguousarray(values, np.int32)
        return self.add(Tensor(name, data.shape, "int32", data))

    def no_bias(self, op: Op) -> int:
        """Index of an absent bias: none for a dense layer, zeros for a convolution (LiteRT's int8 kernel wants one)."""
        if op.kind == "FULLY_CONNECTED":
            return -1
        x, w = (self.graph.tensors[n] for n in op.inputs)
        channels = self.graph.tensors[op.outputs[0]].shape[3]
        assert x.quant is not None and w.quant is not None
        scale = x.quant.s * w.quant.scale
        quant = Quant(scale, np.zeros(scale.size, np.int32), 0 if scale.size > 1 else None)
        return self.add(Tensor(f"{op.name}/zero_bias", (channels,), "int32", np.zeros(channels, np.int32), quant))

    def operator(self, op: Op) -> Any:
        if op.kind not in BUILTIN:
            raise ExportError(f"operator {op.name}: {op.kind} has no TFLite form", "quantize the graph first")
        if op.kind not in self.kinds:
            self.kinds.append(op.kind)
        o = self.s.OperatorT()
        o.opcodeIndex = self.kinds.index(op.kind)
        inputs = [self.add(self.graph.tensors[n]) for n in op.inputs]
        key = {"MEAN": "axes", "PAD": "pads", "TRANSPOSE": "perm", "RESHAPE": "new_shape"}.get(op.kind)
        if key is not None:
            inputs.append(self.add_int32(f"{op.name}/{key}", op.attrs[key]))
        if op.kind in WEIGHTED and op.bias is None:
            inputs.append(self.no_bias(op))
        o.inputs = np.array(inputs, np.int32)
        o.outputs = np.array([self.add(self.graph.tensors[n]) for n in op.outputs], np.int32)
        options = _options(self.s, op)
        if options is not None:
            o.builtinOptions = options
            o.builtinOptionsType = getattr(self.s.BuiltinOptions, type(options).__name__.removesuffix("T"))
        return o


_OPTIONS = {
    "CONV_2D": "Conv2DOptionsT",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptionsT",
    "FULLY_CONNECTED": "FullyConnectedOptionsT",
    "ADD": "AddOptionsT",
    "SUB": "SubOptionsT",
    "MUL": "MulOptionsT",
    "MEAN": "ReducerOptionsT",
    "AVERAGE_POOL_2D": "Pool2DOptionsT",
    "MAX_POOL_2D": "Pool2DOptionsT",
    "PAD": "PadOptionsT",
    "CONCATENATION": "ConcatenationOptionsT",
    "RESHAPE": "ReshapeOptionsT",
    "TRANSPOSE": "TransposeOptionsT",
    "SOFTMAX": "SoftmaxOptionsT",
    "LEAKY_RELU": "LeakyReluOptionsT",
    "HARD_SWISH": "HardSwishOptionsT",
    "GELU": "GeluOptionsT",
    "QUANTIZE": "QuantizeOptionsT",
}


def _options(s: Any, op: Op) -> Any:
    """The builtin options table of an operator, filled from its attributes."""
    if op.kind not in _OPTIONS:
        return None
    o, a = getattr(s, _OPTIONS[op.kind])(), op.attrs
    if "activation" in a:
        o.fusedActivationFunction = ACTIVATION_CODES[a["activation"]]
    if "padding" in a:
        o.padding = PADDING_CODES[a["padding"]]
    if "stride" in a:
        o.strideH, o.strideW = a["stride"]
    if "dilation" in a:
        o.dilationHFactor, o.dilationWFactor = a["dilation"]
    if "filter" in a:
        o.filterHeight, o.filterWidth = a["filter"]
    direct = {"depth_multiplier": "depthMultiplier", "keep_dims": "keepDims", "keep_num_dims": "keepNumDims",
              "beta": "beta", "alpha": "alpha", "axis": "axis"}  # fmt: skip
    for key, field in direct.items():
        if key in a:
            setattr(o, field, a[key])
    if op.kind == "RESHAPE":
        o.newShape = np.array(a["new_shape"], np.int32)
    return o
